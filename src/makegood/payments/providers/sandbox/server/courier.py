"""The courier: a thread that fires timers and carries webhooks until each is received or three days are over.

Everything it knows is in the database, so it can be killed at any moment: an event is delivered at least once.
"""

from __future__ import annotations

import logging
import sqlite3
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from itertools import groupby

import httpx

from makegood.payments.providers.sandbox.server import acting, events, signature, timers
from makegood.payments.providers.sandbox.server.config import SandboxConfig
from makegood.payments.providers.sandbox.server.database import Books

log = logging.getLogger(__name__)

ANSWER_WITHIN = 10.0
"""Seconds in which the shop has to answer a webhook."""

LOOK_AGAIN = 0.25
"""Seconds after which the courier looks at the clock again when nobody wakes it."""

HANDS = 16


class Courier:
    """Delivers what the books say is due. `start` and `stop` can be repeated."""

    def __init__(self, books: Books, config: SandboxConfig) -> None:
        self._books = books
        self._config = config
        self._wake = threading.Event()
        self._stopping = threading.Event()
        self._changed = threading.Condition()
        self._in_flight: set[str] = set()
        self._thread: threading.Thread | None = None
        books.on_commit = self._wake.set

    @property
    def running(self) -> bool:
        """Whether somebody is there to deliver."""
        return self._thread is not None and self._thread.is_alive()

    def start(self) -> None:
        """Begin delivering; what an earlier process left undone comes first."""
        if self.running:
            return
        self._stopping.clear()
        self._thread = threading.Thread(target=self._work, name="sandbox-courier", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End after the tries that are under way; the rest stays in the books."""
        self._stopping.set()
        self._wake.set()
        if self._thread is not None:
            self._thread.join()
            self._thread = None

    def wait_for_first_try(self, deliveries: list[str], seconds: float) -> bool:
        """Wait until each delivery was tried at least once; False when that took longer than `seconds`."""
        until = time.monotonic() + seconds
        with self._changed:
            while not self._all_tried(deliveries):
                left = until - time.monotonic()
                if left <= 0:
                    return False
                self._changed.wait(left)
        return True

    def _all_tried(self, deliveries: list[str]) -> bool:
        with self._books.read() as tx:
            return all(events.find_delivery(tx, delivery)["tries"] for delivery in deliveries)

    def _work(self) -> None:
        limits = httpx.Limits(max_connections=2 * HANDS)
        timeout = httpx.Timeout(ANSWER_WITHIN, connect=ANSWER_WITHIN / 2)
        # The environment's proxies are the shop's business, not this other company's.
        with (
            httpx.Client(timeout=timeout, limits=limits, trust_env=False) as client,
            ThreadPoolExecutor(HANDS, thread_name_prefix="sandbox-webhook") as hands,
        ):
            while not self._stopping.is_set():
                self._wake.clear()
                try:
                    self._fire_timers()
                    self._hand_out(client, hands)
                except sqlite3.Error:
                    # A full disk may be emptied: say so and go on, nothing has been taken off the list.
                    log.exception("sandbox.courier_failed")
                    self._stopping.wait(1)
                self._wake.wait(LOOK_AGAIN)

    def _fire_timers(self) -> None:
        with self._books.read() as tx:
            if not tx.sql.execute("SELECT 1 FROM timers WHERE at <= ?", (tx.now,)).fetchone():
                return
        with self._books.write() as tx:
            for timer in timers.take_due(tx, limit=100):
                acting.fire(tx, timer)

    def _hand_out(self, client: httpx.Client, hands: ThreadPoolExecutor) -> None:
        with self._changed:
            free = HANDS - len(self._in_flight)
            with self._books.read() as tx:
                rows = events.due(tx, limit=free + len(self._in_flight)) if free > 0 else []
            rows = [row for row in rows if row["id"] not in self._in_flight][:free]
            self._in_flight.update(row["id"] for row in rows)
        for _, group in groupby(sorted(rows, key=lambda row: str(row["event"])), key=lambda row: str(row["event"])):
            twins = list(group)
            # Two deliveries of one event start at the same moment; that is the whole point of them.
            together = threading.Barrier(len(twins))
            for row in twins:
                hands.submit(self._carry, client, row["id"], together)

    def _carry(self, client: httpx.Client, delivery: str, together: threading.Barrier) -> None:
        try:
            with self._books.read() as tx:
                row = events.find_delivery(tx, delivery)
                at = tx.now
            try:
                together.wait(2)
            except threading.BrokenBarrierError:
                log.warning("sandbox.twin_missing", extra={"delivery": delivery})
            began = time.monotonic()
            status, error = self._post(client, row, int(at))
            took = time.monotonic() - began
            if error is None and took > ANSWER_WITHIN:
                error = f"answered after more than {ANSWER_WITHIN:.0f} s"
            with self._books.write() as tx:
                events.record_try(tx, delivery, at, status, error, round(took * 1000))
        except sqlite3.Error:
            log.exception("sandbox.try_not_recorded", extra={"delivery": delivery})
        finally:
            with self._changed:
                self._in_flight.discard(delivery)
                self._changed.notify_all()
            self._wake.set()

    def _post(self, client: httpx.Client, row: sqlite3.Row, timestamp: int) -> tuple[int | None, str | None]:
        make = signature.sign if row["well_signed"] else signature.missign
        headers = {
            "Content-Type": "application/json",
            "User-Agent": "Makegood-Sandbox/1",
            signature.HEADER: make(self._config.webhook_secret, row["body"], timestamp),
        }
        try:
            # The body of the answer says nothing to us, so it isn't waited for.
            with client.stream("POST", self._config.webhook_url, content=row["body"], headers=headers) as answer:
                status = answer.status_code
        except httpx.HTTPError as problem:
            return None, f"{type(problem).__name__}: {problem}"[:300]
        return status, None if 200 <= status < 300 else f"answered {status}"
