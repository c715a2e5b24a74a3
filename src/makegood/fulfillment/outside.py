"""What attempts have outside the shop: recorded before it is used, undone when it belongs to nobody."""

from __future__ import annotations

from collections.abc import Collection
from datetime import timedelta

import sqlalchemy as sa
from sqlalchemy.orm import Session, aliased

from makegood.catalog.products import Products
from makegood.engine import Engine, WorkState
from makegood.fulfillment.contexts import OutsideWork, Workshop
from makegood.fulfillment.models import Grant, Outside
from makegood.fulfillment.units import view_unit
from makegood.kernel import audit, logs
from makegood.kernel.clock import Clock
from makegood.kernel.database import Database
from makegood.kernel.errors import MakegoodError
from makegood.kernel.ids import new_id
from makegood.orders.models import Obligation
from makegood.orders.reading import unit_with_line
from makegood.orders.states import Delivery, Money

DISCARD = "fulfillment.discard"
LONGEST_WAIT = timedelta(minutes=15)
AT_A_TIME = 200

log = logs.get("fulfillment")


class Superseded(MakegoodError):
    code = "SUPERSEDED"
    operator = "Attempt {attempt} at the obligation {obligation} was overtaken, so it ends here."


def record(session: Session, clock: Clock, obligation_id: str, attempt: int, name: str) -> str:
    """The permanent reference of `name` for this obligation, on disk once the caller commits; `Superseded` for an
    attempt that doesn't count any more."""
    query = sa.select(Obligation).where(Obligation.id == obligation_id).with_for_update()
    obligation = session.scalars(query.execution_options(populate_existing=True)).one()
    kept = obligation.money in (Money.KEPT, Money.DISPUTED)
    if obligation.attempt != attempt or obligation.delivery == Delivery.ABANDONED or not kept:
        raise Superseded(obligation=obligation_id, attempt=attempt)
    mine = sa.select(Outside).where(
        Outside.obligation_id == obligation_id, Outside.attempt == attempt, Outside.name == name
    )
    known = session.scalar(mine)
    if known is not None:
        return known.reference
    reference = f"{obligation_id}-{name}"
    session.add(
        Outside(
            id=new_id(), obligation_id=obligation_id, attempt=attempt, name=name, reference=reference,
            recorded_at=clock.now(),
        )
    )  # fmt: skip
    session.flush()
    audit.record(
        session, clock, "outside.recorded", obligation_id, obligation.order_id, attempt=attempt, reference=reference
    )
    return reference


def pass_on(session: Session, obligation_id: str, attempts: Collection[int], to: int) -> None:
    """What these attempts have outside is from now on the attempt `to`'s, which takes their place; each name once."""
    query = sa.select(Outside).where(Outside.obligation_id == obligation_id, Outside.attempt.in_(attempts))
    for row in {row.name: row for row in session.scalars(query)}.values():
        row.attempt = to
    session.flush()


def _left() -> sa.Select[Outside]:
    """What attempts recorded and nobody has: all of it once its obligation is abandoned; once that is delivered, what
    neither the attempt that delivered it nor one that is under way now has recorded as well."""
    held = aliased(Outside)
    in_use = sa.exists().where(
        held.obligation_id == Outside.obligation_id, held.reference == Outside.reference,
        sa.or_(held.attempt == Grant.attempt, held.attempt == Obligation.attempt),
    )  # fmt: skip
    delivered = sa.and_(Obligation.delivery == Delivery.DELIVERED, ~in_use)
    return (
        sa.select(Outside)
        .join(Obligation, Obligation.id == Outside.obligation_id)
        .outerjoin(Grant, Grant.obligation_id == Obligation.id)
        .where(Outside.undone_at.is_(None), sa.or_(Obligation.delivery == Delivery.ABANDONED, delivered))
    )


def left_behind(session: Session, obligation_id: str) -> list[Outside]:
    """What this obligation's attempts recorded and nobody has."""
    query = _left().where(Outside.obligation_id == obligation_id)
    return list(session.scalars(query.execution_options(populate_existing=True)))


def discard_work_id(obligation_id: str, undo_try: int) -> str:
    """The workflow of one try at undoing what an obligation left behind."""
    return f"discard/{obligation_id}/{undo_try}"


