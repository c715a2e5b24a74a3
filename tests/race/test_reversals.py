"""Refunds and disputes that are made at the provider, behind our back: counted once, whoever tells us of them."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing

import pytest

from tests.payments.boats import (
    PRICE,
    Bought,
    boat_shop,
    dispute,
    heal,
    refund_in_dashboard,
    refunds_at_the_provider,
    refuse_refunds,
)
from tests.payments.parts import Hands
from tests.shops import Shop, until

HEARD = ["twice", "never"]
"""By notifications, or only by reading the provider's list."""


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    with boat_shop(tmp_path_factory.mktemp("reversals")) as running:
        yield running


@pytest.fixture(scope="module")
def hands(shop: Shop) -> Iterator[Hands]:
    with Hands(shop) as working:
        yield working


@pytest.mark.parametrize("webhook", HEARD)
def test_a_dashboard_refund_before_the_delivery_ends_the_making(shop: Shop, webhook: str) -> None:
    bought = Bought.held(shop, f"whole-{webhook}")

    refund_in_dashboard(shop, bought.ref, webhook=webhook)

    order = bought.comes_to(money="refunded", delivery="abandoned")
    bought.let_go()
    assert order["state"] == bought.at_rest()["state"] == "refunded"
    assert bought.seen()["units"][0]["artefacts"] == []
    assert "obligation.delivered" not in [event["event"] for event in bought.seen()["timeline"]]
    assert (bought.returned(), refunds_at_the_provider(shop, bought.ref)) == ([PRICE], [PRICE])
    assert bought.mails("refunded") == 1


@pytest.mark.parametrize("webhook", HEARD)
def test_a_dashboard_refund_after_the_delivery_ends_the_download(shop: Shop, webhook: str) -> None:
    bought = Bought.delivered(shop, f"late-{webhook}")
    url = bought.seen()["units"][0]["artefacts"][0]["url"]

    refund_in_dashboard(shop, bought.ref, webhook=webhook)

    order = bought.comes_to(money="refunded", delivery="delivered")
    assert order["state"] == "refunded"
    assert bought.customer.http.get(url).status_code == 410
    assert (bought.returned(), bought.mails("refunded")) == ([PRICE], 1)


@pytest.mark.parametrize("webhook", HEARD)
def test_a_partial_dashboard_refund_leaves_the_rest_owed(shop: Shop, webhook: str) -> None:
    bought = Bought.held(shop, f"part-{webhook}")

    refund_in_dashboard(shop, bought.ref, 100, webhook=webhook)
    until(lambda: bought.returned() == [100], 30, "the part being counted")
    bought.let_go()

    order = bought.comes_to(money="kept", delivery="delivered")
    assert order["units"][0]["artefacts"]
    refund_in_dashboard(shop, bought.ref, 50, webhook=webhook)
    until(lambda: bought.returned() == [150], 30, "each part being counted once, though both are told of")
    refund_in_dashboard(shop, bought.ref, PRICE - 150, webhook=webhook)
    assert bought.comes_to(money="refunded", delivery="delivered")["state"] == "refunded"
    assert (bought.returned(), bought.mails("refunded")) == ([PRICE], 3)


def test_a_partial_dashboard_refund_takes_undelivered_units_first_in_their_order(shop: Shop) -> None:
    bought = Bought.held(shop, "three", quantity=3)

    refund_in_dashboard(shop, bought.ref, PRICE + 50)

    until(lambda: bought.returned() == [PRICE, 50, 0], 30, "the units getting their shares")
    bought.let_go()
    order = bought.at_rest()
    assert order["state"] == "partly_delivered"
    assert [unit["delivery"] for unit in order["units"]] == ["abandoned", "delivered", "delivered"]


def was_refused(shop: Shop, number: str) -> bool:
    """Whether the provider has said no to a refund of this order."""
    query = """
        SELECT r.last_error FROM refund r JOIN obligation o ON o.id = r.obligation_id
        JOIN "order" ON "order".id = o.order_id WHERE "order".number = ? AND r.last_error IS NOT NULL
    """
    with closing(sqlite3.connect(shop.home / "shop.db", timeout=30)) as database:
        return bool(database.execute(query, [number]).fetchall())


@pytest.mark.parametrize("amount", [PRICE, 100], ids=["all", "part"])
def test_a_dashboard_refund_during_our_own_never_gives_back_more_than_there_was(
    shop: Shop, hands: Hands, amount: int
) -> None:
    bought = Bought.delivered(shop, f"ours-{amount}")
    refuse_refunds(shop, bought.ref)
    hands.give_back(bought.number)
    until(lambda: was_refused(shop, bought.number), 30, "our own refund being refused")

    refund_in_dashboard(shop, bought.ref, amount, webhook="never")
    heal(shop)

    assert bought.at_rest()["state"] == "refunded"
    assert refunds_at_the_provider(shop, bought.ref) == ([amount, PRICE - amount] if amount < PRICE else [amount])
    assert bought.returned() == [PRICE]


