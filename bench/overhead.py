"""The platform's own share: a product that costs nothing, from paid to delivered, on each way of running the shop;
fulfillments a second beside the bare engine; what an idle worker costs. Everything in one run."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory

from bench.table import Line, Section, percentiles
from makegood.kernel.settings import Settings
from makegood.testing import Shop
from tests.postgres import Postgres

ROOT = Path(__file__).resolve().parents[1]
SHIPPED = (
    "sweep_seconds", "retry_seconds", "poll_seconds", "lease_seconds", "isolated_processes", "workers",
    "housekeeping_seconds",
)  # fmt: skip
WARM_UP, ORDERS, BURST, IDLE_SECONDS = 3, 30, 200, 60
BARE_RUNS = 3
"""DBOS alone falls into step with its polls or out of it, and is half or twice as fast: the middle run counts."""


@dataclass
class Way:
    """One way to run the shop: `database` is sqlite or postgres; `workers` are processes of their own."""

    name: str
    database: str
    workers: int = 0


WAYS = (
    Way("SQLite, one process", "sqlite"),
    Way("PostgreSQL, one process", "postgres"),
    Way("PostgreSQL, pages and one worker", "postgres", 1),
)


class RunningWay:
    """The processes of one way, with the shipped settings and a PostgreSQL that syncs."""

    def __init__(self, way: Way, stack: ExitStack) -> None:
        self._way, self._folder = way, Path(stack.enter_context(TemporaryDirectory(prefix="makegood-bench-")))
        env = {f"MAKEGOOD_{name.upper()}": str(Settings.model_fields[name].default) for name in SHIPPED}
        env["PYTHONPATH"] = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
        if way.database == "postgres":
            postgres = stack.enter_context(Postgres(durable=True))
            env["MAKEGOOD_DATABASE_URL"] = self.address = postgres.create("shop")
        if way.workers:
            env["MAKEGOOD_WORK"] = "false"
        self.shop = stack.enter_context(Shop(self._folder, sells=["tests.samples.notes"], **env))
        self.shop.env["MAKEGOOD_PORT"] = self.shop.url.rsplit(":", 1)[1]
        self.workers: list[subprocess.Popen[bytes]] = []
        for _ in range(way.workers):
            self.hire()
        stack.callback(self._dismiss)

    def hire(self) -> None:
        """Start a worker and wait until it works."""
        log = self._folder / f"worker-{len(self.workers)}.log"
        with log.open("wb") as file:
            command = [sys.executable, "-m", "makegood.cli", "worker"]
            self.workers.append(subprocess.Popen(command, env=self.shop.env, stdout=file, stderr=file))
        while b"Working as" not in log.read_bytes():
            time.sleep(0.02)

    def _dismiss(self) -> None:
        for worker in self.workers:
            worker.kill()
            worker.wait()

    @property
    def pid(self) -> int:
        """The process that works."""
        process = self.workers[0] if self.workers else self.shop.process
        assert process is not None
        return process.pid


@contextmanager
def running(way: Way) -> Iterator[RunningWay]:
    with ExitStack() as stack:
        yield RunningWay(way, stack)


def delivery(seen: RunningWay) -> list[float]:
    """Milliseconds from telling the provider to capture until `delivered` is committed, order by order."""
    spent = []
    for number in range(WARM_UP + ORDERS):
        customer = seen.shop.customer()
        draft = customer.draft({}, "notes", text=f"note {number}")
        order = customer.payable(customer.checkout(draft)["number"])
        began = time.time()
        seen.shop.provider.act(order["ref"])
        # Nobody asks meanwhile: a page that looks ten times a second is no part of the platform's share.
        time.sleep(0.5)
        order = customer.at_rest(order["number"])
        if order["state"] != "delivered":
            raise SystemExit(f"{order['number']} came to {order['state']}")
        [ended] = [event["at"] for event in order["timeline"] if event["event"] == "obligation.delivered"]
        spent.append((datetime.fromisoformat(ended).timestamp() - began) * 1000)
    return spent[WARM_UP:]


def idle(seen: RunningWay) -> float:
    """Percent of one core that the working process takes with nothing to do."""
    time.sleep(3)
    before = _cpu_seconds(seen.pid)
    time.sleep(IDLE_SECONDS)
    return (_cpu_seconds(seen.pid) - before) / IDLE_SECONDS * 100


def _cpu_seconds(process: int) -> float:
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@dataclass
class Speed:
    """Deliveries `a_second`, and what the workers computed for each: milliseconds of CPU."""

    a_second: float
    cpu_ms: float

    @classmethod
    def of(cls, answers: list[dict[str, float]]) -> Speed:
        """From what each worker says of itself."""
        seconds = max(answer["ended"] for answer in answers) - min(answer["began"] for answer in answers)
        return cls(BURST / seconds, 1000 * sum(answer["cpu"] for answer in answers) / BURST)


def burst(workers: int) -> tuple[Speed, dict[str, int]]:
    """How fast orders that are paid and wait are delivered by so many workers, and what one delivery takes: workflows,
    recorded steps, commits."""
    with running(Way("", "postgres", 1)) as seen:
        orders = [_payable(seen, number) for number in range(BURST)]
        seen.workers[0].kill()
        seen.workers[0].wait()
        for ref in orders:
            seen.shop.provider.act(ref, webhook="before_redirect")
        command = [sys.executable, "-m", "bench.working", seen.address, str(BURST)]
        counting = [
            subprocess.Popen(command, env=seen.shop.env, cwd=ROOT, stdout=subprocess.PIPE) for _ in range(workers)
        ]
        answers = [_said(process) for process in counting]
    counted = {
        name: round(sum(answer[name] for answer in answers) / BURST) for name in ("workflows", "steps", "commits")
    }
    return Speed.of(answers), counted


def bare(workers: int, counted: dict[str, int]) -> Speed:
    """The same numbers of workflows, recorded steps and commits for as many orders, by DBOS alone."""
    with ExitStack() as stack:
        postgres = stack.enter_context(Postgres(durable=True))
        address = postgres.create("bare")
        wanted = [str(BURST), *(str(counted[name]) for name in ("workflows", "steps", "commits"))]
        fill = [sys.executable, "-m", "bench.bare", address, "fill", *wanted]
        subprocess.run(fill, cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
        work = [sys.executable, "-m", "bench.bare", address, "work", *wanted]
        running_ones = [subprocess.Popen(work, cwd=ROOT, stdout=subprocess.PIPE) for _ in range(workers)]
        answers = [_said(process) for process in running_ones]
    return Speed.of(answers)


def _said(process: subprocess.Popen[bytes]) -> dict[str, float]:
    """What a worker says of itself, between the lines of its log."""
    said: dict[str, float] = json.loads(re.findall(rb'\{"began".*\}', process.communicate()[0])[-1])
    return said


def _payable(seen: RunningWay, number: int) -> str:
    customer = seen.shop.customer()
    draft = customer.draft({}, "notes", text=f"note {number}")
    return str(customer.payable(customer.checkout(draft)["number"])["ref"])


def shares() -> Iterator[Section]:
    """The platform's own share on each way of running it, and what the working process costs with nothing to do."""
    spent, costs = [], []
    for way in WAYS:
        with running(way) as seen:
            spent.append(Line(way.name, percentiles(delivery(seen))))
            costs.append(Line(way.name, {"% of a core": idle(seen)}))
    yield Section(f"Platform's own share: a note, paid → delivered, {ORDERS} orders", ("p50 ms", "p95 ms"), spent)
    yield Section("A working process with nothing to do", ("% of a core",), costs)


def speeds() -> Section:
    """Deliveries a second by one, two and three workers, beside DBOS alone."""
    lines = []
    for workers in (1, 2, 3):
        ours, counted = burst(workers)
        runs = sorted((bare(workers, counted) for _ in range(BARE_RUNS)), key=lambda speed: speed.a_second)
        theirs = runs[BARE_RUNS // 2]
        each = " ".join(f"{count} {name}" for name, count in counted.items())
        figures = {
            "Makegood /s": ours.a_second, "DBOS /s": theirs.a_second, "ratio %": 100 * ours.a_second / theirs.a_second,
            "CPU ms": ours.cpu_ms, "DBOS CPU": theirs.cpu_ms,
        }  # fmt: skip
        lines.append(Line(f"{workers} × 4 workers (each: {each})", figures))
    columns = ("Makegood /s", "DBOS /s", "ratio %", "CPU ms", "DBOS CPU")
    return Section(f"Deliveries a second, {BURST} orders waiting", columns, lines)
