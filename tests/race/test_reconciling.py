"""The provider's lists against our books, both ways, when nobody has told us anything."""

from __future__ import annotations

import json
import sqlite3
import uuid
from collections.abc import Iterator
from typing import Any

import pytest

from tests.payments.boats import (
    PRICE,
    Bought,
    boat_shop,
    command,
    dispute,
    heal,
    reconcile,
    refund_in_dashboard,
    refunds_at_the_provider,
    refuse_refunds,
)
from tests.payments.parts import Hands
from tests.shops import Shop, until


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    settings = {"MAKEGOOD_ALERT_SECONDS": "0.3", "MAKEGOOD_ALERT_AFTER_MINUTES": "0"}
    with boat_shop(tmp_path_factory.mktemp("reconciling"), **settings) as running:
        yield running


@pytest.fixture(scope="module")
def hands(shop: Shop) -> Iterator[Hands]:
    with Hands(shop) as working:
        yield working


def paid_silently(shop: Shop, **changes: Any) -> str:
    """A payment that the provider has and tells nobody of; its id there."""
    wanted = {
        "reference": str(uuid.uuid4()), "amount": PRICE, "currency": "USD", "description": "Something",
        "return_url": shop.url, "cancel_url": shop.url, "expires_in": 3600, "metadata": {},
    }  # fmt: skip
    made = shop.provider.http.post("/v1/payments", json={**wanted, **changes})
    assert made.status_code == 201, made.text
    ref = str(made.json()["id"])
    shop.provider.act(ref, webhook="never")
    return ref


def test_money_of_no_order_waits_for_an_operator_who_may_release_it_at_once(shop: Shop, hands: Hands) -> None:
    ref = paid_silently(shop, currency="EUR")

    report = hands.reconcile()

    assert report["explained"]
    [found] = [finding for finding in report["findings"] if finding["ref"] == ref]
    assert (found["kind"], found["order_id"]) == ("NO_ORDER", None)
    assert found["text"].startswith("€2.50 belongs to no order of ours and goes back at 20")
    assert refunds_at_the_provider(shop, ref) == []
    code, said = command(shop, "reconcile", "--release", ref)
    assert (code, said.splitlines()[-1]) == (0, f"{ref} is on its way back.")
    until(lambda: refunds_at_the_provider(shop, ref) == [PRICE], 30, "the money going back in its own currency")


@pytest.mark.parametrize(
    "changes", [{}, {"amount": 1}, {"currency": "EUR"}], ids=["paid twice", "another amount", "another currency"]
)
def test_other_money_under_an_orders_reference_goes_back_though_nobody_told_us(
    shop: Shop, changes: dict[str, Any]
) -> None:
    bought = Bought.delivered(shop, f"other {len(str(changes))}")

    ref = paid_silently(shop, reference=bought.reference, **changes)

    amount = changes.get("amount", PRICE)
    until(lambda: refunds_at_the_provider(shop, ref) == [amount], 30, "the other money going back")
    assert bought.seen()["payment"]["id"] == bought.reference
    assert (bought.seen()["state"], refunds_at_the_provider(shop, bought.ref)) == ("delivered", [])


def test_an_order_that_we_call_paid_and_the_provider_does_not_is_reported_and_not_changed(
    shop: Shop, hands: Hands
) -> None:
    bought = Bought.order(shop, "unpaid")
    say = "UPDATE payment SET state = ?, captured_minor = ? WHERE id = ?"
    with sqlite3.connect(shop.home / "shop.db", timeout=30) as database:
        database.execute(say, ("paid", PRICE, bought.reference))

    code, report = reconcile(shop)

    [found] = [finding for finding in report["findings"] if finding["ref"] == bought.ref]
    assert (code, report["explained"], found["order"]) == (1, False, bought.number)
    assert found["text"] == "We say that $2.50 was paid; sandbox says pending."
    with sqlite3.connect(shop.home / "shop.db", timeout=30) as database:
        [state] = database.execute("SELECT state FROM payment WHERE id = ?", (bought.reference,)).fetchone()
        assert state == "paid"
        database.execute(say, ("pending", 0, bought.reference))
    shop.provider.act(bought.ref, webhook="never")
    assert bought.at_rest()["state"] == "delivered"
    assert hands.reconcile(full=True)["explained"]


def test_a_payment_that_cant_be_booked_keeps_nobody_elses_from_being_found(shop: Shop, hands: Hands) -> None:
    # Nobody can be written to at such an address, so the receipt can't be posted.
    address = 'UPDATE "order" SET email = ? WHERE number = ?'
    stray = [paid_silently(shop, currency="EUR")]
    broken = Bought.order(shop, "without an address")
    with sqlite3.connect(shop.home / "shop.db", timeout=30) as database:
        assert database.execute(address, ("nobody", broken.number)).rowcount == 1
    shop.provider.act(broken.ref, webhook="never")
    stray.append(paid_silently(shop, currency="EUR"))

    report = hands.reconcile()

    assert {finding["ref"] for finding in report["findings"]} >= set(stray)
    [found] = [finding for finding in report["findings"] if finding["ref"] == broken.ref]
    assert (found["kind"], found["explained"]) == ("NOT_BOOKED", False)
    with sqlite3.connect(shop.home / "shop.db", timeout=30) as database:
        database.execute(address, ("kim@example.com", broken.number))
    assert broken.at_rest()["state"] == "delivered"
    assert hands.reconcile()["explained"]


