"""The proof finds what contradicts the promise about money that moves at the provider."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import pytest

from makegood.kernel.clock import SystemClock
from makegood.kernel.database import Database
from makegood.payments.provider import Page, ProviderPayment, Stream
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


def violations(
    shop: Shop, home: Path, sandbox: type[SandboxProvider] = SandboxProvider, patience: tuple[float, ...] = (0.1, 0.1)
) -> set[tuple[str, str]]:
    clock = SystemClock()
    providers = {"free": FreeProvider(), "sandbox": sandbox(shop.provider.url, KEY, SECRET, clock)}
    database = Database(f"sqlite:///{home / 'shop.db'}")
    report = prove(database, ObjectStore(home / "objects"), providers, clock, patience)
    database.close()
    assert report.unanswered == ()
    return {(found.clause, found.order) for found in report.violations}


def test_a_part_that_went_back_and_an_open_dispute_contradict_nothing(settled: Settled) -> None:
    assert violations(settled.shop, settled.shop.home) == set()


ADDS_UP = "no more goes back than was allocated, and every unit's share of it adds up"
WORD = "the payment providers' own word is the same as ours"
KNOWN = "what the providers captured is known here"
DISPUTES = "what cardholders' banks dispute is known here, and waits"
ALLOCATED = "every captured cent is allocated or goes back"
BACK = "what is owed back goes back within a day"
OPEN = """INSERT INTO refund
    (id, payment_id, obligation_id, surplus_of, key, reference, amount_minor, currency, reason, state, tries,
     due_at, created_at)
    SELECT 'r', p.id, {obligation}, {surplus_of}, 'k', 'r', {amount}, p.currency, '', '{state}', 1, {due_at}, {made_at}
    FROM payment p JOIN obligation o ON o.payment_id = p.id WHERE p.provider_ref = '{ref}'"""
LONG_AGO, SOON = "'2020-01-01 00:00:00.000000'", "datetime('now', '+1 day')"


def open_refund(
    ref: str, amount: int, made_at: str = "datetime('now')", due_at: str = "NULL", state: str = "recorded",
    *, surplus: bool = False,
) -> str:  # fmt: skip
    """The statement that plants a refund which has not been given: of the unit that was paid for, or surplus."""
    whose = {"obligation": "NULL", "surplus_of": "p.id"} if surplus else {"obligation": "o.id", "surplus_of": "NULL"}
    return OPEN.format(ref=ref, amount=amount, made_at=made_at, due_at=due_at, state=state, **whose)


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


def planted(settled: Settled, folder: Path, *statements: str) -> set[tuple[str, str]]:
    """What the proof says of the settled shop after these changes."""
    home = folder / "home"
    shutil.copytree(settled.shop.home, home)
    with sqlite3.connect(home / "shop.db") as database:
        for statement in statements:
            database.execute(statement)
    return violations(settled.shop, home)


@pytest.mark.parametrize("state", ["recorded", "pending", "failed"])
def test_a_part_that_is_owed_for_days_is_named_whatever_its_state(settled: Settled, tmp_path: Path, state: str) -> None:
    owed = open_refund(settled.parted.ref, 50, LONG_AGO, state=state)
    assert planted(settled, tmp_path, owed) == {(BACK, settled.parted.number)}


def test_money_that_unlocks_nothing_and_does_not_go_back_is_named(settled: Settled, tmp_path: Path) -> None:
    owed = open_refund(settled.parted.ref, 150, LONG_AGO, surplus=True)
    assert planted(settled, tmp_path, owed) == {(BACK, settled.parted.number)}


@pytest.mark.parametrize("due_at", ["NULL", SOON])
def test_what_is_just_going_back_or_not_due_yet_contradicts_nothing(
    settled: Settled, tmp_path: Path, due_at: str
) -> None:
    made_at = LONG_AGO if due_at == SOON else "datetime('now')"
    assert planted(settled, tmp_path, open_refund(settled.parted.ref, 50, made_at, due_at)) == set()


@pytest.mark.parametrize(("surplus", "covers"), [(149, False), (150, True)])
def test_surplus_that_goes_back_has_to_be_all_that_is_left(
    settled: Settled, tmp_path: Path, surplus: int, covers: bool
) -> None:
    found = planted(
        settled, tmp_path,
        f"UPDATE obligation SET allocated_minor = 100 WHERE payment_id = '{settled.parted.reference}'",
        open_refund(settled.parted.ref, surplus, surplus=True),
    )  # fmt: skip
    assert ((ALLOCATED, settled.parted.number) in found) is not covers


def test_a_surplus_refund_that_gave_nothing_is_not_covered_by_what_went_back_of_a_unit(
    settled: Settled, tmp_path: Path
) -> None:
    found = planted(
        settled, tmp_path,
        f"UPDATE obligation SET allocated_minor = 150 WHERE payment_id = '{settled.parted.reference}'",
        open_refund(settled.parted.ref, 0, state="succeeded", surplus=True),
    )  # fmt: skip
    assert (ALLOCATED, settled.parted.number) in found


def test_a_second_payment_that_was_captured_under_our_reference_is_not_taken_for_the_first(settled: Settled) -> None:
    body = {
        "reference": settled.parted.reference, "amount": 70, "currency": "USD", "description": "again",
        "return_url": "http://127.0.0.1/", "cancel_url": "http://127.0.0.1/",
    }  # fmt: skip
    second = settled.shop.provider.http.post("/v1/payments", json=body).json()["id"]
    settled.shop.provider.act(second, webhook="never")

    assert violations(settled.shop, settled.shop.home) == {(KNOWN, second)}


def test_money_that_moves_while_the_proof_asks_contradicts_nothing(tmp_path: Path) -> None:
    with boat_shop(tmp_path) as shop:
        unpaid, parted = Bought.order(shop, "paid meanwhile"), Bought.delivered(shop, "parted meanwhile")
        disputed = Bought.delivered(shop, "disputed meanwhile")
        moves = {
            unpaid.ref: lambda: shop.provider.act(unpaid.ref),
            parted.ref: lambda: refund_in_dashboard(shop, parted.ref, 100, webhook="never"),
            Stream.PAYMENTS: lambda: Bought.delivered(shop, "bought meanwhile"),
            Stream.DISPUTES: lambda: dispute(shop, disputed.ref, webhook="never", action="open"),
        }

        class Moving(SandboxProvider):
            """The provider, at which something happens just before it is asked for the first time."""

            def retrieve(self, ref: str) -> ProviderPayment:
                moves.pop(ref, str)()
                return super().retrieve(ref)

            def list_recent(self, stream: Stream, since: datetime | None, cursor: str | None) -> Page:
                moves.pop(stream, str)()
                return super().list_recent(stream, since, cursor)

        assert violations(shop, shop.home, Moving, patience=(1.0,) * 40) == set()
        assert moves == {}
        assert (parted.returned(), disputed.seen()["units"][0]["money"]) == ([100], "disputed")
