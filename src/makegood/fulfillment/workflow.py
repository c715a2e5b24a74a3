"""The durable workflow that works obligations off. Disposable: the obligations' rows decide what is true."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import timedelta
from operator import itemgetter

import sqlalchemy as sa
from sqlalchemy.orm import Session

from makegood.engine import Engine
from makegood.fulfillment import keeping
from makegood.fulfillment.commitments import Commitments
from makegood.fulfillment.models import Grant
from makegood.fulfillment.outside import Discarding, Superseded
from makegood.fulfillment.targets import Bench, Target
from makegood.fulfillment.telling import Telling
from makegood.kernel import audit, logs
from makegood.kernel.errors import MakegoodError, Temporary, Unmakeable
from makegood.kernel.ids import new_id, new_secret
from makegood.orders.models import Order
from makegood.orders.obligations import FULFIL, Obligations
from makegood.orders.reading import unit_with_line
from makegood.orders.states import Delivery
from makegood.product_api import Artefact

log = logs.get("fulfillment")
LONGEST_BACKOFF = 15 * 60.0
SAID_FOR = 15.0
"""Seconds after which a chunk that is still at the same step says so again, which renews its lease."""

Member = tuple[str, int]
"""An obligation's id and the attempt at it."""


class MakingFailed(Temporary):
    code = "MAKING_FAILED"
    customer = "Making this took an unexpected turn; we are trying again."
    operator = "Making failed with {error}: {message}"