def test_one_payment_that_is_not_answered_for_keeps_nobody_elses_from_being_found(shop: Shop, hands: Hands) -> None:
    stray = [paid_silently(shop, currency="EUR")]
    mute = Bought.order(shop, "mute")
    no_answers(shop, f"/v1/payments/{mute.ref}")
    say = "UPDATE payment SET state = ?, captured_minor = ? WHERE id = ?"
    with sqlite3.connect(shop.home / "shop.db", timeout=30) as database:
        # Our books differ from the list, so that the provider is asked about it.
        database.execute(say, ("paid", PRICE, mute.reference))
    stray.append(paid_silently(shop, currency="EUR"))

    report = hands.reconcile()

    assert {finding["ref"] for finding in report["findings"]} >= set(stray)
    [found] = [finding for finding in report["findings"] if finding["ref"] == mute.ref]
    assert (found["kind"], found["explained"]) == ("NOT_BOOKED", False)
    with sqlite3.connect(shop.home / "shop.db", timeout=30) as database:
        database.execute(say, ("pending", 0, mute.reference))
    heal(shop)
    shop.provider.act(mute.ref, webhook="never")
    assert mute.at_rest()["state"] == "delivered"
    assert hands.reconcile()["explained"]


def test_a_list_that_cant_be_read_is_told_of_and_keeps_nobody_from_the_others(shop: Shop, hands: Hands) -> None:
    bought = Bought.delivered(shop, "no list")
    no_answers(shop, "/v1/payments")
    dispute(shop, bought.ref, webhook="never")

    report = hands.reconcile()

    assert [line.split(": ")[:2] for line in report["unanswered"]] == [["sandbox", "payments"]]
    assert bought.comes_to(money="disputed")
    [line] = until(lambda: behind(shop), 30, "the alert")
    assert line["text"].startswith("sandbox: payments were read to the end for the last time at 20")
    heal(shop)
    until(lambda: not behind(shop), 30, "its end")
    dispute(shop, bought.ref, action="close", outcome="won", webhook="never")
    assert bought.comes_to(money="kept")


def behind(shop: Shop) -> list[Any]:
    """What the alert names that tells of lists that are not read to their ends."""
    said = json.loads(command(shop, "alerts", "--json")[1])
    return [one for alert in said["open"] if alert["kind"] == "reconciliation.behind" for one in alert["subjects"]]


def no_answers(shop: Shop, path: str) -> None:
    """Let every question under this path fail until `heal`."""
    fault = {"next": 10_000, "kind": "500", "method": "GET", "path_prefix": path}
    assert shop.provider.http.post("/v1/test/faults", json=fault).status_code == 201


PART = """
from makegood.orders.reading import by_number, obligations_of
[owed] = obligations_of(session, by_number(session, {number!r}).id)
said = [shop.obligations.give_part(session, owed.id, {amount}, "One day was missing.", key) for key in {keys!r}]
"""


def test_parts_asked_for_from_two_places_never_add_up_to_more_than_was_paid(shop: Shop, hands: Hands) -> None:
    bought = Bought.delivered(shop, "parts")
    refuse_refunds(shop, bought.ref)

    with Hands(shop) as others:
        for place, keys in ((hands, ["one", "two", "both"]), (others, ["three", "four", "both"])):
            place.begin(PART.format(number=bought.number, amount=100, keys=keys))
        recorded = [amount for place in (hands, others) for amount in place.answer() if amount]

    assert sorted(recorded) == [50, 100, 100]
    heal(shop)
    until(lambda: bought.returned() == [PRICE], 60, "all the parts having gone back")
    assert sorted(refunds_at_the_provider(shop, bought.ref)) == [50, 100, 100]
    assert bought.at_rest()["units"][0]["money"] == "refunded"
    assert bought.mails("refunded") == 3


def test_a_part_is_given_once_for_each_occasion_and_the_rest_stays_kept(shop: Shop, hands: Hands) -> None:
    bought = Bought.delivered(shop, "once")

    first = hands.do(PART.format(number=bought.number, amount=60, keys=["day 3", "day 3"]))
    until(lambda: bought.returned() == [60], 30, "the part having gone back")
    again = hands.do(PART.format(number=bought.number, amount=60, keys=["day 3"]))

    assert (first, again) == ([60, 0], [0])
    order = bought.at_rest()
    assert (order["state"], order["units"][0]["money"]) == ("delivered", "kept")
    assert refunds_at_the_provider(shop, bought.ref) == [60]


def test_a_dashboard_refund_that_takes_most_of_it_leaves_the_rest_to_a_part_on_its_way(
    shop: Shop, hands: Hands
) -> None:
    bought = Bought.delivered(shop, "squeezed")
    refuse_refunds(shop, bought.ref)
    assert hands.do(PART.format(number=bought.number, amount=100, keys=["late"])) == [100]

    refund_in_dashboard(shop, bought.ref, PRICE - 30)
    heal(shop)

    until(lambda: bought.returned() == [PRICE], 30, "the rest going back")
    assert refunds_at_the_provider(shop, bought.ref) == [PRICE - 30, 30]


def test_after_all_this_the_promise_holds(hands: Hands) -> None:
    assert hands.reconcile(full=True)["explained"]
    assert hands.prove() == []
