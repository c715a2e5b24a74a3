"""Workflows that survive a kill: DBOS on the shop's own database. The only module that imports it.

Workflows are disposable: the domain tables are the truth, and a sweep starts again what the engine lost.
"""

from __future__ import annotations

import os
import threading
import time
from collections import Counter
from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import datetime
from enum import StrEnum
from functools import partial
from typing import Any, TypeVar

from dbos import DBOS, DBOSClient, Queue
from sqlalchemy.orm import Session

from makegood.engine import fleet, listener
from makegood.engine.dispatch import TOGETHER, Dispatcher
from makegood.engine.fleet import Door, Fleet, Pending, Worker
from makegood.engine.listener import Listener
from makegood.engine.periodic import Periodic
from makegood.kernel import faults, logs
from makegood.kernel.database import BOOT, Database, advisory_lock, after_commit, create_engine

T = TypeVar("T")
log = logs.get("engine")

APPLICATION = "makegood"
# One version for ever: work enqueued by an older release must be taken up by a newer one.
VERSION = "1"
SCHEMA = "engine"
"""Where the engine's tables are in PostgreSQL; SQLite has no schemas."""
# SQLite has one process that works, which at every start takes up at once what its predecessor left.
EMBEDDED = "embedded"
MIGRATING = 5_381_409_774
"""PostgreSQL's advisory lock that keeps two starts from creating the engine's tables at once."""


DELAYED_EVERY = 1.1
"""Seconds after which the engine has surely noticed that delayed work is due: it looks every second."""
PUT_BACK_WITHIN = 10.0
"""Seconds that a start waits at most for what was interrupted to be back in the queues."""
RECORDED_AFTER = 0.02
"""Seconds that the engine mostly takes to record an end; where it takes longer, polling finds what waits."""
FENCED = 75
"""Exit code of a process that was taken for dead: start it again."""


class WorkState(StrEnum):
    """What the engine knows of a workflow."""

    ABSENT = "absent"
    WAITING = "waiting"
    RUNNING = "running"
    ENDED = "ended"


