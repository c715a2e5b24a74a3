"""Obligations: created with the payment, changed only by compare-and-set, each change with its audit event."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta
from operator import attrgetter
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from makegood.engine import Engine
from makegood.kernel import audit
from makegood.kernel.clock import Clock
from makegood.kernel.errors import MakegoodError
from makegood.kernel.ids import new_id
from makegood.orders.models import Obligation, Order, OrderLine, Refund, Unit, work_id
from makegood.orders.reversals import PAY_BACK, ROW, SURPLUS, WHOLE, abandonment, pay_back_work_id, refund_reference
from makegood.orders.states import DELIVERY, MONEY, OPEN_DELIVERY, Delivery, Money, RefundState

FULFIL = "fulfillment.fulfil"
REFUND = "payments.refund"
LEASE = timedelta(seconds=60)
IS_OPEN = Obligation.delivery.in_(OPEN_DELIVERY)


def refund_work_id(obligation_id: str, refund_try: int) -> str:
    """The workflow of one try at giving an obligation's money back."""
    return f"refund/{obligation_id}/{refund_try}"


class Obligations:
    """What is owed. Every method works in the caller's transaction and tells whether it made the change."""

    def __init__(self, engine: Engine, clock: Clock, chunk: Callable[[str], int] = lambda _product_id: 1) -> None:
        """`chunk` says how many units of a product's lines are worked off together."""
        self._engine, self._clock, self._chunk = engine, clock, chunk

    def owe(self, session: Session, order: Order, payment_id: str, deadline: Callable[[str], timedelta]) -> None:
        """Owe every unit of a paid order and enqueue the work, in the transaction that marks the payment paid."""
        now = self._clock.now()
        for line in order.lines:
            due = now + deadline(line.product_id)
            line.untold = line.quantity > 1
            for units in self._chunks(line):
                owed = [
                    Obligation(
                        id=new_id(), order_id=order.id, unit_id=unit.id, number=0, payment_id=payment_id,
                        allocated_minor=unit.amount_minor, returned_minor=0, delivery=Delivery.OWED, money=Money.KEPT,
                        attempt=1, refund_try=0, owed_at=now, deadline_at=due,
                    )
                    for unit in units
                ]  # fmt: skip
                work = work_id(owed[0].id, 1) if len(owed) == 1 else f"chunk/{owed[0].id}"
                for obligation in owed:
                    obligation.work = work
                    session.add(obligation)
                    self._note(session, obligation, "obligation.owed", allocated=obligation.allocated_minor)
                session.flush()
                self._enqueue(session, work)

    def _chunks(self, line: OrderLine) -> Iterator[Sequence[Unit]]:
        size = max(1, self._chunk(line.product_id))
        for first in range(0, len(line.units), size):
            yield line.units[first : first + size]

    def claim(self, session: Session, work: str, step: str) -> list[Obligation]:
        """Take what this workflow is to work off into making, as far as it is still this workflow's and its money is
        kept; it begins with `step`."""
        taken = DELIVERY.take(
            session, Obligation.delivery, Obligation.id.in_(_in_order(work)), Delivery.MAKING, Obligation.work == work,
            Obligation.money == Money.KEPT, lease_until=self._clock.now() + LEASE, at_step=step,
        )  # fmt: skip
        claimed = sorted(taken, key=attrgetter("id"))
        for obligation in claimed:
            self._note(session, obligation, "obligation.claimed", attempt=obligation.attempt)
        self._note_step(session, claimed, work, step)
        return claimed

    def at_step(self, session: Session, work: str, step: str) -> None:
        """Say which step this workflow is working on, for who waits and for the order's story, and renew the lease."""
        members = session.execute(
            sa.update(Obligation)
            .where(Obligation.id.in_(_in_order(work)), Obligation.delivery.in_(OPEN_DELIVERY))
            .values(at_step=step, lease_until=self._clock.now() + LEASE)
            .returning(Obligation.id, Obligation.order_id, Obligation.attempt)
            .execution_options(synchronize_session=False)
        )
        self._note_step(session, sorted(members, key=attrgetter("id")), work, step)

    def _note_step(self, session: Session, members: Sequence[Any], work: str, step: str) -> None:
        """A chunk's steps are noted once for all that is in it; of its obligations three fields are read."""
        if members:
            subject = members[0].id if len(members) == 1 else work
            audit.record(
                session, self._clock, "step.began", subject, members[0].order_id, step=step,
                attempt=members[0].attempt, units=len(members),
            )  # fmt: skip

    def made_again(self, session: Session, obligation_id: str, attempt: int, work: str) -> bool:
        """Begin another attempt at something that is delivered and stays so: a redelivery by the workflow `work`."""
        result = session.execute(
            sa.update(Obligation)
            .where(
                Obligation.id == obligation_id,
                Obligation.attempt == attempt,
                Obligation.delivery == Delivery.DELIVERED,
                Obligation.money.in_((Money.KEPT, Money.DISPUTED)),
            )
            .values(attempt=attempt + 1, work=work)
            .execution_options(synchronize_session=False)
        )
        return bool(result.rowcount == 1)  # type: ignore[attr-defined]

    def made(self, session: Session, obligation_id: str, attempt: int, artefacts: list[dict[str, Any]]) -> bool:
        """The artefacts are verified."""
        made = self._deliver(session, obligation_id, attempt, Delivery.MADE, come_from=[Delivery.MAKING])
        if made is not None:
            self._note(session, made, "artefact.verified", artefacts=artefacts)
        return made is not None

    def delivered(self, session: Session, obligation_id: str, attempt: int) -> bool:
        """The customer has what was owed; the caller commits the grant with it. Only while the money is kept."""
        delivered = self._deliver(
            session, obligation_id, attempt, Delivery.DELIVERED, delivered_at=self._clock.now(),
            lease_until=None, next_try_at=None, error_code=None, error_text=None,
        )  # fmt: skip
        if delivered is not None:
            self._note(session, delivered, "obligation.delivered", attempt=attempt)
        return delivered is not None

    def failed(self, session: Session, obligation_id: str, attempt: int, error: MakegoodError, backoff: float) -> bool:
        """This attempt failed but may heal: record why and enqueue the next attempt after `backoff` seconds."""
        values = {"error_code": error.code, "error_text": error.for_operator()}
        return self._again(session, obligation_id, attempt, "obligation.attempt_failed", backoff, **values)

    def restart(self, session: Session, obligation_id: str, attempt: int, reason: str) -> bool:
        """Begin a new attempt because `attempt` has no live workflow any more."""
        return self._again(session, obligation_id, attempt, "obligation.restarted", 0, reason_noted=reason)

    def take_over(self, session: Session, obligation_id: str, attempt: int) -> bool:
        """Begin a new attempt that no workflow works on, because the caller brings the result in this transaction."""
        result = session.execute(
            sa.update(Obligation)
            .where(
                Obligation.id == obligation_id,
                Obligation.attempt == attempt,
                Obligation.delivery.in_(OPEN_DELIVERY),
                Obligation.money == Money.KEPT,
            )
            .values(attempt=attempt + 1, work=work_id(obligation_id, attempt + 1))
        )
        return bool(result.rowcount == 1)  # type: ignore[attr-defined]

    def be_generous(self, session: Session, abandoned: Obligation, lasts: timedelta) -> str:
        """Owe the unit of an abandoned obligation once more, at no price; returns the new obligation's id. The caller
        has locked the order's row, so that two don't both do it; a constraint has the last word."""
        now = self._clock.now()
        obligation = Obligation(
            id=new_id(), order_id=abandoned.order_id, unit_id=abandoned.unit_id, number=abandoned.number + 1,
            payment_id=abandoned.payment_id, allocated_minor=0, returned_minor=0, delivery=Delivery.OWED,
            money=Money.KEPT, attempt=1, refund_try=0, owed_at=now, deadline_at=now + lasts,
        )  # fmt: skip
        session.add(obligation)
        session.flush()
        self._enqueue(session, obligation.work)
        self._note(session, obligation, "obligation.owed", allocated=0, goodwill_for=abandoned.id)
        return obligation.id

    def give_up(self, session: Session, obligation_id: str, attempt: int, error: MakegoodError) -> bool:
        """This attempt has found that it can't be made: give the money back, unless another attempt has taken over or
        it has been delivered."""
        is_ours = Obligation.attempt == attempt
        return self.give_back(session, obligation_id, error.for_customer(), IS_OPEN, is_ours, error=error)

    def give_up_late(self, session: Session, obligation_id: str, now: datetime, error: MakegoodError) -> bool:
        """Its deadline has passed: give the money back, unless it has been delivered or has more time by now."""
        is_late = Obligation.deadline_at <= now
        return self.give_back(session, obligation_id, error.for_customer(), IS_OPEN, is_late, error=error)

    def give_back(
        self, session: Session, obligation_id: str, reason: str, *guards: sa.ColumnElement[bool],
        error: MakegoodError | None = None,
    ) -> bool:  # fmt: skip
        """Give the money back, whatever has been delivered, where all `guards` hold; what has not been is abandoned in
        the same statement, and the refund is enqueued in the same transaction."""
        values: dict[str, Any] = {"reason": reason, "refund_try": 1, **abandonment(self._clock.now())}
        if error is not None:
            values |= {"error_code": error.code, "error_text": error.for_operator()}
        taken = MONEY.take(
            session, Obligation.money, Obligation.id == obligation_id, Money.REFUNDING, *guards, **values
        )
        for obligation in taken:
            self._engine.enqueue(session, REFUND, refund_work_id(obligation_id, 1), obligation_id)
            self._note(session, obligation, "obligation.refunding", reason=reason)
        return bool(taken)

    def retry_refund(self, session: Session, obligation_id: str, refund_try: int, delay: float = 0) -> bool:
        """Enqueue another try at the refund; only one caller wins for each `refund_try`."""
        result = session.execute(
            sa.update(Obligation)
            .where(
                Obligation.id == obligation_id,
                Obligation.money == Money.REFUNDING,
                Obligation.refund_try == refund_try,
            )
            .values(refund_try=refund_try + 1)
        )
        if result.rowcount != 1:  # type: ignore[attr-defined]
            return False
        self._engine.enqueue(session, REFUND, refund_work_id(obligation_id, refund_try + 1), obligation_id, delay=delay)
        return True

    def give_part(self, session: Session, obligation_id: str, amount_minor: int, reason: str, key: str) -> int:
        """Give `amount_minor` of a unit's money back and keep the rest, once for each `key` (the occasion; stable,
        at most 100 characters). `reason` is a sentence for the customer. Never more than is left: then what is left
        goes. Returns how much goes: 0 if this key has been there, or nothing is left, or all of it goes back anyway."""
        if amount_minor <= 0 or key in ("", WHOLE, SURPLUS) or len(key) > 100:
            raise ValueError(f"no part of any money: {amount_minor} for {key!r}")
        # Whoever records a refund of this unit holds its row, so that the sum below stays true.
        owed = session.get_one(Obligation, obligation_id, with_for_update=ROW, populate_existing=True)
        promised = session.scalar(
            sa.select(sa.func.coalesce(sa.func.sum(Refund.amount_minor), 0)).where(
                Refund.obligation_id == obligation_id, Refund.state != RefundState.SUCCEEDED
            )
        )
        amount = min(amount_minor, owed.allocated_minor - owed.returned_minor - int(promised or 0))
        known = session.scalar(sa.select(Refund.id).where(Refund.obligation_id == obligation_id, Refund.key == key))
        if known or amount <= 0 or owed.money not in (Money.KEPT, Money.DISPUTED):
            return 0
        refund = Refund(
            id=new_id(), payment_id=owed.payment_id, obligation_id=obligation_id, key=key,
            reference=refund_reference(owed, key), amount_minor=amount,
            currency=session.get_one(Order, owed.order_id).currency, reason=reason, state=RefundState.RECORDED,
            tries=1, created_at=self._clock.now(),
        )  # fmt: skip
        session.add(refund)
        session.flush()
        self._engine.enqueue(session, PAY_BACK, pay_back_work_id(refund.id, 1), refund.id)
        self._note(session, owed, "obligation.part_refunding", amount=amount, asked=amount_minor, reason=reason)
        return amount

    def lock(self, session: Session, obligation_id: str) -> Obligation | None:
        """The obligation, its row locked until the transaction ends; None if there is no such one."""
        query = sa.select(Obligation).where(Obligation.id == obligation_id).with_for_update()
        return session.scalar(query.execution_options(populate_existing=True))

    def get(self, session: Session, obligation_id: str) -> Obligation:
        """The obligation as it is now in this transaction."""
        query = sa.select(Obligation).where(Obligation.id == obligation_id).execution_options(populate_existing=True)
        return session.scalars(query).one()

    def _deliver(
        self, session: Session, obligation_id: str, attempt: int, new: Delivery, **also: Any
    ) -> Obligation | None:
        taken = DELIVERY.take(
            session, Obligation.delivery, Obligation.id == obligation_id, new,
            Obligation.attempt == attempt, Obligation.money == Money.KEPT, **also,
        )  # fmt: skip
        return next(iter(taken), None)

    def _again(
        self, session: Session, obligation_id: str, attempt: int, event: str, delay: float,
        reason_noted: str | None = None, **values: Any,
    ) -> bool:  # fmt: skip
        result = session.execute(
            sa.update(Obligation)
            .where(
                Obligation.id == obligation_id,
                Obligation.attempt == attempt,
                Obligation.delivery.in_(OPEN_DELIVERY),
                Obligation.money == Money.KEPT,
            )
            .values(
                attempt=attempt + 1,
                work=work_id(obligation_id, attempt + 1),
                next_try_at=self._clock.now() + timedelta(seconds=delay),
                **values,
            )
            .execution_options(synchronize_session=False)
        )
        if result.rowcount != 1:  # type: ignore[attr-defined]
            return False
        self._enqueue(session, work_id(obligation_id, attempt + 1), delay)
        noted = {"attempt": attempt, "code": values.get("error_code"), "text": values.get("error_text")}
        noted["reason"] = reason_noted
        self._note(session, self.get(session, obligation_id), event, **noted)
        return True

    def _enqueue(self, session: Session, work: str, delay: float = 0) -> None:
        self._engine.enqueue(session, FULFIL, work, work, delay=delay)

    def _note(self, session: Session, obligation: Obligation, event: str, **data: Any) -> None:
        audit.record(session, self._clock, event, obligation.id, obligation.order_id, **data)


def _in_order(work: str) -> sa.Select[str]:
    """What this workflow works off, locked in its order, so that two who want some of the same don't wait for each
    other."""
    return sa.select(Obligation.id).where(Obligation.work == work).order_by(Obligation.id).with_for_update()
