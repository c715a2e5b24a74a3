"""The sweep over commitments: what stays owed is looked at, restored when it fails, and ended when it is over."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.orm import Session

from makegood.catalog.products import ProductUnknown
from makegood.engine import WorkState
from makegood.fulfillment.commitments import Commitments, is_standing, standing, term_of
from makegood.fulfillment.models import Commitment
from makegood.fulfillment.restoring import RESTORE, restore_work_id
from makegood.fulfillment.states import CommitmentState
from makegood.fulfillment.targets import Bench
from makegood.fulfillment.units import current_obligation, view_unit
from makegood.kernel import audit, logs
from makegood.kernel.errors import MakegoodError, Misconfigured
from makegood.orders.models import Obligation
from makegood.orders.reading import unit_with_line
from makegood.orders.states import Money
from makegood.product_api import CommitmentTerm, Product, UnitView

AT_A_TIME = 200
SIDE_BY_SIDE = 4

log = logs.get("fulfillment")


@dataclass(frozen=True, slots=True)
class Kept:
    """A unit with something that stays owed for it."""

    obligation_id: str
    unit: UnitView
    product: Product


class CommitmentSweep:
    """Each part looks at everything anew; of several processes one takes each commitment in each turn."""

    def __init__(self, bench: Bench, commitments: Commitments, probe_seconds: float) -> None:
        self._bench, self._commitments = bench, commitments
        self._database, self._clock, self._engine = bench.database, bench.clock, bench.engine
        self._every = timedelta(seconds=probe_seconds)

    @property
    def parts(self) -> tuple[Callable[[], object], ...]:
        """One pass, in parts of which none needs another to succeed."""
        return self.end, self.probe, self.revoke

    def end(self) -> None:
        """End what is over: by its time, or because its money went back."""
        gone = sa.exists().where(
            Obligation.id == Commitment.obligation_id,
            Obligation.money.in_((Money.REFUNDING, Money.REFUNDED, Money.CHARGED_BACK)),
        )
        query = sa.select(Commitment).where(
            Commitment.state == CommitmentState.STANDING, sa.or_(Commitment.until <= self._clock.now(), gone)
        )
        last = ""
        while True:
            # All of them, in turn: one that has to wait keeps no other from ending.
            with self._database.read() as session:
                next_ones = query.where(Commitment.id > last).order_by(Commitment.id).limit(AT_A_TIME)
                over = list(session.scalars(next_ones))
            if not over:
                return
            last = over[-1].id
            for row in over:
                self._end(row)

    def _end(self, row: Commitment) -> None:
        # Whether what fails was kept to its end only its product can say: without it, this one waits.
        with logs.contained(log, "commitment.not_ended", commitment=row.id):
            grace = self._grace(row) if row.failing_since else timedelta()
            with self._database.write() as session:
                self._commitments.end(session, row.id, grace)

    def probe(self) -> None:
        """Look at what is due to be looked at."""
        self._each(Commitment.state == CommitmentState.STANDING, self._probe)

    def revoke(self) -> None:
        """Take back what ended units have outside, until that has succeeded."""
        self._each(sa.and_(Commitment.state != CommitmentState.STANDING, Commitment.revoke_due), self._revoke)

    def _each(self, which: sa.ColumnElement[bool], look: Callable[[str, str], None]) -> None:
        query = (
            sa.select(Commitment.unit_id, Commitment.kind)
            .where(which, Commitment.next_probe_at <= self._clock.now())
            .group_by(Commitment.unit_id, Commitment.kind)
            .order_by(sa.func.min(Commitment.next_probe_at)).limit(AT_A_TIME)
        )  # fmt: skip
        with self._database.read() as session:
            due = [(unit_id, kind) for unit_id, kind in session.execute(query)]
        if not due:
            return

        def one(unit_and_kind: tuple[str, str]) -> None:
            try:
                if self._take(*unit_and_kind):
                    look(*unit_and_kind)
            except Exception:
                # The others are looked at all the same, and this one again in its next turn.
                log.exception("commitment.look_failed", unit=unit_and_kind[0], kind=unit_and_kind[1])

        with ThreadPoolExecutor(SIDE_BY_SIDE) as pool:
            list(pool.map(one, due))

    def _take(self, unit_id: str, kind: str) -> bool:
        """Whether it is this process that looks, this time."""
        now = self._clock.now()
        with self._database.write() as session:
            taken = session.execute(
                sa.update(Commitment)
                .where(Commitment.unit_id == unit_id, Commitment.kind == kind, Commitment.next_probe_at <= now)
                .values(next_probe_at=now + self._every)
                .execution_options(synchronize_session=False)
            )
            return bool(taken.rowcount)  # type: ignore[attr-defined]

    def _probe(self, unit_id: str, kind: str) -> None:
        term, problem = CommitmentTerm(kind, timedelta()), None
        try:
            # First how patient the product is, which can be read also while a file is missing.
            kept = self._kept(unit_id, files=False)
            term = term_of(kept.product, kept.unit, kind)
            kept = self._kept(unit_id)
            with self._bench.outside(kept.obligation_id, kept.unit, dict(kept.unit.references)) as ctx:
                problem = kept.product.probe(ctx)
        except (Misconfigured, ProductUnknown) as error:
            # The shop can't look: that says nothing of what it would have seen, so no time runs against it.
            log.warning("commitment.not_looked_at", unit=unit_id, kind=kind, problem=error.for_operator())
            return
        except MakegoodError as error:
            problem = error.for_operator()
        except Exception as error:
            log.exception("commitment.probe_failed", unit=unit_id, kind=kind)
            problem = f"{type(error).__name__}: {error}"
        self._seen(unit_id, kind, problem and problem[:500], term)

    def _seen(self, unit_id: str, kind: str, problem: str | None, term: CommitmentTerm) -> None:
        now = self._clock.now()
        with self._database.write() as session:
            rows = standing(session, unit_id, kind)
            if not rows:
                return
            head = rows[0]
            since, failing = self._failing(head, now) if problem else (None, timedelta())
            if (since is None) != (head.failing_since is None):
                owed = session.get_one(Obligation, head.obligation_id)
                event = "commitment.failing" if problem else "commitment.well_again"
                audit.record(session, self._clock, event, owed.id, owed.order_id, kind=kind, problem=problem)
            session.execute(
                sa.update(Commitment).where(is_standing(unit_id, kind))
                .values(
                    probed_at=now, failing_since=since, failing_seconds=failing.total_seconds(), problem=problem
                )
                .execution_options(synchronize_session=False)
            )  # fmt: skip
        if since is None or failing < term.grace:
            return
        if failing < term.grace + term.limit:
            self._restore(head.id, head.restore_try)
            return
        with self._database.write() as session:
            is_over = self._commitments.break_off(session, unit_id, kind)
        if not is_over:
            self._restore(head.id, head.restore_try)

    def _grace(self, row: Commitment) -> timedelta:
        kept = self._kept(row.unit_id, files=False)
        return term_of(kept.product, kept.unit, row.kind).grace

    def _failing(self, head: Commitment, now: datetime) -> tuple[datetime, timedelta]:
        """Since when it fails, and for how long it was seen to. A look counts for the time between two looks at most:
        while nobody looked it may have been well, and the last one may have had another clock."""
        passed = timedelta()
        if head.failing_since is not None and head.probed_at is not None:
            passed = min(max(now - head.probed_at, timedelta()), self._every)
        return head.failing_since or now, timedelta(seconds=head.failing_seconds) + passed

    def _restore(self, commitment_id: str, restore_try: int) -> None:
        """Ask for the unit to be made again, unless somebody is at it."""
        if self._engine.state(restore_work_id(commitment_id, restore_try)) not in (WorkState.ABSENT, WorkState.ENDED):
            return
        with self._database.write() as session:
            asked = session.execute(
                sa.update(Commitment)
                .where(
                    Commitment.id == commitment_id,
                    Commitment.restore_try == restore_try,
                    Commitment.state == CommitmentState.STANDING,
                    Commitment.failing_since.is_not(None),
                )
                .values(restore_try=restore_try + 1)
            )
            if asked.rowcount == 1:  # type: ignore[attr-defined]
                work = restore_work_id(commitment_id, restore_try + 1)
                self._engine.enqueue(session, RESTORE, work, commitment_id, work)

    def _revoke(self, unit_id: str, kind: str) -> None:
        kept = self._kept(unit_id, files=False)
        with self._bench.outside(kept.obligation_id, kept.unit, dict(kept.unit.references)) as ctx:
            kept.product.revoke(ctx)
        with self._database.write() as session:
            session.execute(
                sa.update(Commitment).where(Commitment.unit_id == unit_id, Commitment.kind == kind)
                .values(revoke_due=False).execution_options(synchronize_session=False)
            )  # fmt: skip
            owed = session.get_one(Obligation, kept.obligation_id)
            audit.record(session, self._clock, "commitment.revoked", owed.id, owed.order_id, kind=kind)

    def _kept(self, unit_id: str, *, files: bool = True) -> Kept:
        with self._database.read() as session:
            return self._read(session, unit_id, files)

    def _read(self, session: Session, unit_id: str, files: bool) -> Kept:
        _, line, _ = unit_with_line(session, unit_id)
        objects, products = self._bench.workshop.objects, self._bench.products
        unit = view_unit(session, objects, products, unit_id, given=False, made=files)
        owed = current_obligation(session, unit_id)
        if owed is None:
            raise LookupError(f"the unit {unit_id} has a commitment and no obligation")
        return Kept(owed.id, unit, products.working(line.product_id))