class Fulfillment:
    """secure inputs → make → verify → grant → tell, each a recorded step. Works one obligation off, or a chunk of a
    line's: then claiming, checking and granting are done for all of it at once, and each succeeds or fails alone."""

    def __init__(
        self, bench: Bench, obligations: Obligations, commitments: Commitments, discarding: Discarding,
        telling: Telling, retry_seconds: float, downloads_last: timedelta | None = None,
    ) -> None:  # fmt: skip
        """`downloads_last`: how long a grant opens what it grants; for ever, if that isn't said."""
        self._downloads_last = downloads_last
        self._bench, self._database, self._engine, self._clock = bench, bench.database, bench.engine, bench.clock
        self._obligations, self._commitments, self._discarding = obligations, commitments, discarding
        self._telling, self._retry_seconds = telling, retry_seconds

    def register(self, engine: Engine) -> None:
        """Make the workflow known to the engine."""
        engine.workflow(FULFIL, self.fulfil, queue="making")

    def fulfil(self, work: str) -> None:
        """One attempt. Ends with each obligation delivered, or with its next attempt enqueued, or given back."""
        members: list[Member] = self._engine.step("claim", lambda: self._claim(work))
        if not members:
            return
        failed: dict[Member, MakegoodError] = {}
        try:
            self._work_off(work, members, failed)
        except Exception as error:  # noqa: BLE001 - recorded with each obligation
            failed = {member: _typed(error, member) for member in members} | failed
        if failed:
            self._settle(failed)

    def _claim(self, work: str) -> list[Member]:
        with self._database.write() as session:
            return [(owed.id, owed.attempt) for owed in self._obligations.claim(session, work, "secure")]

    def _work_off(self, work: str, members: Sequence[Member], failed: dict[Member, MakegoodError]) -> None:
        targets: dict[Member, Target] = {}
        for member, read in zip(members, self._bench.targets(members), strict=True):
            with _alone(failed, member):
                targets[member] = read()
        self._engine.step("secure", lambda: self._secure(work, list(targets.values())))
        announce = self._announcer(work, len(members))
        made: dict[Member, tuple[Artefact, ...]] = {}
        for member, target in targets.items():
            with _alone(failed, member):
                made[member] = self._make(target, announce)
        if not made:
            return
        wrong = self._engine.step("verify", lambda: self._verify(targets, made, announce))
        failed.update(wrong)
        verified = [targets[member] for member in made if member not in wrong]
        if verified:
            failed.update(self._engine.step("grant", lambda: self._grant(verified)))

    def _announcer(self, work: str, units: int) -> Callable[[str], None]:
        """Tells who waits which step is being worked on. A chunk says each step once in a while, not for each unit."""
        said: dict[str, float] = {}

        def on_step(name: str) -> None:
            now = time.monotonic()
            if units > 1 and name in said and now - said[name] < SAID_FOR:
                return
            said.clear()
            said[name] = now
            with self._database.write() as session:
                self._obligations.at_step(session, work, name)

        return on_step

    def _secure(self, work: str, targets: Sequence[Target]) -> None:
        secured = self._bench.secure(targets)
        if secured:
            subject = targets[0].obligation_id if len(targets) == 1 else work
            with self._database.write() as session:
                audit.record(session, self._clock, "inputs.secured", subject, targets[0].order_id, inputs=secured)

    def _make(self, target: Target, announce: Callable[[str], None]) -> tuple[Artefact, ...]:
        with self._bench.making(target, announce) as making:
            return tuple(target.product.make(making))

    def _verify(
        self, targets: Mapping[Member, Target], made: Mapping[Member, Sequence[Artefact]],
        announce: Callable[[str], None],
    ) -> dict[Member, MakegoodError]:  # fmt: skip
        """Read back and checked, each is `made`, with its rows and holds: one transaction. Returns what was wrong."""
        announce("verify")
        wrong: dict[Member, MakegoodError] = {}
        for member, artefacts in made.items():
            with _alone(wrong, member), self._bench.making(targets[member], announce) as making:
                self._bench.verify(targets[member], making, artefacts)
        with self._database.write() as session:
            for member in [member for member in made if member not in wrong]:
                names = [{"name": a.name, "size": a.size, "sha256": a.sha256} for a in made[member]]
                if self._obligations.made(session, *member, names):
                    for artefact in made[member]:
                        self.keep(session, targets[member], artefact)
                elif not self._was_ours(session, member, Delivery.MADE):
                    wrong[member] = _superseded(member)
        return wrong

    def _grant(self, verified: Sequence[Target]) -> dict[Member, MakegoodError]:
        """Delivered, grant, commitments, mail and holds: one transaction, and only while the money is kept."""
        lost: dict[Member, MakegoodError] = {}
        with self._database.write() as session:
            # Who delivers the last of an order, and of a line, must see what the others did.
            session.execute(sa.select(Order.id).where(Order.id == verified[0].order_id).with_for_update())
            granted = []
            for target in verified:
                member = (target.obligation_id, target.attempt)
                if self._obligations.delivered(session, *member):
                    granted.append(target)
                elif not self._was_ours(session, member, Delivery.DELIVERED):
                    lost[member] = _superseded(member)
            if granted:
                self.grant(session, granted)
        return lost

    def keep(self, session: Session, target: Target, artefact: Artefact) -> None:
        """Add the artefact as made by this attempt, held for its delivery."""
        keeping.keep_artefact(session, self._clock, target.obligation_id, target.attempt, artefact)
        # Now that nobody may delete it any more: an earlier attempt's object may have been cleared away meanwhile.
        self._bench.workshop.objects.path(artefact.key, artefact.size)

    def grant(self, session: Session, delivered: Sequence[Target]) -> None:
        """The customer's right to what was just delivered of a line, what stays promised, the mail, and the holds."""
        now = self._clock.now()
        unit, line, order = unit_with_line(session, delivered[0].unit.id)
        grants = []
        for target in delivered:
            grant = Grant(
                id=new_id(), obligation_id=target.obligation_id, attempt=target.attempt, token=new_secret(),
                granted_at=now, expires_at=None if self._downloads_last is None else now + self._downloads_last,
            )  # fmt: skip
            session.add(grant)
            grants.append(grant)
            keeping.keep_inputs(session, self._clock, target.obligation_id, target.unit)
            self._commitments.begin(session, target, now)
        if line.job_id is not None:
            owners = [target.obligation_id for target in delivered]
            keeping.keep_outputs(session, self._clock, line.job_id, owners)
        session.flush()
        remaining = keeping.release_order(session, order.id)
        is_goodwill = self._obligations.get(session, delivered[0].obligation_id).number > 0
        if line.quantity > 1 and not is_goodwill:
            # Told of when the last of them is at rest.
            self._telling.line_at_rest(session, line.id)
        else:
            self._telling.delivered(session, order, line, grants[0], unit, remaining)

    def _was_ours(self, session: Session, member: Member, delivery: Delivery) -> bool:
        """Whether this very attempt made the change before a kill kept the engine from recording it."""
        obligation = self._obligations.get(session, member[0])
        return obligation.attempt == member[1] and obligation.delivery == delivery

    def _settle(self, failed: Mapping[Member, MakegoodError]) -> None:
        """What becomes of each that was not delivered: overtaken, given back, or tried again on its own."""
        with self._database.write() as session:
            # In their order, as everybody locks them.
            for (obligation_id, attempt), error in sorted(failed.items(), key=itemgetter(0)):
                if isinstance(error, Superseded):
                    counts = False
                elif isinstance(error, Unmakeable):
                    counts = self._obligations.give_up(session, obligation_id, attempt, error)
                    if counts:
                        self._telling.sorry(session, self._obligations.get(session, obligation_id))
                else:
                    backoff = min(LONGEST_BACKOFF, self._retry_seconds * 2 ** min(attempt - 1, 20))
                    counts = self._obligations.failed(session, obligation_id, attempt, error, backoff)
                if not counts:
                    self._discarding.lost(session, obligation_id, attempt)


@contextmanager
def _alone(failed: dict[Member, MakegoodError], member: Member) -> Iterator[None]:
    """What goes wrong with one of a chunk is that one's alone."""
    try:
        yield
    except Exception as error:  # noqa: BLE001 - recorded with the obligation
        failed[member] = _typed(error, member)


def _superseded(member: Member) -> Superseded:
    return Superseded(obligation=member[0], attempt=member[1])


def _typed(error: Exception, member: Member) -> MakegoodError:
    """The error as something that can be recorded, kept by the engine and shown."""
    if isinstance(error, MakegoodError):
        return error
    log.error("making.failed", obligation=member[0], attempt=member[1], exc_info=error)
    return MakingFailed(error=type(error).__name__, message=str(error)[:300])
