"""What an operator can do about one obligation. Each act takes who does it and why, is written into the audit log in
the transaction that does it, and is done once however many ask for it in the same moment."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import timedelta
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.orm import Session

from makegood.fulfillment.models import Redelivery
from makegood.fulfillment.opening import artefact_name, media_type_of, require_opens
from makegood.fulfillment.redelivering import Redelivering
from makegood.fulfillment.targets import Bench, Target
from makegood.fulfillment.telling import Telling
from makegood.fulfillment.units import current_obligation
from makegood.fulfillment.workflow import Fulfillment
from makegood.kernel import audit
from makegood.kernel.audit import AuditEvent
from makegood.kernel.errors import NotFound, Rejected
from makegood.orders.models import Obligation, Order, OrderInput, work_id
from makegood.orders.obligations import Obligations
from makegood.orders.reading import unit_with_line
from makegood.orders.states import OPEN_DELIVERY, Delivery, Money
from makegood.product_api import Artefact
from makegood.storage import assets
from makegood.storage.assets import Asset, HoldKind

AT_ONCE = timedelta(seconds=30)
"""Two operators who ask for the same within this time mean the same."""


class ReasonMissing(Rejected):
    code = "REASON_MISSING"
    customer = "Please say why."
    operator = "An operator's act needs a reason, and who does it; neither may be empty."


class ObligationUnknown(NotFound):
    code = "OBLIGATION_UNKNOWN"
    operator = "No obligation {obligation}."


class FilesMissing(Rejected):
    code = "FILES_MISSING"
    customer = "Please add at least one file."
    operator = "Completing by hand needs files, each under a name of its own; given were: {given}."


class NotAbandoned(Rejected):
    code = "NOT_ABANDONED"
    operator = "The obligation {obligation} is {delivery}, so there is nothing to make up for."


class Operating:
    """The operator's acts, for console and command line alike. `by` is an operator's e-mail address or `cli`. An act
    returns whether this call did it; one that the obligation's state doesn't allow is not done."""

    def __init__(
        self, bench: Bench, obligations: Obligations, fulfillment: Fulfillment, redelivering: Redelivering,
        telling: Telling, deadline: Callable[[str], timedelta],
    ) -> None:  # fmt: skip
        self._bench, self._database, self._clock, self._obligations = bench, bench.database, bench.clock, obligations
        self._fulfillment, self._redelivering = fulfillment, redelivering
        self._telling, self._deadline = telling, deadline

    def retry(self, obligation_id: str, by: str, reason: str) -> bool:
        """Begin a new attempt now, whatever went wrong before; not when it is at rest, and not while an attempt that
        was asked for a moment ago has not failed."""
        _require(by, reason)
        with self._database.write() as session:
            owed = self._lock(session, obligation_id)
            if self._just_asked(session, owed):
                return False
            attempt = owed.attempt
            done = self._obligations.restart(session, owed.id, attempt, reason)
            if done:
                self._note(session, owed, "operator.retried", by, reason, attempt=attempt + 1)
        return done

    def refund(self, obligation_id: str, by: str, reason: str) -> bool:
        """Give its money back, whatever was delivered; what was not is not made any more. The customer reads the
        reason. Only while the money is kept."""
        _require(by, reason)
        with self._database.write() as session:
            owed = self._lock(session, obligation_id)
            ends_for_nothing = owed.allocated_minor == 0 and owed.delivery in OPEN_DELIVERY
            done = self._obligations.give_back(session, owed.id, reason)
            if done:
                self._note(session, owed, "operator.refunded", by, reason)
                if ends_for_nothing:
                    # There is no money whose going back would tell of it.
                    self._telling.sorry(session, owed, reason)
        return done

    def redeliver(self, obligation_id: str, by: str, reason: str) -> bool:
        """Look at every artefact, rebuild what is lost or damaged, and send the mail again with a fresh link; earlier
        links go on working unless they were revoked. Only what is delivered and whose money is kept."""
        _require(by, reason)
        with self._database.write() as session:
            owed = self._lock(session, obligation_id)
            recent = Redelivery.asked_at > self._clock.now() - AT_ONCE
            told = sa.select(Redelivery.id).where(Redelivery.obligation_id == owed.id, Redelivery.tell, recent)
            if session.scalar(told.where(Redelivery.failed_at.is_(None))):
                return False
            done = self._redelivering.ask(session, owed, by, reason, tell=True)
            if done:
                self._note(session, owed, "operator.redelivered", by, reason)
        return done

    def complete(self, obligation_id: str, files: Sequence[Path], by: str, reason: str) -> bool:
        """Deliver what was made by hand: each file is stored, read back and opened, and granted and mailed like any
        delivery. Only while the money is kept and the delivery is open. Raises `FilesMissing`, `FileDoesNotOpen`."""
        _require(by, reason)
        names = [artefact_name(path) for path in files]
        if not names or len(set(names)) != len(names):
            raise FilesMissing(given=", ".join(names) or "none")
        with self._database.read() as session:
            seen = self._known(session.get(Obligation, obligation_id), obligation_id)
        if seen.delivery not in OPEN_DELIVERY or seen.money != Money.KEPT:
            return False
        target = self._bench.target(seen.id, seen.attempt, given=False)
        made = self._store(target, files)
        with self._database.write() as session:
            owed = self._lock(session, obligation_id)
            target = target.of_attempt(owed.attempt + 1)
            if not self._obligations.take_over(session, owed.id, owed.attempt):
                return False
            self._deliver(session, target, made)
            self._keep_inputs(session, owed)
            files_told = [{"name": a.name, "size": a.size, "sha256": a.sha256} for a in made]
            self._note(session, owed, "operator.completed", by, reason, files=files_told)
        return True

    def goodwill(self, obligation_id: str, by: str, reason: str) -> str:
        """After abandonment: owe the unit once more, at no price. Returns the new obligation's id, or the one that
        already makes up for this one. Raises `NotAbandoned`, or `AssetGone` where its inputs are no longer kept."""
        _require(by, reason)
        with self._database.write() as session:
            order_id = self._known(session.get(Obligation, obligation_id), obligation_id).order_id
            # Whoever ends the order's holds on its inputs locks this row as well.
            session.execute(sa.select(Order.id).where(Order.id == order_id).with_for_update())
            owed = self._lock(session, obligation_id)
            newest = current_obligation(session, owed.unit_id)
            if newest is not None and newest.id != owed.id and newest.delivery != Delivery.ABANDONED:
                return newest.id
            if newest is None or newest.delivery != Delivery.ABANDONED:
                raise NotAbandoned(obligation=owed.id, delivery=owed.delivery)
            _, line, _ = unit_with_line(session, owed.unit_id)
            assets.hold(session, self._clock, _input_ids(session, owed), HoldKind.ORDER, order_id)
            made_up = self._obligations.be_generous(session, newest, self._deadline(line.product_id))
            self._note(session, owed, "operator.was_generous", by, reason, obligation=made_up)
        return made_up

    def _store(self, target: Target, files: Sequence[Path]) -> list[Artefact]:
        """Store what was brought, durably, and convince ourselves that it reads back and opens."""
        workshop = self._bench.workshop
        with self._bench.making(target, lambda _: None) as making:
            for path in files:
                workshop.isolated.run(require_opens, path.absolute(), media_type_of(path), seconds=120)
            made = [
                making.store(artefact_name(path), path, media_type=media_type_of(path), file_name=path.name)
                for path in files
            ]
        for artefact in made:
            workshop.objects.verify(artefact.key, artefact.sha256, artefact.size)
        return made

    def _deliver(self, session: Session, target: Target, made: Sequence[Artefact]) -> None:
        """From owed to delivered in the caller's transaction, by the same steps as any delivery."""
        names = [{"name": a.name, "size": a.size, "sha256": a.sha256} for a in made]
        moved = (
            self._obligations.claim(session, work_id(target.obligation_id, target.attempt), "verify")
            and self._obligations.made(session, target.obligation_id, target.attempt, names)
            and self._obligations.delivered(session, target.obligation_id, target.attempt)
        )
        if not moved:
            raise RuntimeError("a locked obligation changed under our hands")
        for artefact in made:
            self._fulfillment.keep(session, target, artefact)
        self._fulfillment.grant(session, [target])

    def _keep_inputs(self, session: Session, owed: Obligation) -> None:
        """Hold the inputs that are still there, as any delivery does: what we may want to rebuild it from."""
        there = sa.select(Asset.id).where(Asset.id.in_(_input_ids(session, owed)), Asset.deleting_at.is_(None))
        assets.hold(session, self._clock, list(session.scalars(there)), HoldKind.DELIVERY, owed.id)

    def _just_asked(self, session: Session, owed: Obligation) -> bool:
        last = session.scalar(
            sa.select(AuditEvent)
            .where(AuditEvent.subject == owed.id, AuditEvent.event == "operator.retried")
            .order_by(AuditEvent.at.desc(), AuditEvent.id.desc()).limit(1)
        )  # fmt: skip
        recent = last is not None and last.at > self._clock.now() - AT_ONCE
        return recent and last is not None and last.data["attempt"] == owed.attempt

    def _lock(self, session: Session, obligation_id: str) -> Obligation:
        return self._known(self._obligations.lock(session, obligation_id), obligation_id)

    def _known(self, owed: Obligation | None, obligation_id: str) -> Obligation:
        if owed is None:
            raise ObligationUnknown(obligation=obligation_id[:40])
        return owed

    def _note(self, session: Session, owed: Obligation, event: str, by: str, reason: str, **data: object) -> None:
        audit.record(session, self._clock, event, owed.id, owed.order_id, by=by, reason=reason, **data)


def _input_ids(session: Session, owed: Obligation) -> set[str]:
    """Every asset that the obligation's unit is made from."""
    _, line, _ = unit_with_line(session, owed.unit_id)
    inputs = session.scalars(sa.select(OrderInput).where(OrderInput.order_line_id == line.id))
    return {asset_id for file in inputs for asset_id in file.asset_ids.values()}


def _require(by: str, reason: str) -> None:
    if not by.strip() or not reason.strip():
        raise ReasonMissing
