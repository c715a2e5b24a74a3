"""Things done again and again for as long as the process lives: sweeps, polls, cleaning."""

from __future__ import annotations

import threading
from collections.abc import Callable

from makegood.kernel import logs

log = logs.get("engine")


class Periodic:
    """Do each of `works` in turn every `seconds`, from a thread of its own, beginning at once. One that fails is logged
    and keeps neither the others nor the next turn from coming: what is done here looks at everything anew each time."""

    def __init__(self, name: str, seconds: float, *works: Callable[[], object]) -> None:
        self._name, self._seconds, self._works = name, seconds, works
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._loop, daemon=True, name=name)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Ask it to end and wait for the present turn, at most ten seconds."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join(timeout=10)

    def _loop(self) -> None:
        while not self._stopping.is_set():
            self.turn()
            self._stopping.wait(self._seconds)

    def turn(self) -> None:
        """Do each work once, now."""
        for work in self._works:
            try:
                work()
            except Exception:
                log.exception("periodic.failed", name=self._name, work=getattr(work, "__qualname__", str(work)))
