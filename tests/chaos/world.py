"""Everything that chaos happens to: database, provider, mail server, post office, pages and workers, each a process."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Self

import httpx

from makegood.testing import MailServer, Shop
from tests.postgres import Postgres
from tests.samples.post_office import PostOffice

PRODUCTS = ["tests.samples.notes", "tests.samples.stickers", "tests.samples.tunes", "tests.samples.mailboxes"]
SETTINGS = {
    "MAKEGOOD_LEASE_SECONDS": "2", "MAKEGOOD_WORKERS": "3", "MAKEGOOD_POLL_SECONDS": "0.5",
    "MAKEGOOD_SWEEP_SECONDS": "1", "MAKEGOOD_RETRY_SECONDS": "0.3", "MAKEGOOD_HOUSEKEEPING_SECONDS": "2",
    "MAKEGOOD_RECONCILE_SECONDS": "10", "MAKEGOOD_PROBE_SECONDS": "2", "MAKEGOOD_PAYMENT_MINUTES": "0.4",
    "MAKEGOOD_STRAY_HOURS": "0", "MAKEGOOD_UNHELD_HOURS": "0.001", "MAKEGOOD_DEADLINE_HOURS": "2",
}  # fmt: skip


class World:
    """All of it, started when the block begins. `database` is `postgres`, `socket` (PostgreSQL by its socket) or
    `sqlite`, where one process does everything."""

    def __init__(self, folder: Path, database: str, workers: int) -> None:
        self.folder, self.database = folder, database
        self.is_sqlite = database == "sqlite"
        self.worker_count = 0 if self.is_sqlite else workers
        self.workers: list[subprocess.Popen[bytes]] = []
        self.mail = MailServer()
        self._stack = contextlib.ExitStack()
        self.clock_moves = 0

    def __enter__(self) -> Self:
        self.mail.start()
        self._stack.callback(self.mail.stop)
        self.post_office = PostOffice(self.folder)
        self.post_office.start()
        self._stack.callback(self.post_office.stop)
        settings = {**SETTINGS, "MAILBOX_SERVER": self.post_office.url}
        if not self.is_sqlite:
            self.postgres = self._stack.enter_context(Postgres())
            self.postgres.create("shop")
            settings["MAKEGOOD_DATABASE_URL"] = self.postgres.url("shop", socket=self.database == "socket")
            settings["MAKEGOOD_WORK"] = "false"
        root = str(Path(__file__).parents[2])
        settings["PYTHONPATH"] = os.pathsep.join(filter(None, [root, os.environ.get("PYTHONPATH")]))
        self.shop = Shop(self.folder, sells=PRODUCTS, mail=self.mail, **settings)
        self.shop.env["MAKEGOOD_PORT"] = self.shop.url.rsplit(":", 1)[1]
        self._stack.enter_context(self.shop)
        for _ in range(self.worker_count):
            self.hire()
        return self

    def __exit__(self, *_: object) -> None:
        for worker in self.workers:
            with contextlib.suppress(ProcessLookupError):
                worker.send_signal(signal.SIGCONT)
            worker.kill()
            worker.wait()
        self._stack.close()

    @property
    def objects(self) -> Path:
        """Where the shop keeps its objects."""
        return self.shop.home / "objects"

    def hire(self, **env: str) -> None:
        """Start one more worker."""
        with (self.folder / "workers.log").open("ab") as log:
            command = [sys.executable, "-m", "makegood.cli", "worker"]
            self.workers.append(subprocess.Popen(command, env={**self.shop.env, **env}, stdout=log, stderr=log))

    def replace_the_dead(self) -> None:
        """What a supervisor does: start again whatever has ended."""
        gone = [worker for worker in self.workers if worker.poll() is not None]
        for worker in gone:
            self.workers.remove(worker)
            self.hire()
        if self.shop.is_dead:
            self.shop.start()

    def is_well(self) -> bool:
        """Whether the shop's pages answer."""
        try:
            return httpx.get(f"{self.shop.url}/health/ready", timeout=5).status_code == 200
        except httpx.HTTPError:
            return False