def test_a_dashboard_refund_spares_other_units_while_one_is_being_given_back_anyway(shop: Shop, hands: Hands) -> None:
    bought = Bought.held(shop, "spared", quantity=2)
    refuse_refunds(shop, bought.ref)
    hands.give_back(bought.number)
    bought.comes_to(money="refunding")

    refund_in_dashboard(shop, bought.ref, PRICE)
    until(lambda: bought.returned() == [PRICE, 0], 30, "the refund being laid on the unit that goes back anyway")
    heal(shop)
    bought.let_go()

    order = bought.at_rest()
    assert [unit["delivery"] for unit in order["units"]] == ["abandoned", "delivered"]
    assert refunds_at_the_provider(shop, bought.ref) == [PRICE]


@pytest.mark.parametrize("webhook", HEARD)
def test_a_dispute_before_the_delivery_that_is_won_only_takes_time(shop: Shop, webhook: str) -> None:
    bought = Bought.held(shop, f"won-{webhook}")
    deadline = bought.seen()["units"][0]["deadline"]

    dispute(shop, bought.ref, action="open", webhook=webhook)
    bought.comes_to(money="disputed")
    bought.let_go()
    until(lambda: not shop_works_on(shop, bought), 30, "the end of the attempt that was under way")
    assert bought.seen()["units"][0]["delivery"] != "delivered"
    dispute(shop, bought.ref, action="close", outcome="won", webhook=webhook)

    order = bought.at_rest()
    assert (order["state"], order["units"][0]["money"]) == ("delivered", "kept")
    assert order["units"][0]["deadline"] > deadline
    assert bought.went_back() == 0


@pytest.mark.parametrize("webhook", HEARD)
def test_a_dispute_before_the_delivery_that_is_lost_ends_the_making(shop: Shop, webhook: str) -> None:
    bought = Bought.held(shop, f"lost-{webhook}")

    dispute(shop, bought.ref, action="open", webhook=webhook)
    bought.comes_to(money="disputed")
    dispute(shop, bought.ref, action="close", outcome="lost", webhook=webhook)

    order = bought.comes_to(money="charged_back", delivery="abandoned")
    bought.let_go()
    assert (order["state"], order["at_rest"]) == ("refunded", True)
    assert (bought.returned(), bought.went_back()) == ([PRICE], PRICE)
    assert refunds_at_the_provider(shop, bought.ref) == []


def test_a_dispute_after_the_delivery_that_is_lost_ends_the_download(shop: Shop) -> None:
    bought = Bought.delivered(shop, "sailed")
    url = bought.seen()["units"][0]["artefacts"][0]["url"]

    dispute(shop, bought.ref, action="open", webhook="never")
    order = bought.comes_to(money="disputed")
    assert (order["state"], order["at_rest"]) == ("delivered", False)
    assert bought.customer.http.get(url).status_code == 200
    dispute(shop, bought.ref, action="close", outcome="lost", webhook="never")

    order = bought.comes_to(money="charged_back", delivery="delivered")
    assert (order["state"], order["at_rest"]) == ("refunded", True)
    assert bought.customer.http.get(url).status_code == 410
    assert "Your bank" in bought.customer.http.get(f"/orders/{bought.number}").text


def test_a_dispute_that_is_opened_and_lost_before_anybody_looks(shop: Shop) -> None:
    bought = Bought.order(shop, "at once")
    shop.die_at("settle:before")
    shop.provider.act(bought.ref)
    shop.wait_for_death()
    dispute(shop, bought.ref, action="open", webhook="never")
    dispute(shop, bought.ref, action="close", outcome="lost", webhook="never")

    shop.start()

    assert bought.at_rest()["units"][0]["money"] == "charged_back"
    assert "obligation.delivered" not in [event["event"] for event in bought.seen()["timeline"]]


def test_a_dispute_while_we_give_the_money_back_takes_the_place_of_our_refund(shop: Shop, hands: Hands) -> None:
    bought = Bought.delivered(shop, "both")
    refuse_refunds(shop, bought.ref)
    hands.give_back(bought.number)
    bought.comes_to(money="refunding")

    dispute(shop, bought.ref, action="open")
    until(lambda: "dispute.opened" in [e["event"] for e in bought.seen()["timeline"]], 30, "the dispute being noted")
    assert bought.seen()["units"][0]["money"] == "refunding"
    heal(shop)
    dispute(shop, bought.ref, action="close", outcome="lost")

    assert bought.at_rest()["units"][0]["money"] == "refunded"
    assert (refunds_at_the_provider(shop, bought.ref), bought.went_back()) == ([], PRICE)


def test_after_all_this_everything_is_explained_and_the_promise_holds(shop: Shop, hands: Hands) -> None:
    report = hands.reconcile(full=True)
    assert report["explained"], report
    assert hands.prove() == []


def shop_works_on(shop: Shop, bought: Bought) -> bool:
    """Whether the engine still has an attempt at it."""
    with sqlite3.connect(shop.home / "shop.db", timeout=30) as database:
        query = (
            "SELECT count(*) FROM workflow_status w JOIN obligation b ON w.workflow_uuid LIKE b.id || '/%'"
            ' JOIN "order" o ON o.id = b.order_id WHERE o.number = ?'
            " AND w.status IN ('PENDING', 'ENQUEUED', 'DELAYED')"
        )
        return bool(database.execute(query, (bought.number,)).fetchone()[0])
