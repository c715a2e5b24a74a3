"""Deleting what nobody needs: holds end by the rule of their class, and an asset without a hold is deleted by
compare-and-set. Every run leaves a report; a deletion that fails is kept in mind, and the run goes on."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, Session, mapped_column

from makegood.kernel import faults, logs
from makegood.kernel.clock import Clock
from makegood.kernel.database import Base, Database
from makegood.kernel.errors import MakegoodError
from makegood.kernel.ids import new_id
from makegood.storage.assets import Asset, Hold
from makegood.storage.objects import ObjectStore

log = logs.get("storage")

AT_A_TIME = 200
REPORTS_KEPT = timedelta(days=400)
MOST_NAMED = 20
"""How many single failures a report names; it counts them all."""


@dataclass(frozen=True, slots=True)
class Rule:
    """A class of holds. `applies` and `over` are conditions on `Hold`, never NULL: which holds belong to the class, and
    of which the time is over; `why` says what keeps the others. `locks` is the table whose row, named by the holder,
    decides: it is locked while its holds end. `release` does what goes with that, in the same transaction."""

    name: str
    applies: sa.ColumnElement[bool]
    over: sa.ColumnElement[bool]
    why: str
    locks: type[Any] | None = None
    release: Callable[[Session, str], None] | None = None


@dataclass(frozen=True, slots=True)
class Line:
    """Assets of one class that go, or that stay: how many, their bytes, when the oldest came, and why."""

    name: str
    count: int
    bytes: int
    oldest: str | None
    why: str


@dataclass(frozen=True, slots=True)
class Plan:
    """What a run would do now."""

    going: tuple[Line, ...]
    staying: tuple[Line, ...]


class RetentionRun(Base):
    """The report of one run. `report` holds the plan it began with and the failures it met."""

    __tablename__ = "retention_run"

    id: Mapped[str] = mapped_column(primary_key=True)
    at: Mapped[datetime] = mapped_column(index=True)
    by: Mapped[str]
    deleted: Mapped[int]
    bytes: Mapped[int] = mapped_column(sa.BigInteger)
    failed: Mapped[int]
    report: Mapped[dict[str, Any]]


class Retention:
    """`grace` is how long an asset may be without a hold: between its upload and the draft that takes it."""

    def __init__(
        self, database: Database, objects: ObjectStore, clock: Clock, grace: timedelta,
        rules: Callable[[datetime], Sequence[Rule]],
    ) -> None:  # fmt: skip
        self._database, self._objects, self._clock = database, objects, clock
        self._grace, self._rules = grace, rules

    def plan(self) -> Plan:
        """What would go by now, and why the rest stays. Reads only."""
        with self._database.read() as session:
            return self._plan(session, self._rules(self._clock.now()))

    def run(self, by: str = "schedule") -> RetentionRun:
        """End the holds whose time is over, delete what nothing holds, and leave a report."""
        rules = self._rules(self._clock.now())
        with self._database.read() as session:
            plan = self._plan(session, rules)
        for rule in rules:
            self._release(rule)
        deleted, size, failures = self._delete_unheld()
        now = self._clock.now()
        run = RetentionRun(
            id=new_id(), at=now, by=by, deleted=deleted, bytes=size, failed=len(failures),
            report={**asdict(plan), "failures": failures[:MOST_NAMED]},
        )  # fmt: skip
        with self._database.write() as session:
            session.execute(sa.delete(RetentionRun).where(RetentionRun.at < now - REPORTS_KEPT))
            session.add(run)
        return run

    def delete(self, asset_ids: Sequence[str]) -> list[str]:
        """Delete those of the assets that nothing holds, now and whatever their age; returns what went wrong."""
        problems = (self._delete(asset_id, self._clock.now())[1] for asset_id in asset_ids)
        return [problem for problem in problems if problem]

    def _plan(self, session: Session, rules: Sequence[Rule]) -> Plan:
        before = self._clock.now() - self._grace
        ended = sa.or_(sa.false(), *(rule.applies & rule.over for rule in rules))
        kept = sa.exists().where(Hold.asset_id == Asset.id, ~ended)
        held = sa.exists().where(Hold.asset_id == Asset.id)
        going: list[Line] = []
        staying: list[Line] = []
        counted: list[sa.ColumnElement[bool]] = []
        for rule in rules:
            mine = sa.exists().where(Hold.asset_id == Asset.id, rule.applies, rule.over)
            # An asset with holds of several classes is counted once, in the first of them.
            goes = [mine, ~kept, Asset.created_at < before, *(~other for other in counted)]
            going.append(_line(session, rule.name, "its time is over", *goes))
            stays = sa.exists().where(Hold.asset_id == Asset.id, rule.applies, ~rule.over)
            staying.append(_line(session, rule.name, rule.why, stays))
            counted.append(mine)
        orphan = Asset.orphan_since.is_not(None)
        going.append(_line(session, "left over", "nothing ever took it", ~held, ~orphan, Asset.created_at < before))
        going.append(_line(session, "without a row", "nothing knew of it", ~held, orphan, Asset.created_at < before))
        staying.append(_line(session, "just come", "something may still take it", ~held, Asset.created_at >= before))
        other = sa.exists().where(Hold.asset_id == Asset.id, ~sa.or_(sa.false(), *(rule.applies for rule in rules)))
        staying.append(_line(session, "other", "something else holds it", other))
        return Plan(tuple(x for x in going if x.count), tuple(x for x in staying if x.count))

    def _release(self, rule: Rule) -> None:
        """Each holder in a transaction of its own, which locks the row that decides and then looks again."""
        query = sa.select(Hold.kind, Hold.holder).where(rule.applies, rule.over).distinct().limit(10 * AT_A_TIME)
        with self._database.read() as session:
            over = list(session.execute(query))
        for kind, holder in over:
            with self._database.write() as session:
                if rule.locks is not None:
                    session.execute(sa.select(rule.locks.id).where(rule.locks.id == holder).with_for_update())
                faults.reach("retention:locked")
                ended = sa.delete(Hold).where(Hold.kind == kind, Hold.holder == holder, rule.applies, rule.over)
                result = session.execute(ended.execution_options(synchronize_session=False))
                if rule.release is not None and result.rowcount:  # type: ignore[attr-defined]
                    rule.release(session, holder)

    def _delete_unheld(self) -> tuple[int, int, list[str]]:
        """How many assets went, their bytes, and what failed. What failed before is tried again."""
        begun, deleted, size = self._clock.now(), 0, 0
        failures: list[str] = []
        unheld = ~sa.exists().where(Hold.asset_id == Asset.id)
        due = sa.or_(Asset.deleting_at.is_not(None), unheld & (Asset.created_at < begun - self._grace))
        last = ""
        while True:
            query = sa.select(Asset.id).where(Asset.deleted_at.is_(None), due, Asset.id > last)
            with self._database.read() as session:
                found = list(session.scalars(query.order_by(Asset.id).limit(AT_A_TIME)))
            if not found:
                return deleted, size, failures
            for asset_id in found:
                freed, problem = self._delete(asset_id, begun - self._grace)
                deleted, size = deleted + (freed is not None), size + (freed or 0)
                failures += [problem] if problem else []
            last = found[-1]

    def _delete(self, asset_id: str, before: datetime) -> tuple[int | None, str | None]:
        """The bytes that were freed, or None, and what went wrong, if something did."""
        with self._database.write() as session:
            asset = session.get_one(Asset, asset_id, with_for_update=True)
            if asset.deleting_at is None:
                # A new statement: it sees every hold that was committed before the row could be locked.
                held = session.scalar(sa.select(sa.exists().where(Hold.asset_id == asset_id)))
                if held or asset.deleted_at is not None or asset.created_at > before:
                    return None, None
                asset.deleting_at = self._clock.now()
        faults.reach("retention:marked")
        with self._database.write() as session:
            # Locked until the object is gone: who finds the row deleted may store under its key again.
            asset = session.get_one(Asset, asset_id, with_for_update=True)
            if asset.deleting_at is None or asset.deleted_at is not None:
                return None, None
            try:
                self._objects.delete(asset.key)
            except MakegoodError as error:
                asset.delete_error = error.for_operator()
                log.warning("retention.failed", asset=asset_id, problem=asset.delete_error)
                return None, asset.delete_error
            faults.reach("retention:deleted")
            asset.deleted_at, asset.delete_error = self._clock.now(), None
        return asset.size, None


def last_runs(session: Session, limit: int = 20) -> list[RetentionRun]:
    """The newest reports, newest first."""
    return list(session.scalars(sa.select(RetentionRun).order_by(RetentionRun.id.desc()).limit(limit)))


def _line(session: Session, name: str, why: str, *conditions: sa.ColumnElement[bool]) -> Line:
    query = sa.select(sa.func.count(), sa.func.coalesce(sa.func.sum(Asset.size), 0), sa.func.min(Asset.created_at))
    query = query.where(Asset.deleted_at.is_(None), Asset.deleting_at.is_(None), *conditions)
    count, size, oldest = session.execute(query).one()
    return Line(name, count, int(size), None if count == 0 else oldest.isoformat(), why)
