"""A shop that sells plots and tunes, what becomes of its files and of the plots outside, and its operators' office."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import Any

import httpx

from makegood.app import Running, build
from makegood.catalog.products import Products
from makegood.kernel.clock import MovedClock
from makegood.kernel.settings import Settings
from makegood.proof.conditions import FileMissing
from tests.operations.plots import WORLD
from tests.operations.plots import product as plots
from tests.samples.tunes import product as tunes
from tests.shops import KEY, SECRET, Customer, Shop, until

SELLS = ("tests.operations.plots", "tests.samples.tunes")
SECONDS = 60
ANN = "ann@shop.example"


class PlotShop(Shop):
    """A real shop, and the world in which the plots lie."""

    def __init__(self, folder: Path, **env: str) -> None:
        self.world = folder / "world"
        (self.world / "staked").mkdir(parents=True)
        super().__init__(folder, sells=SELLS, **{WORLD: str(self.world), "MAKEGOOD_PROBE_SECONDS": "0.3"}, **env)

    def sql(self, query: str, *values: Any) -> list[Any]:
        """What its database says."""
        with sqlite3.connect(self.home / "shop.db", timeout=30) as database:
            return database.execute(query, values).fetchall()

    def refuse(self, name: str, *, refuses: bool = True) -> None:
        """Nothing is written for this name, or it is again."""
        refusing = self.world / f"refuses-{name}"
        refusing.touch() if refuses else refusing.unlink()

    def delay(self, name: str, *, delays: bool = True) -> None:
        """What is staked for this name is staked later, or now."""
        delaying = self.world / f"delays-{name}"
        delaying.touch() if delays else delaying.unlink()

    def keep(self, name: str, *, keeps: bool = True) -> None:
        """What is staked for this name can't be given up, or can again."""
        keeping = self.world / f"keeps-{name}"
        keeping.touch() if keeps else keeping.unlink()

    @contextmanager
    def edition(self, words: str) -> Iterator[None]:
        """What is written meanwhile comes out otherwise."""
        (self.world / "edition").write_text(words)
        yield
        (self.world / "edition").unlink()

    def undone(self, reference: str) -> int:
        """How often this plot was given up."""
        book = self.world / "undone"
        return book.read_text().splitlines().count(reference) if book.exists() else 0

    def is_staked(self, reference: str) -> bool:
        return (self.world / "staked" / reference).exists()


class Office:
    """The operators' parts of the shop in this process, on the same home, whose clock can be moved."""

    def __init__(self, shop: PlotShop) -> None:
        self.clock = MovedClock()
        settings = Settings(
            home=shop.home, env="test", sandbox_url=shop.provider.url, sandbox_key=KEY, sandbox_webhook_secret=SECRET,
            isolated_processes=1, disk_floor_mb=1, unheld_hours=0,
        )  # fmt: skip
        sold = Products({each.manifest.id: each for each in (plots, tunes)})
        self.running: Running = build(settings, self.clock, sold, hosts_sandbox=False)
        self.parts = self.running.services

    def cleans_up(self, days: float = 0) -> None:
        """Drafts expire and retention runs, so many days from now."""
        self.clock.offset = timedelta(days=days)
        run = self.parts.retention.run()
        self.clock.offset = timedelta()
        assert run.failed == 0, run.report

    def missed(self) -> str:
        """The files that operators are told are missing."""
        with self.parts.database.read() as session:
            return "\n".join(one.text for one in FileMissing().subjects(session, datetime.now(UTC)))


@contextmanager
def office_of(shop: PlotShop) -> Iterator[Office]:
    """Its operators at work."""
    os.environ[WORLD] = str(shop.world)
    office = Office(shop)
    office.parts.engine.prepare()
    office.parts.engine.attach()
    try:
        yield office
    finally:
        office.parts.engine.stop()
        office.running.isolated.stop()
        office.parts.database.close()