class Engine:
    """Register workflows, `launch` (or `attach`), then `enqueue` in the transaction that needs the work."""

    def __init__(self, database: Database, *, workers: int, poll_seconds: float, lease_seconds: float) -> None:
        self._domain = database
        self._database = create_engine(database.url, implicit_begin=True)
        self._workers, self._poll_seconds, self._lease_seconds = workers, poll_seconds, lease_seconds
        self.executor_id = EMBEDDED if database.is_sqlite else BOOT
        self._running: dict[str, object] = {}
        self._busy: Counter[str] = Counter()
        self._pressed: set[str] = set()
        self._queues: dict[str, str] = {}
        self._client: DBOSClient | None = None
        self._lock = threading.Lock()
        self._dispatcher: Dispatcher | None = None
        self._listener: Listener | None = None
        self._fleet: Fleet | None = None
        self._beats: Periodic | None = None

    def workflow(self, name: str, body: Callable[..., None], *, queue: str) -> None:
        """Register `body` as the workflow `name`, whose work waits in `queue`. Its arguments are text and numbers."""

        def run(*args: Any) -> None:
            identity, token = str(DBOS.workflow_id), object()
            self._running[identity] = token
            self._begins(queue)
            try:
                body(*args)
            except Exception:
                log.exception("workflow.failed", workflow=name, id=identity)
                raise
            finally:
                with self._lock:
                    if self._running.get(identity) is token:
                        del self._running[identity]
                self._ends(queue)

        DBOS.workflow(name=name, max_recovery_attempts=1000)(run)
        self._queues[name] = queue

    def launch(self, on_fenced: Callable[[], None] | None = None) -> None:
        """Migrate the engine's own tables, take up what waits and what was interrupted, and look after other
        processes' work. `on_fenced` is called when the others took this process for dead: it has to end at once."""
        with self._one_at_a_time():
            engine = DBOS(
                config={
                    "name": APPLICATION,
                    "system_database_engine": self._database,
                    "dbos_system_schema": SCHEMA,
                    "application_version": VERSION,
                    "executor_id": self.executor_id,
                    "log_level": "ERROR",
                    "use_listen_notify": False,
                    # What was taken from a queue never waits for a thread.
                    "max_executor_threads": self._workers * len(set(self._queues.values())) + 16,
                }
            )
            # The dispatcher takes from the queues, so that it can be woken.
            DBOS.listen_queues([])
            self._join(on_fenced or end_fenced)
            DBOS.launch()
        self.attach()
        if self._has_put_back():
            # The engine's own queue and schedules, of which we make no use, would be polled every second. The thread
            # that puts back what was interrupted heeds these events too.
            for unused in engine.background_thread_stop_events:
                unused.set()
        self._dispatcher = Dispatcher(engine, [self._queue(name) for name in sorted(set(self._queues.values()))])
        self._dispatcher.start()
        if not self._domain.is_sqlite:
            self._listener = Listener(self._domain.url, self._wake)
            self._listener.start()
        if self._beats is not None:
            self._beats.start()

    def prepare(self) -> None:
        """Create the engine's own tables, for a process that only enqueues."""
        with self._one_at_a_time():
            DBOS.migrate(self._database.url.render_as_string(hide_password=False), schema=SCHEMA)

    def attach(self) -> None:
        """Only enqueue and look, beside the processes that work."""
        self._client = DBOSClient(
            system_database_engine=self._database, dbos_system_schema=SCHEMA, application_name=APPLICATION
        )

    def enqueue(self, session: Session, workflow: str, identity: str, *args: Any, delay: float = 0) -> None:
        """Ask for the workflow in the caller's transaction. The same identity again changes nothing."""
        options: Any = {
            "workflow_name": workflow,
            "queue_name": self._queues[workflow],
            "workflow_id": identity,
            "app_version": VERSION,
        }
        if delay > 0:
            options["delay_seconds"] = delay
        self._door.enqueue_in_transaction(session, options, *args)
        queue = self._queues[workflow]
        if delay > 0:
            after_commit(session, partial(self._wake_in, queue, delay + DELAYED_EVERY))
            return
        after_commit(session, partial(self._wake, queue))
        if not self._domain.is_sqlite:
            listener.announce(session, queue)

    def state(self, identity: str) -> WorkState:
        """What has become of the workflow. What runs and has lost its process is taken over by the fleet."""
        return self.states([identity])[identity]

    def states(self, identities: list[str]) -> dict[str, WorkState]:
        """`state` of many, in few queries: a database takes only so many values in one."""
        found = dict.fromkeys(identities, WorkState.ABSENT)
        for first in range(0, len(identities), AT_A_TIME):
            some = identities[first : first + AT_A_TIME]
            for known in self._door.list_workflows(workflow_ids=some, load_input=False, load_output=False):
                found[known.workflow_id] = _STATES.get(str(known.status), WorkState.ENDED)
        return found

    def forget_ended(self, before: datetime) -> int:
        """Delete the engine's records of what ended before then, at most `AT_A_TIME`; returns how many. Nothing is lost
        with them: to those who ask, what is not there and what has ended are the same."""
        ended = self._door.list_workflows(
            status=ENDED, completed_before=before.isoformat(), limit=AT_A_TIME, load_input=False, load_output=False
        )
        if ended:
            self._door.delete_workflows([one.workflow_id for one in ended])
        return len(ended)

    def workers(self) -> list[Worker]:
        """The processes that work, on every host, and those that lately did."""
        return fleet.workers(self._domain)

    def step(self, name: str, work: Callable[[], T], of: str = "") -> T:
        """Run `work` once and record its result: after a kill the recorded result is returned instead. Where one
        workflow takes the same step for several, `of` says for whom: what was recorded for another raises."""

        def run() -> T:
            faults.reach(f"{name}:before")
            result = work()
            faults.reach(f"{name}:after")
            return result

        result = DBOS.run_step({"name": f"{name} {of}".rstrip()}, run)
        faults.reach(f"{name}:recorded")
        return result

    def stop(self, *, drain_seconds: int = 10) -> None:
        """Let running workflows end, at most for `drain_seconds`; the next start, or another process, goes on."""
        if self._dispatcher is not None:
            self._dispatcher.stop()
        if self._listener is not None:
            self._listener.stop()
        if self._dispatcher is not None:
            DBOS.destroy(destroy_registry=True, workflow_completion_timeout_sec=drain_seconds)
        if self._beats is not None:
            self._beats.stop()
        if self._fleet is not None:
            self._fleet.leave()
        if self._client is not None:
            self._client.destroy()
        self._database.dispose()

    def _queue(self, name: str) -> Queue:
        queue = DBOS.register_queue(
            name,
            worker_concurrency=self._workers,
            polling_interval_sec=self._poll_seconds,
            on_conflict="always_update",
        )
        # What this process was set to do holds for it, whatever another has been set to since; nor is it read again
        # before each look.
        queue.database_backed_queue = False
        return queue

    def _join(self, on_fenced: Callable[[], None]) -> None:
        door = Door(self._pending, self._running, self._resume, self._give_up)
        self._fleet = Fleet(self._domain, self.executor_id, self._lease_seconds, door, on_fenced)
        self._fleet.join()
        self._beats = Periodic("fleet", self._lease_seconds / 3, self._fleet.turn)

    def _has_put_back(self) -> bool:
        """Wait until the engine has put back into the queues what a predecessor of the same id was at. False if that
        takes too long for a start: the engine goes on with it."""
        end = time.monotonic() + PUT_BACK_WITHIN
        while any(pending.owner == self.executor_id for pending in self._pending()):
            if time.monotonic() > end:
                log.warning("engine.still_putting_back", seconds=PUT_BACK_WITHIN)
                return False
            time.sleep(0.01)
        return True

    def _pending(self) -> list[Pending]:
        known = self._door.list_workflows(status="PENDING", load_input=False, load_output=False)
        return [Pending(one.workflow_id, one.name, one.executor_id or "") for one in known if one.name in self._queues]

    def _resume(self, pending: Pending) -> None:
        queue = self._queues[pending.workflow]
        self._door.resume_workflow(pending.workflow_id, queue_name=queue)
        self._wake(queue)

    def _give_up(self, pending: Pending) -> None:
        self._door.cancel_workflow(pending.workflow_id)

    def _begins(self, queue: str) -> None:
        with self._lock:
            self._busy[queue] += 1
            if self._busy[queue] >= self._workers:
                self._pressed.add(queue)

    def _ends(self, queue: str) -> None:
        """Where there was room all the while, nothing waited for this to end. Else more may wait: it is looked for once
        the engine has recorded this end, before which it counts its place as taken."""
        with self._lock:
            self._busy[queue] -= 1
            is_pressed = queue in self._pressed
            is_idle = self._busy[queue] == 0
            if is_idle:
                self._pressed.discard(queue)
        if is_pressed:
            self._wake_in(queue, RECORDED_AFTER, TOGETHER)
            if is_idle:
                # No further end looks again, should recording this one take longer.
                self._wake_in(queue, 10 * RECORDED_AFTER)

    def _wake(self, queue: str) -> None:
        """Where all places are taken, the next end looks."""
        with self._lock:
            is_full = self._busy[queue] >= self._workers
        if self._dispatcher is not None and not is_full:
            self._dispatcher.wake(queue)

    def _wake_in(self, queue: str, seconds: float, at_most: float = 0) -> None:
        if self._dispatcher is not None:
            self._dispatcher.wake_in(queue, seconds, at_most)

    def _one_at_a_time(self) -> AbstractContextManager[object]:
        return advisory_lock(self._domain.engine, MIGRATING)

    @property
    def _door(self) -> DBOSClient:
        if self._client is None:
            raise RuntimeError("the engine has not been launched")
        return self._client


ENDED = ["SUCCESS", "ERROR", "CANCELLED", "MAX_RECOVERY_ATTEMPTS_EXCEEDED"]
AT_A_TIME = 500
_STATES = {"ENQUEUED": WorkState.WAITING, "DELAYED": WorkState.WAITING, "PENDING": WorkState.RUNNING}


def end_fenced() -> None:
    """End at once, without any tidying: others do this process's work already."""
    os._exit(FENCED)
