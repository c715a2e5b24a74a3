"""Hearing of work that another process has enqueued: PostgreSQL's NOTIFY. Only a shortcut: polling finds it too."""

from __future__ import annotations

import threading
from collections.abc import Callable

import psycopg
import sqlalchemy as sa
from sqlalchemy.orm import Session

from makegood.kernel import logs
from makegood.kernel.database import BOOT

log = logs.get("engine")
CHANNEL = "makegood_work"


def announce(session: Session, queue: str) -> None:
    """Tell every other listening process, when the caller's transaction commits, that `queue` has work."""
    notice = {"channel": CHANNEL, "notice": f"{BOOT} {queue}"}
    session.execute(sa.text("SELECT pg_notify(:channel, :notice)"), notice)


class Listener:
    """A thread with a connection of its own that calls `heard(queue)`."""

    def __init__(self, url: str, heard: Callable[[str], None]) -> None:
        self._url, self._heard = sa.make_url(url).set(drivername="postgresql"), heard
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._loop, daemon=True, name="work-listener")

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stopping.set()
        self._thread.join(timeout=5)

    def _loop(self) -> None:
        while not self._stopping.is_set():
            try:
                self._listen()
            except psycopg.Error as error:
                log.warning("listener.interrupted", problem=str(error).splitlines()[0] if str(error) else "")
                self._stopping.wait(2)

    def _listen(self) -> None:
        address = self._url.render_as_string(hide_password=False)
        with psycopg.connect(address, autocommit=True, connect_timeout=5) as connection:
            connection.execute(f"LISTEN {CHANNEL}")
            while not self._stopping.is_set():
                for notice in connection.notifies(timeout=1):
                    sender, _, queue = notice.payload.partition(" ")
                    if sender != BOOT:
                        self._heard(queue)
