"""Workflows that survive a kill: DBOS on the shop's own database. The only module that imports it.

Workflows are disposable: the domain tables are the truth, and a sweep starts again what the engine lost.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from enum import StrEnum
from typing import Any, TypeVar

from dbos import DBOS, DBOSClient
from sqlalchemy.orm import Session

from makegood.kernel import faults, logs
from makegood.kernel.database import Database, create_engine

T = TypeVar("T")
log = logs.get("engine")

APPLICATION = "makegood"
# One version for ever: work enqueued by an older release must be taken up by a newer one.
VERSION = "1"
# SQLite has one worker process, which at every start takes up what its predecessor left.
EXECUTOR = "embedded"


class WorkState(StrEnum):
    """What the engine knows of a workflow."""

    ABSENT = "absent"
    WAITING = "waiting"
    RUNNING = "running"
    LOST = "lost"
    ENDED = "ended"


class Engine:
    """Register workflows, `launch` (or `attach`), then `enqueue` in the transaction that needs the work."""

    def __init__(self, database: Database, *, workers: int, poll_seconds: float) -> None:
        self._database = create_engine(database.url, implicit_begin=True)
        self._workers = workers
        self._poll_seconds = poll_seconds
        self._running: dict[str, object] = {}
        self._queues: dict[str, str] = {}
        self._client: DBOSClient | None = None
        self._lock = threading.Lock()
        self._launched = False

    def workflow(self, name: str, body: Callable[..., None], *, queue: str) -> None:
        """Register `body` as the workflow `name`, whose work waits in `queue`. Its arguments are text and numbers."""

        def run(*args: Any) -> None:
            identity, token = str(DBOS.workflow_id), object()
            self._running[identity] = token
            try:
                body(*args)
            except Exception:
                log.exception("workflow.failed", workflow=name, id=identity)
                raise
            finally:
                with self._lock:
                    if self._running.get(identity) is token:
                        del self._running[identity]

        DBOS.workflow(name=name, max_recovery_attempts=1000)(run)
        self._queues[name] = queue

    def launch(self) -> None:
        """Migrate the engine's own tables and take up what waits and what was interrupted. One process a shop."""
        DBOS(
            config={
                "name": APPLICATION,
                "system_database_engine": self._database,
                "application_version": VERSION,
                "executor_id": EXECUTOR,
                "log_level": "ERROR",
                "use_listen_notify": False,
                "max_executor_threads": self._workers * 2 + 16,
            }
        )
        DBOS.launch()
        self._launched = True
        for queue in sorted(set(self._queues.values())):
            DBOS.register_queue(
                queue,
                worker_concurrency=self._workers,
                polling_interval_sec=self._poll_seconds,
                on_conflict="always_update",
            )
        self.attach()

    def attach(self) -> None:
        """Only enqueue and look, beside the process that works: what a command does."""
        self._client = DBOSClient(system_database_engine=self._database, application_name=APPLICATION)

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

    def state(self, identity: str) -> WorkState:
        """What has become of the workflow. LOST means that it counts as running but nothing here runs it."""
        return self.states([identity])[identity]

    def states(self, identities: list[str]) -> dict[str, WorkState]:
        """`state` of many, in one query."""
        found = dict.fromkeys(identities, WorkState.ABSENT)
        if not identities:
            return found
        for known in self._door.list_workflows(workflow_ids=identities, load_input=False, load_output=False):
            found[known.workflow_id] = self._read(known.workflow_id, str(known.status))
        return found

    def _read(self, identity: str, status: str) -> WorkState:
        if status in ("ENQUEUED", "DELAYED"):
            return WorkState.WAITING
        if status == "PENDING":
            return WorkState.RUNNING if identity in self._running else WorkState.LOST
        return WorkState.ENDED

    def resume(self, workflow: str, identity: str) -> None:
        """Run a lost workflow again from its recorded steps. The caller has made sure that nobody else does."""
        self._door.resume_workflow(identity, queue_name=self._queues[workflow])

    def step(self, name: str, work: Callable[[], T]) -> T:
        """Run `work` once and record its result: after a kill the recorded result is returned instead."""

        def run() -> T:
            faults.reach(f"{name}:before")
            result = work()
            faults.reach(f"{name}:after")
            return result

        result = DBOS.run_step({"name": name}, run)
        faults.reach(f"{name}:recorded")
        return result

    def stop(self, *, drain_seconds: int = 10) -> None:
        """Let running workflows end, at most for `drain_seconds`; the next start goes on with the rest."""
        if self._client is not None:
            self._client.destroy()
        if self._launched:
            DBOS.destroy(destroy_registry=True, workflow_completion_timeout_sec=drain_seconds)
        self._database.dispose()

    @property
    def _door(self) -> DBOSClient:
        if self._client is None:
            raise RuntimeError("the engine has not been launched")
        return self._client