@dataclass(frozen=True)
class Bought:
    """An order of one product. `ref` is the provider's id of its payment."""

    shop: PlotShop
    customer: Customer
    number: str
    ref: str

    @cached_property
    def obligation(self) -> str:
        """The id of its only obligation."""
        query = 'SELECT o.id FROM obligation o JOIN "order" r ON r.id = o.order_id WHERE r.number = ?'
        [[found]] = self.shop.sql(query, self.number)
        return str(found)

    @property
    def reference(self) -> str:
        """What its plot is known by outside."""
        return f"{self.obligation}-plot"

    @cached_property
    def urls(self) -> dict[str, str]:
        """Where its files can be fetched, by name."""
        [unit] = self.customer.order(self.number)["units"]
        return {file["name"]: file["url"] for file in unit["artefacts"]}

    def fetch(self, name: str) -> httpx.Response:
        return self.customer.http.get(self.urls[name])

    def comes_back(self, name: str) -> bytes:
        """Whoever fetches the file is told that it is gone, and has it soon after."""
        assert self.fetch(name).status_code == 503
        return self.is_back(name)

    def is_back(self, name: str) -> bytes:
        until(lambda: self.fetch(name).status_code == 200, SECONDS, f"{name} of {self.number} being there again")
        return self.fetch(name).content

    def lose(self, name: str, below: str = "") -> None:
        """Have the stored objects of a file vanish."""
        stored = list((self.shop.home / "objects" / (below or f"artefacts/{self.obligation}")).rglob(f"{name}/*"))
        assert stored
        for path in stored:
            path.unlink()

    def vanishes(self) -> None:
        """Its plot is gone, and nobody gave it up."""
        (self.shop.world / "staked" / self.reference).unlink()

    def takes_effect_late(self, name: str) -> None:
        """What was delayed for this name happens after all, and is given up again."""
        before = self.shop.undone(self.reference)
        self.shop.delay(name, delays=False)
        until(lambda: self.shop.undone(self.reference) > before, SECONDS, "the late effect being given up")
        until(lambda: not self.shop.is_staked(self.reference), SECONDS, "its end")

    def term_ends(self) -> None:
        """What was promised of it is over, and its plot is given up for that."""
        before = self.shop.undone(self.reference)
        now = "strftime('%Y-%m-%d %H:%M:%f000', 'now')"
        self.shop.sql(f"UPDATE commitment SET until = {now} WHERE obligation_id = ?", self.obligation)
        until(lambda: self.shop.undone(self.reference) > before, SECONDS, "the plot being given up after its term")

    def held(self) -> set[str]:
        """The keys of what is held for its delivery."""
        query = "SELECT a.key FROM hold h JOIN asset a ON a.id = h.asset_id WHERE h.kind = 'delivery' AND h.holder = ?"
        return {key for [key] in self.shop.sql(query, self.obligation)}

    def money(self) -> str:
        """What became of its money."""
        [unit] = self.customer.order(self.number)["units"]
        return str(unit["money"])

    def attempt(self) -> int:
        """The attempt whose files its customer has."""
        [[attempt]] = self.shop.sql('SELECT attempt FROM "grant" WHERE obligation_id = ?', self.obligation)
        return int(attempt)

    def problems(self) -> list[str]:
        """What the redelivery that is under way, or was given up, ran into."""
        query = "SELECT problem FROM redelivery WHERE obligation_id = ? AND problem IS NOT NULL"
        return [problem for [problem] in self.shop.sql(query, self.obligation)]

    def made_good(self) -> int:
        """How often a redelivery of it was begun."""
        [[count]] = self.shop.sql("SELECT count(*) FROM redelivery WHERE obligation_id = ?", self.obligation)
        return int(count)

    def events(self, name: str) -> int:
        """How often this happened to the order."""
        timeline = self.customer.order(self.number)["timeline"]
        return sum(event["count"] for event in timeline if event["event"] == name)


def ordered(shop: PlotShop, product: str = "plots", **options: Any) -> Bought:
    """An order that is paid."""
    customer = shop.customer()
    quantity, email = options.pop("quantity", 1), options.pop("email", "kim@example.com")
    draft = customer.draft({}, product, **options)
    if product == "tunes":
        customer.made(draft)
    found = customer.payable(customer.checkout(draft, quantity=quantity, email=email)["number"])
    shop.provider.act(found["ref"])
    until(lambda: customer.order(found["number"])["state"] != "awaiting_payment", SECONDS, "the payment")
    return Bought(shop, customer, found["number"], found["ref"])


def delivered(shop: PlotShop, product: str = "plots", **options: Any) -> Bought:
    """An order that is paid and delivered."""
    bought = ordered(shop, product, **options)
    assert bought.customer.at_rest(bought.number)["state"] == "delivered"
    return bought
