"""Taking work from the queues: at once when this process has enqueued or ended some, else by polling."""

from __future__ import annotations

import heapq
import math
import threading
import time
from typing import TYPE_CHECKING, cast

from dbos._queue import queue_worker_thread

if TYPE_CHECKING:
    from dbos import DBOS, Queue

SETTLE_SECONDS = 0.004
"""What the engine needs after a workflow's end to count its place as free."""
TOGETHER = 0.05
"""Seconds within which a queue that is woken is looked into but once: a look costs as much as short work."""


class Waker:
    """Stands in for the stop event on which a queue's thread waits between polls, and can also end that wait."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._stopped = False
        # The first poll comes at once: work may be waiting since before this process began.
        self._woken = True
        self._due: list[float] = []
        self._polled = -TOGETHER

    def wake(self) -> None:
        """Poll now, or as soon as the last poll is long enough ago."""
        with self._changed:
            self._woken = True
            self._changed.notify_all()

    def wake_in(self, seconds: float, at_most: float = 0) -> None:
        """Poll after so long, whatever the timeout of the wait; with `at_most`, at some time between the two, together
        with others if they are to poll then."""
        with self._changed:
            now = time.monotonic()
            if not any(now + seconds <= due <= now + at_most for due in self._due):
                heapq.heappush(self._due, now + max(seconds, at_most))
                self._changed.notify_all()

    def set(self) -> None:
        """Stop."""
        with self._changed:
            self._stopped = True
            self._changed.notify_all()

    def is_set(self) -> bool:
        return self._stopped

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until woken, stopped or timed out; whether it was stopped."""
        end = math.inf if timeout is None else time.monotonic() + timeout
        with self._changed:
            while not self._stopped:
                now = time.monotonic()
                left = min(end, *self._due[:1], self._polled + TOGETHER if self._woken else math.inf) - now
                if left <= 0:
                    break
                self._changed.wait(left if left < math.inf else None)
            self._polled = time.monotonic()
            while self._due and self._due[0] <= self._polled:
                heapq.heappop(self._due)
            was_woken, self._woken = self._woken, False
        if was_woken and not self._stopped:
            time.sleep(SETTLE_SECONDS)
        return self._stopped


class Dispatcher:
    """One thread a queue. It runs the engine's own loop, so that claiming is the engine's; only the waiting is ours:
    the engine has no public way to be woken."""

    def __init__(self, engine: DBOS, queues: list[Queue]) -> None:
        self._wakers = {queue.name: Waker() for queue in queues}
        self._threads = [
            threading.Thread(
                target=queue_worker_thread,
                args=(cast("threading.Event", self._wakers[queue.name]), engine, queue),
                name=f"queue-{queue.name}",
                daemon=True,
            )
            for queue in queues
        ]

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def wake(self, queue: str) -> None:
        """Look into that queue now."""
        waker = self._wakers.get(queue)
        if waker is not None:
            waker.wake()

    def wake_in(self, queue: str, seconds: float, at_most: float = 0) -> None:
        """Look into that queue after so long, or with others' wishes until `at_most`."""
        waker = self._wakers.get(queue)
        if waker is not None:
            waker.wake_in(seconds, at_most)

    def stop(self) -> None:
        """Take no more work."""
        for waker in self._wakers.values():
            waker.set()
        for thread in self._threads:
            thread.join(timeout=10)
