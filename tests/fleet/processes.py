"""A shop as it runs on several hosts: PostgreSQL, a provider, one process with the pages, and any number that work."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any, Self

import psycopg

from tests.postgres import Postgres
from tests.shops import Customer, Shop, until

TESTS = Path(__file__).parents[1]
PLUGINS = [TESTS / "fleet" / "plugins", TESTS / "acceptance" / "plugins"]
LEASE_SECONDS = 3.0


class Fleet:
    """Everything, started; `workers` are processes of `makegood worker`."""

    def __init__(self, folder: Path, *, workers: int, socket: bool = False) -> None:
        self.postgres = Postgres()
        self._folder, self._count, self._socket = folder, workers, socket
        self._customers: dict[str, Customer] = {}
        self.workers: list[subprocess.Popen[bytes]] = []

    def __enter__(self) -> Self:
        self.postgres.start()
        self.postgres.create("shop")
        address = self.postgres.url("shop", socket=self._socket)
        path = os.pathsep.join([*map(str, PLUGINS), os.environ.get("PYTHONPATH", "")])
        self.shop = Shop(
            self._folder, MAKEGOOD_DATABASE_URL=address, MAKEGOOD_WORK="false", PYTHONPATH=path,
            MAKEGOOD_LEASE_SECONDS=str(LEASE_SECONDS), MAKEGOOD_WORKERS="3", MAKEGOOD_POLL_SECONDS="0.3",
        )  # fmt: skip
        self.shop.env["MAKEGOOD_PORT"] = self.shop.url.rsplit(":", 1)[1]
        # All at once on an empty database, as a new deployment does.
        for _ in range(self._count):
            self.hire()
        self.shop.__enter__()
        until(lambda: len(self.alive()) >= self._count, 60, "the workers' first beat")
        return self

    def __exit__(self, *_: object) -> None:
        for worker in self.workers:
            worker.kill()
            worker.wait()
        self.shop.__exit__()
        self.postgres.__exit__()

    def hire(self) -> subprocess.Popen[bytes]:
        """Start one more worker."""
        with (self._folder / f"worker-{len(self.workers)}.log").open("ab") as log:
            command = [sys.executable, "-m", "makegood.cli", "worker"]
            worker = subprocess.Popen(command, env=self.shop.env, stdout=log, stderr=log)
        self.workers.append(worker)
        return worker

    def alive(self) -> dict[str, int]:
        """The executors that the fleet counts as alive, with their process."""
        try:
            rows = self.query("SELECT executor_id, process FROM worker WHERE NOT dead")
            return {str(row[0]): int(row[1]) for row in rows}
        except psycopg.errors.UndefinedTable:
            return {}

    def query(self, statement: str, *values: object) -> list[tuple[Any, ...]]:
        """Rows, straight from the database."""
        with psycopg.connect(self.postgres.url("shop"), autocommit=True) as connection:
            cursor = connection.execute(statement, values)
            return cursor.fetchall() if cursor.description else []

    def order(self, text: str, seconds: float = 0) -> str:
        """An order that has just been paid; returns its number."""
        customer = self.shop.customer()
        draft = customer.draft({}, product="slow-notes", text=text, seconds=seconds)
        number = customer.checkout(draft)["number"]
        order = customer.payable(number)
        self.shop.provider.act(order["ref"])
        self._customers[number] = customer
        return str(number)

    def customer_of(self, number: str) -> Customer:
        return self._customers[number]

    def tally(self) -> Counter[tuple[str, str]]:
        """How often each step of each order was really begun."""
        path = self.shop.home / "tally"
        lines = path.read_text().splitlines() if path.exists() else []
        return Counter((number, step) for number, step, _ in (line.split() for line in lines))

    def busy_worker(self, number: str) -> subprocess.Popen[bytes]:
        """The worker that began the order's latest step."""

        def found() -> subprocess.Popen[bytes] | None:
            path = self.shop.home / "tally"
            lines = path.read_text().splitlines() if path.exists() else []
            mine = [line.split()[2] for line in lines if line.startswith(number)]
            process = int(mine[-1]) if mine else 0
            return next((worker for worker in self.workers if worker.pid == process), None)

        worker = until(found, 30, "work")
        assert isinstance(worker, subprocess.Popen)
        return worker

    def freeze(self, worker: subprocess.Popen[bytes]) -> None:
        worker.send_signal(signal.SIGSTOP)

    def thaw(self, worker: subprocess.Popen[bytes]) -> None:
        worker.send_signal(signal.SIGCONT)
