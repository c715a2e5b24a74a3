"""Who is alive, and taking over from the dead: what the engine's open-source form lacks.

Every process that works beats on the database's clock. Whoever has beaten without a gap for a whole lease may declare
others dead; a process that finds itself declared dead ends at once, for its work belongs to others now.
"""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.orm import Session

from makegood.engine.models import TakeOver, WorkerRow
from makegood.kernel import faults, logs
from makegood.kernel.database import Database
from makegood.kernel.shared_clock import database_time

log = logs.get("engine")

GRACE_SECONDS = 2.0
"""How long a workflow may count as ours and not run here: it is on its way from the queue to its thread."""
MOST_TRIES = 100
FORGOTTEN_AFTER = 7 * 86400.0


@dataclass(frozen=True, slots=True)
class Pending:
    """A workflow that the engine counts as running: which one, and by whom."""

    workflow_id: str
    workflow: str
    owner: str


@dataclass(frozen=True, slots=True)
class Door:
    """What the fleet needs of the engine."""

    pending: Callable[[], list[Pending]]
    """Every workflow that counts as running, anywhere."""
    running: Mapping[str, object]
    """What really runs in this process, by workflow id."""
    resume: Callable[[Pending], None]
    """Put it back into its queue, with its recorded steps."""
    give_up: Callable[[Pending], None]
    """End it, so that the domain begins a new attempt."""


@dataclass(frozen=True, slots=True)
class Worker:
    """One process that works, as others see it. `quiet_seconds`: since its last beat."""

    executor_id: str
    host: str
    process: int
    started_at: float
    seen_at: float
    quiet_seconds: float
    dead: bool


class Fleet:
    """This process's place among those that work. `beat` every third of a lease, by a thread of the engine's."""

    def __init__(
        self, database: Database, executor_id: str, lease_seconds: float, door: Door, on_fenced: Callable[[], None]
    ) -> None:
        self._database, self._me, self._lease = database, executor_id, lease_seconds
        self._door, self._on_fenced = door, on_fenced
        self._suspects: dict[str, tuple[Pending, float]] = {}
        self._last_beat = self._unbroken_since = time.monotonic()

    def join(self) -> None:
        """Say that this process begins to work."""
        with self._database.write() as session:
            now = session.scalar(sa.select(database_time(session)))
            session.execute(sa.delete(WorkerRow).where(WorkerRow.executor_id == self._me))
            session.add(
                WorkerRow(
                    executor_id=self._me, host=socket.gethostname(), process=os.getpid(), started_at=now, seen_at=now,
                    dead=False,
                )
            )  # fmt: skip
        self._last_beat = self._unbroken_since = time.monotonic()

    def leave(self) -> None:
        """Say that this process ends in order: others need not wait for its lease."""
        with self._database.write() as session:
            session.execute(sa.update(WorkerRow).where(WorkerRow.executor_id == self._me).values(dead=True))

    def turn(self) -> None:
        """Beat, look after the dead, take over what they left. Calls `on_fenced` if this process is the dead one."""
        if not self._beat():
            log.error("worker.fenced", executor=self._me)
            self._on_fenced()
            return
        now = time.monotonic()
        if now - self._last_beat > self._lease:
            # An outage or a stop made our own beats miss: the others may have missed theirs for the same reason.
            self._unbroken_since = now
        self._last_beat = now
        if now - self._unbroken_since >= self._lease:
            self._bury()
        self._take_over(now)

    def _beat(self) -> bool:
        with self._database.write() as session:
            beaten = session.execute(
                sa.update(WorkerRow)
                .where(WorkerRow.executor_id == self._me, WorkerRow.dead.is_(False))
                .values(seen_at=database_time(session))
            )
            return bool(beaten.rowcount == 1)  # type: ignore[attr-defined]

    def _bury(self) -> None:
        with self._database.write() as session:
            now = database_time(session)
            dead = sa.update(WorkerRow).where(
                WorkerRow.dead.is_(False), WorkerRow.executor_id != self._me, WorkerRow.seen_at < now - self._lease
            )
            for executor in session.scalars(dead.values(dead=True).returning(WorkerRow.executor_id)):
                log.warning("worker.declared_dead", executor=executor)
                _cut_off(session, executor)
            long_ago = now - FORGOTTEN_AFTER
            session.execute(sa.delete(WorkerRow).where(WorkerRow.dead.is_(True), WorkerRow.seen_at < long_ago))
            session.execute(sa.delete(TakeOver).where(TakeOver.taken_at < long_ago))

    def _take_over(self, now: float) -> None:
        with self._database.read() as session:
            alive = set(session.scalars(sa.select(WorkerRow.executor_id).where(WorkerRow.dead.is_(False))))
        lost: dict[str, tuple[Pending, float]] = {}
        for pending in self._door.pending():
            is_mine = pending.owner == self._me
            if (is_mine and pending.workflow_id not in self._door.running) or pending.owner not in alive:
                known = self._suspects.get(pending.workflow_id)
                since = known[1] if known and known[0] == pending else now
                lost[pending.workflow_id] = (pending, since)
        self._suspects = lost
        for pending, since in list(lost.values()):
            if pending.owner != self._me or now - since >= GRACE_SECONDS:
                self._retake(pending)
                del self._suspects[pending.workflow_id]

    def _retake(self, pending: Pending) -> None:
        """Resuming knows no owner and revives what was cancelled, so the claim and a late look come first."""
        tries = self._claim(pending)
        if tries is None:
            return
        faults.reach("fleet:claimed")
        if pending not in self._door.pending():
            return
        if tries > MOST_TRIES:
            log.error("work.given_up", workflow=pending.workflow_id, tries=tries)
            self._door.give_up(pending)
            return
        log.warning("work.taken_over", workflow=pending.workflow_id, owner=pending.owner, tries=tries)
        self._door.resume(pending)

    def _claim(self, pending: Pending) -> int | None:
        """How often it has been taken over, this time included; None if somebody else has just done it."""
        with self._database.write() as session:
            now = database_time(session)
            claimed = sa.update(TakeOver).where(
                TakeOver.workflow_id == pending.workflow_id,
                sa.or_(TakeOver.taken_from != pending.owner, TakeOver.taken_at < now - self._lease),
            )
            tries = session.scalar(
                claimed.values(taken_from=pending.owner, taken_at=now, tries=TakeOver.tries + 1)
                .returning(TakeOver.tries)
            )  # fmt: skip
            if tries is not None:
                return int(tries)
            if session.get(TakeOver, pending.workflow_id) is not None:
                return None
        return 1 if self._claim_first(pending) else None

    def _claim_first(self, pending: Pending) -> bool:
        try:
            with self._database.write() as session:
                now = session.scalar(sa.select(database_time(session)))
                session.add(TakeOver(workflow_id=pending.workflow_id, taken_from=pending.owner, taken_at=now, tries=1))
        except sa.exc.IntegrityError:
            return False
        return True


def _cut_off(session: Session, executor: str) -> None:
    """End the connections of a process that may only be frozen, and with them its transactions and locks."""
    if session.get_bind().dialect.name != "sqlite":
        connections = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = :executor"
        session.execute(sa.text(connections), {"executor": executor})


def workers(database: Database) -> list[Worker]:
    """Every process that works or has worked in the last week, the newest first."""
    with database.read() as session:
        now = float(session.scalar(sa.select(database_time(session))) or 0)
        rows = list(session.scalars(sa.select(WorkerRow).order_by(WorkerRow.started_at.desc())))
    return [
        Worker(row.executor_id, row.host, row.process, row.started_at, row.seen_at, now - row.seen_at, row.dead)
        for row in rows
    ]
