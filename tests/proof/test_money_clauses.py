"""The proof finds what contradicts the promise about money that moves at the provider."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from makegood.kernel.clock import SystemClock
from makegood.kernel.database import Database
from makegood.payments.providers.free import FreeProvider
from makegood.payments.providers.sandbox.adapter import SandboxProvider
from makegood.proof import prove
from makegood.storage.objects import ObjectStore
from tests.payments.boats import Bought, boat_shop, dispute, refund_in_dashboard
from tests.shops import KEY, SECRET, Shop, until


@dataclass
class Settled:
    """A shop that has been stopped with an order of which a part went back, and one that is disputed."""

    shop: Shop
    parted: Bought
    disputed: Bought

    def order_of(self, who: str) -> str:
        """By what a violation names it."""
        return self.parted.ref if who == "money" else {"parted": self.parted, "disputed": self.disputed}[who].number


@pytest.fixture(scope="module")
def settled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settled]:
    with boat_shop(tmp_path_factory.mktemp("proof")) as shop:
        parted, disputed = Bought.delivered(shop, "parted"), Bought.delivered(shop, "disputed")
        refund_in_dashboard(shop, parted.ref, 100)
        until(lambda: parted.returned() == [100], 30, "the refund being counted")
        dispute(shop, disputed.ref, action="open")
        disputed.comes_to(money="disputed")
        shop.stop()
        yield Settled(shop, parted, disputed)


def violations(shop: Shop, home: Path) -> set[tuple[str, str]]:
    clock = SystemClock()
    providers = {"free": FreeProvider(), "sandbox": SandboxProvider(shop.provider.url, KEY, SECRET, clock)}
    database = Database(f"sqlite:///{home / 'shop.db'}")
    report = prove(database, ObjectStore(home / "objects"), providers, clock)
    database.close()
    assert report.unanswered == ()
    return {(found.clause, found.order) for found in report.violations}


def test_a_part_that_went_back_and_an_open_dispute_contradict_nothing(settled: Settled) -> None:
    assert violations(settled.shop, settled.shop.home) == set()


ADDS_UP = "no more goes back than was allocated, and every unit's share of it adds up"
WORD = "the payment providers' own word is the same as ours"
KNOWN = "what the providers captured is known here"
DISPUTES = "what cardholders' banks dispute is known here, and waits"
PLANTED = {
    "a unit says another share": (ADDS_UP, "parted", "UPDATE obligation SET returned_minor = 99 WHERE returned_minor"),
    "a refund was never counted": (WORD, "parted", "DELETE FROM counted_refund"),
    "a refund was counted that never was": (
        WORD, "disputed",
        "INSERT INTO counted_refund SELECT '1', provider, 're_1', id, NULL, 50, currency, 0, created_at FROM payment",
    ),
    "a payment is gone": (KNOWN, "money", "DELETE FROM payment"),
    "a dispute is unknown": (DISPUTES, "disputed", "DELETE FROM dispute"),
    "a dispute counts as won": (DISPUTES, "disputed", "UPDATE dispute SET state = 'won', closed_at = noted_at"),
    "what is disputed is being made": (
        DISPUTES, "disputed", "UPDATE obligation SET money = 'kept', delivery = 'owed', delivered_at = NULL",
    ),
}  # fmt: skip


@pytest.mark.parametrize("planted", PLANTED)
def test_each_clause_finds_what_contradicts_it(settled: Settled, tmp_path: Path, planted: str) -> None:
    clause, who, statement = PLANTED[planted]
    home = tmp_path / "home"
    shutil.copytree(settled.shop.home, home)
    with sqlite3.connect(home / "shop.db") as database:
        database.execute(
            statement + (" WHERE id = " + repr(settled.disputed.reference) if "INSERT" in statement else "")
        )

    assert (clause, settled.order_of(who)) in violations(settled.shop, home)