class Discarding:
    """Asks products to undo what was left behind, again and again until it is done."""

    def __init__(
        self, database: Database, engine: Engine, clock: Clock, products: Products, workshop: Workshop,
        retry_seconds: float,
    ) -> None:  # fmt: skip
        self._database, self._engine, self._clock = database, engine, clock
        self._products, self._workshop, self._retry_seconds = products, workshop, retry_seconds

    def register(self, engine: Engine) -> None:
        """Make the workflow known to the engine."""
        # A product's work, however long it takes: not among the payments.
        engine.workflow(DISCARD, self.discard, queue="jobs")

    def lost(self, session: Session, obligation_id: str, attempt: int) -> None:
        """An attempt found that it doesn't count: what it did since it was overtaken is looked at again, also if
        somebody is just undoing what it did before."""
        session.execute(
            sa.update(Outside)
            .where(Outside.obligation_id == obligation_id, Outside.attempt == attempt)
            .values(undone_at=None, next_try_at=None, undo_try=Outside.undo_try + 1)
            .execution_options(synchronize_session=False)
        )

    def discard(self, obligation_id: str) -> None:
        """The workflow: one try. What fails is recorded and comes again."""
        with self._database.read() as session:
            obligation = session.get_one(Obligation, obligation_id)
            left = left_behind(session, obligation_id)
            if not left:
                return
            _, line, order = unit_with_line(session, obligation.unit_id)
        ids = [row.id for row in left]
        try:
            with self._database.read() as session:
                unit = view_unit(
                    session, self._workshop.objects, self._products, obligation.unit_id, given=False, made=False
                )
            references = {row.name: row.reference for row in left}
            with self._workshop.folder() as folder:
                self._products.working(line.product_id).discard(
                    OutsideWork(self._workshop, folder, obligation_id, unit, references)
                )
        except Exception as error:
            log.warning("outside.not_undone", obligation=obligation_id, error=str(error)[:300], exc_info=True)
            self._not_yet(ids, str(error)[:500])
            return
        with self._database.write() as session:
            for row in left:
                session.execute(
                    sa.update(Outside)
                    .where(Outside.id == row.id, Outside.undo_try == row.undo_try)
                    .values(undone_at=self._clock.now(), problem=None)
                )
            audit.record(
                session, self._clock, "outside.undone", obligation_id, order.id, references=sorted(references.values())
            )

    def sweep(self) -> None:
        """Ask for what was left behind by obligations at rest, unless somebody is at it."""
        due = sa.or_(Outside.next_try_at.is_(None), Outside.next_try_at <= self._clock.now())
        owners = _left().where(due).with_only_columns(Outside.obligation_id).distinct()
        with self._database.read() as session:
            some = session.scalars(owners.order_by(Outside.obligation_id).limit(AT_A_TIME)).all()
            found = {owner: left_behind(session, owner) for owner in some}
        tries = {owner: max(row.undo_try for row in left) for owner, left in found.items() if left}
        states = self._engine.states([discard_work_id(owner, number) for owner, number in tries.items()])
        for owner, number in tries.items():
            if states[discard_work_id(owner, number)] in (WorkState.ABSENT, WorkState.ENDED):
                self._ask(owner, [row.id for row in found[owner]], number)

    def _ask(self, obligation_id: str, ids: list[str], undo_try: int) -> None:
        with self._database.write() as session:
            asked = session.execute(
                sa.update(Outside)
                .where(Outside.id.in_(ids), Outside.undone_at.is_(None), Outside.undo_try <= undo_try)
                .values(undo_try=undo_try + 1)
                .execution_options(synchronize_session=False)
            )
            if asked.rowcount:  # type: ignore[attr-defined]
                self._engine.enqueue(session, DISCARD, discard_work_id(obligation_id, undo_try + 1), obligation_id)

    def _not_yet(self, ids: list[str], problem: str) -> None:
        with self._database.write() as session:
            for row in session.scalars(sa.select(Outside).where(Outside.id.in_(ids))):
                wait = min(timedelta(seconds=self._retry_seconds) * 2 ** min(row.undo_try, 20), LONGEST_WAIT)
                row.next_try_at, row.problem = self._clock.now() + wait, problem
