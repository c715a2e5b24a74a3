"""kill -9 around everything that is written when money moves without our asking; and yesterday's backup, restored."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.payments.boats import (
    PRICE,
    Bought,
    boat_shop,
    command,
    dispute,
    reconcile,
    refund_in_dashboard,
    refunds_at_the_provider,
)
from tests.payments.parts import Hands
from tests.race.test_reconciling import paid_silently
from tests.shops import Shop, until

FAILED = """
import sqlalchemy as sa
from makegood.orders.models import Refund
said = session.scalar(sa.select(Refund.id).where(Refund.state == "failed"))
"""
PENDING = FAILED.replace("failed", "pending")
TRY_AGAIN = """
import sqlalchemy as sa
from makegood.orders.models import Refund
with shop.database.read() as session:
    refund_id = session.scalars(sa.select(Refund.id).where(Refund.state == "failed")).one()
said = shop.refunding.retry(refund_id, "kim@example.com")
"""
WITHIN = ["reversal:within"]
AROUND = ["reversal:before", "reversal:after", "reconcile:page"]


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    with boat_shop(tmp_path_factory.mktemp("killed"), MAKEGOOD_STRAY_HOURS="0") as running:
        yield running


@pytest.fixture(autouse=True)
def _alive(shop: Shop) -> None:
    """A test that failed while the shop was dead takes no other with it."""
    if shop.is_dead:
        shop.start()


def restore(shop: Shop, backup: Path) -> None:
    """Stop the shop and start it again from an earlier copy of its database."""
    shop.stop()
    database = shop.home / "shop.db"
    for name in ("shop.db-wal", "shop.db-shm"):
        database.with_name(name).unlink(missing_ok=True)
    shutil.copy(backup, database)
    shop.start()


@pytest.mark.parametrize("place", WITHIN + [pytest.param(place, marks=pytest.mark.nightly) for place in AROUND])
def test_a_dashboard_refund_survives_a_kill(shop: Shop, place: str) -> None:
    bought = Bought.delivered(shop, f"refund {place}", quantity=2)
    shop.die_at(place)
    refund_in_dashboard(shop, bought.ref, PRICE + 100)
    shop.wait_for_death()

    shop.start()

    until(lambda: bought.returned() == [PRICE, 100], 30, "the refund being counted once")
    assert bought.at_rest()["state"] == "partly_delivered"
    assert bought.mails("refunded") == 1


@pytest.mark.nightly
@pytest.mark.parametrize("place", WITHIN + AROUND)
def test_a_dispute_survives_a_kill(shop: Shop, place: str) -> None:
    bought = Bought.delivered(shop, f"dispute {place}")
    shop.die_at(place)
    dispute(shop, bought.ref, action="open")
    shop.wait_for_death()
    shop.start()
    bought.comes_to(money="disputed")
    shop.die_at(place)
    dispute(shop, bought.ref, action="close", outcome="lost")
    shop.wait_for_death()

    shop.start()

    assert bought.at_rest()["units"][0]["money"] == "charged_back"
    assert (bought.returned(), bought.went_back()) == ([PRICE], PRICE)


@pytest.mark.nightly
@pytest.mark.parametrize("place", ["stray:within", "stray:after"])
def test_stray_money_goes_back_once_whatever_is_killed(shop: Shop, place: str) -> None:
    shop.die_at(place)
    ref = paid_silently(shop)
    shop.wait_for_death()

    shop.start()

    until(lambda: refunds_at_the_provider(shop, ref) == [PRICE], 30, "the stray money going back")
    assert reconcile(shop, "--full")[0] == 0
    assert refunds_at_the_provider(shop, ref) == [PRICE]


@pytest.mark.nightly
@pytest.mark.parametrize("place", ["refund:recorded", "refund:before", "refund:after", "refund:within"])
def test_our_refund_of_a_unit_survives_a_kill_while_a_part_of_it_goes_back_in_the_dashboard(
    shop: Shop, place: str
) -> None:
    bought = Bought.delivered(shop, f"ours {place}")
    shop.die_at(place)
    assert command(shop, "orders", "refund", bought.number, "--reason", "You asked for it.")[0] == 0
    shop.wait_for_death()
    given = refunds_at_the_provider(shop, bought.ref)
    if not given:
        refund_in_dashboard(shop, bought.ref, 100, webhook="never")

    shop.start()

    assert bought.at_rest()["state"] == "refunded"
    assert refunds_at_the_provider(shop, bought.ref) == (given or [100, PRICE - 100])


@pytest.mark.parametrize("place", ["refund:after", pytest.param("refund:before", marks=pytest.mark.nightly)])
def test_our_refund_of_one_unit_survives_a_kill_and_leaves_the_other_paid(shop: Shop, place: str) -> None:
    bought = Bought.delivered(shop, f"one of two {place}", quantity=2)
    shop.die_at(place)
    assert command(shop, "orders", "refund", bought.number, "--unit", "1", "--reason", "You asked for it.")[0] == 0
    shop.wait_for_death()

    shop.start()

    until(lambda: bought.returned() == [PRICE, 0], 30, "the refund being counted once")
    assert bought.at_rest()["state"] == "partly_delivered"
    assert refunds_at_the_provider(shop, bought.ref) == [PRICE]


def test_a_backup_that_forgot_that_a_refund_was_asked_for_anew_gives_it_once(tmp_path: Path) -> None:
    with boat_shop(tmp_path) as shop:
        order = Bought.delivered(shop, "sent back")
        sent_back = {"next": 1, "outcome": "failed", "delay": 0.2}
        shop.provider.http.post("/v1/test/refund_outcomes", json=sent_back).raise_for_status()
        with Hands(shop) as hands:
            hands.give_back(order.number)
            until(lambda: hands.do(FAILED), 30, "the refund's failure")
        shop.stop()
        backup = tmp_path / "yesterday.db"
        shutil.copy(shop.home / "shop.db", backup)
        shop.start()
        with Hands(shop) as hands:
            assert hands.do(TRY_AGAIN, transaction=False)
        order.comes_to(money="refunded")

        restore(shop, backup)

        order.comes_to(money="refunded")
        with Hands(shop) as hands:
            assert hands.reconcile(full=True)["explained"]
            assert hands.prove() == []
        assert refunds_at_the_provider(shop, order.ref) == [PRICE]


@pytest.mark.parametrize("was_disputed", [False, True])
def test_a_backup_that_forgot_a_refund_that_is_still_under_way_delivers_nothing_for_it(
    tmp_path: Path, was_disputed: bool
) -> None:
    with boat_shop(tmp_path) as shop:
        order = Bought.delivered(shop, "slow bank")
        if was_disputed:
            dispute(shop, order.ref, action="open")
            order.comes_to(money="disputed")
        shop.stop()
        backup = tmp_path / "yesterday.db"
        shutil.copy(shop.home / "shop.db", backup)
        shop.start()
        if was_disputed:
            dispute(shop, order.ref, action="close", outcome="won")
            order.comes_to(money="kept")
        slow = {"next": 1, "outcome": "succeeded", "delay": 30}
        shop.provider.http.post("/v1/test/refund_outcomes", json=slow).raise_for_status()
        with Hands(shop) as hands:
            hands.give_back(order.number)
            until(lambda: hands.do(PENDING), 30, "the refund being under way")

        restore(shop, backup)

        order.comes_to(money="refunding")
        order.comes_to(money="refunded")
        assert refunds_at_the_provider(shop, order.ref) == [PRICE]


def test_a_backup_in_which_it_was_not_paid_yet_delivers_nothing_for_what_is_on_its_way_back(tmp_path: Path) -> None:
    # Reconciliation, which would find the refund by itself, comes after the restored shop has settled the payment.
    with boat_shop(tmp_path, MAKEGOOD_RECONCILE_SECONDS="3600") as shop:
        order = Bought.order(shop, "slow bank")
        shop.stop()
        backup = tmp_path / "yesterday.db"
        shutil.copy(shop.home / "shop.db", backup)
        shop.start()
        shop.provider.act(order.ref)
        assert order.at_rest()["state"] == "delivered"
        slow = {"next": 1, "outcome": "succeeded", "delay": 30}
        shop.provider.http.post("/v1/test/refund_outcomes", json=slow).raise_for_status()
        with Hands(shop) as hands:
            hands.give_back(order.number)
            until(lambda: hands.do(PENDING), 30, "the refund being under way")

        restore(shop, backup)

        order.comes_to(delivery="abandoned", money="refunding")
        order.comes_to(money="refunded")
        assert (order.mails("delivered"), refunds_at_the_provider(shop, order.ref)) == (0, [PRICE])


def test_yesterdays_backup_finds_todays_money_and_makes_it_good(tmp_path: Path) -> None:
    with boat_shop(tmp_path, MAKEGOOD_STRAY_HOURS="0") as shop:
        kept = Bought.delivered(shop, "kept")
        given = Bought.delivered(shop, "given")
        paid, paid_and_given = Bought.order(shop, "paid"), Bought.order(shop, "paid and given")
        shop.stop()
        database, backup = shop.home / "shop.db", tmp_path / "yesterday.db"
        assert not database.with_name("shop.db-wal").exists() or database.with_name("shop.db-wal").stat().st_size == 0
        shutil.copy(database, backup)
        shop.start()
        for order in (paid, paid_and_given):
            shop.provider.act(order.ref)
            assert order.at_rest()["state"] == "delivered"
        forgotten, forgotten_and_given = Bought.delivered(shop, "forgotten"), Bought.delivered(shop, "both")
        with Hands(shop) as hands:
            for order in (given, paid_and_given, forgotten_and_given):
                hands.give_back(order.number)
                order.comes_to(money="refunded")

        restore(shop, backup)

        assert paid.at_rest()["state"] == "delivered"
        for order in (given, paid_and_given):
            order.comes_to(money="refunded")
        until(lambda: refunds_at_the_provider(shop, forgotten.ref) == [PRICE], 30, "unknown money going back")
        with Hands(shop) as hands:
            assert hands.reconcile(full=True)["explained"]
            assert hands.prove() == []
        assert kept.seen()["state"] == "delivered"
        back = [kept, paid, given, paid_and_given, forgotten, forgotten_and_given]
        assert [refunds_at_the_provider(shop, order.ref) for order in back] == [[], [], *[[PRICE]] * 4]
        sums = shop.provider.http.get("/v1/ledger").json()["sums"]["USD"]
        assert (sums["captured"], sums["refunded"]) == (6 * PRICE, 4 * PRICE)
