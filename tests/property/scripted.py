"""An engine that does one thing at a time, when it is told to: work can be killed or held at any named place.

It keeps the promises of the real one (enqueued with the commit, recorded steps are not repeated, lost work can be
taken over) and makes none of its own, so that whatever it finds is in the domain's code.
"""

from __future__ import annotations

import pickle
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, TypeVar

from sqlalchemy.orm import Session

from makegood.engine import Worker, WorkState
from makegood.kernel import faults
from makegood.kernel.database import Database, after_commit

T = TypeVar("T")
HELD_SECONDS = 30.0


class Killed(BaseException):
    """The process died here."""


@dataclass
class Run:
    """One thread that works, and the place at which it is to be stopped: by its number, from 1."""

    stop_at: int = 0
    kills: bool = False
    reached: int = 0
    held: threading.Event = field(default_factory=threading.Event)
    free: threading.Event = field(default_factory=threading.Event)
    ended: threading.Event = field(default_factory=threading.Event)
    moved: threading.Event = field(default_factory=threading.Event)
    error: BaseException | None = None
    work: Work | None = None


@dataclass
class Work:
    """A workflow and what it has recorded."""

    identity: str
    workflow: str
    args: tuple[Any, ...]
    recorded: list[tuple[tuple[str, str], bytes]] = field(default_factory=list)
    step: int = 0
    state: WorkState = WorkState.WAITING


class Places:
    """Stands in for `kernel.faults.reach` while it is installed."""

    def __init__(self) -> None:
        self._here = threading.local()

    def run(self, work: Callable[[], None], run: Run) -> None:
        """Do `work` in a thread of its own until it ends, dies or is held at its place."""

        def body() -> None:
            self._here.run = run
            try:
                work()
            except BaseException as error:  # noqa: BLE001 - looked at by who started it
                run.error = error
            finally:
                run.ended.set()
                run.moved.set()

        threading.Thread(target=body, daemon=True).start()
        assert run.moved.wait(HELD_SECONDS), "work hangs"

    def go_on(self, run: Run, *, kill: bool = False) -> None:
        """Let held work go on to its end, or die where it is."""
        run.kills, run.stop_at = kill, 0
        run.moved.clear()
        run.free.set()
        assert run.ended.wait(HELD_SECONDS), "work hangs"

    def reach(self, place: str) -> None:
        run: Run | None = getattr(self._here, "run", None)
        # Within a transaction nothing can be held: its locks would hold everybody.
        if run is None or place.endswith(":within"):
            return
        run.reached += 1
        if run.reached != run.stop_at:
            return
        if run.kills:
            raise Killed(place)
        run.moved.set()
        assert run.free.wait(HELD_SECONDS * 4), "held for ever"
        if run.kills:
            raise Killed(place)


class ScriptedEngine:
    """In place of `makegood.engine.Engine`."""

    executor_id = "scripted"

    def __init__(self, database: Database, **_: Any) -> None:
        self.places = Places()
        self.works: dict[str, Work] = {}
        self._bodies: dict[str, Callable[..., None]] = {}
        self._here = threading.local()
        self.before_commit = False
        """A planted bug: work is enqueued whether or not the transaction commits."""

    def install(self) -> None:
        faults.reach = self.places.reach

    def workflow(self, name: str, body: Callable[..., None], *, queue: str) -> None:
        self._bodies[name] = body

    def enqueue(self, session: Session, workflow: str, identity: str, *args: Any, delay: float = 0) -> None:
        after_commit(session, lambda: self._add(workflow, identity, args))

    def _add(self, workflow: str, identity: str, args: tuple[Any, ...]) -> None:
        self.works.setdefault(identity, Work(identity, workflow, args))

    def waiting(self) -> list[Work]:
        return [work for work in self.works.values() if work.state is WorkState.WAITING]

    def start(self, work: Work, run: Run) -> None:
        """Run it until it ends, dies or is held. What ends is done for good; what dies is lost until taken over."""
        work.state, run.work = WorkState.RUNNING, work

        def body() -> None:
            self._here.work, work.step = work, 0
            try:
                self._bodies[work.workflow](*work.args)
            except Killed:
                raise
            except BaseException:
                work.state = WorkState.ENDED
                raise
            work.state = WorkState.ENDED

        self.places.run(body, run)

    def take_over(self, held: set[str]) -> None:
        """What a dead process left waits again, with its recorded steps."""
        for work in self.works.values():
            if work.state is WorkState.RUNNING and work.identity not in held:
                work.state = WorkState.WAITING

    def forget(self, held: set[str]) -> None:
        """Lose everything that nobody works on."""
        self.works = {identity: work for identity, work in self.works.items() if identity in held}

    def forget_ended(self, before: datetime) -> int:
        """Its works are few and are kept."""
        return 0

    def step(self, name: str, work: Callable[[], T], of: str = "") -> T:
        doing: Work = self._here.work
        index, doing.step = doing.step, doing.step + 1
        if index < len(doing.recorded):
            recorded, result = doing.recorded[index]
            if recorded != (name, of):
                raise RuntimeError(f"the step {name} of {of} comes where {recorded} was recorded")
            found: T = pickle.loads(result)
            return found
        self.places.reach(f"{name}:before")
        result = work()
        self.places.reach(f"{name}:after")
        doing.recorded.append(((name, of), pickle.dumps(result)))
        self.places.reach(f"{name}:recorded")
        return result

    def state(self, identity: str) -> WorkState:
        return self.states([identity])[identity]

    def states(self, identities: list[str]) -> dict[str, WorkState]:
        known = self.works
        return {one: known[one].state if one in known else WorkState.ABSENT for one in identities}

    def workers(self) -> list[Worker]:
        return []

    def launch(self, *_: object) -> None: ...

    def prepare(self) -> None: ...

    def attach(self) -> None: ...

    def stop(self, **_: object) -> None: ...
