"""Money that arrived and can't buy its order: the customer is told so, with the amount, and never that nothing was
charged; and the order ends, so that nobody is sent to a payment page that isn't there."""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.cases.corner import SECONDS, CornerShop, draft_of, order
from tests.race.test_money import paid_elsewhere
from tests.shops import Customer, until

PRICE = 100
"""Minor units that a note costs."""
NOTHING = re.compile(r"nothing (was|has been) charged", re.IGNORECASE)
EUROS = f"€{PRICE / 100:.2f}"


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CornerShop]:
    with CornerShop(tmp_path_factory.mktemp("surplus")) as running:
        yield running


@contextmanager
def refunds_fail(shop: CornerShop) -> Iterator[None]:
    """The provider takes no refunds meanwhile."""
    fault = {"next": 10_000, "kind": "500", "method": "POST", "path_prefix": "/v1/payments/"}
    assert shop.provider.http.post("/v1/test/faults", json=fault).status_code == 201
    try:
        yield
    finally:
        shop.provider.http.delete("/v1/test/faults")


def page_of(customer: Customer, number: str) -> str:
    return re.sub(r"\s+", " ", customer.http.get(f"/orders/{number}").text)


def goes_back(customer: Customer, number: str, times: int = 1) -> dict[str, Any]:
    """The order once so many payments of it are known to buy nothing."""

    def found() -> dict[str, Any] | None:
        seen = customer.order(number)
        events = [event["event"] for event in seen["timeline"]]
        return seen if events.count("payment.unlocks_nothing") == times else None

    return dict(until(found, SECONDS, f"the money for {number} being met"))


def went_back(customer: Customer, number: str) -> dict[str, Any]:
    """The order once all its surplus money is back."""

    def found() -> dict[str, Any] | None:
        seen = customer.order(number)
        return seen if all(each["money"] == "refunded" for each in seen["surplus"]) else None

    return dict(until(found, SECONDS, f"the money for {number} going back"))


def surplus(seen: dict[str, Any]) -> list[tuple[str, str, str]]:
    return [(each["problem"], each["amount"]["text"], each["money"]) for each in seen["surplus"]]


def test_money_that_comes_after_its_order_let_go_of_its_files_is_said_and_goes_back(tmp_path: Path) -> None:
    settings = {
        "MAKEGOOD_PAYMENT_MINUTES": "0.2", "MAKEGOOD_UNPAID_DAYS": "0", "MAKEGOOD_RETENTION_SECONDS": "0.5",
    }  # fmt: skip
    with CornerShop(tmp_path, **settings) as shop:
        bought = order(shop, "engravings", b"paid too late")
        assert bought.at_rest()["state"] == "cancelled"
        assert NOTHING.search(bought.page())
        until(lambda: shop.sql("SELECT * FROM hold WHERE kind = 'order'") == [], SECONDS, "the end of its holds")
        with refunds_fail(shop):
            paid_elsewhere(shop, reference=bought.reference, amount=bought.seen()["total"]["minor"])
            seen = goes_back(bought.customer, bought.number)
            page = bought.page()

        assert not NOTHING.search(page)
        assert "$3.00 arrived" in page
        assert "is going back to you" in page
        assert (seen["state"], seen["at_rest"]) == ("cancelled", False)
        assert surplus(seen) == [("INPUTS_RELEASED", "$3.00", "refunding")]
        assert surplus(bought.at_rest()) == [("INPUTS_RELEASED", "$3.00", "refunded")]
        assert "has gone back to you" in bought.page()
        assert not NOTHING.search(bought.page())


MISTAKEN = [({"amount": 1}, "AMOUNT_DIFFERS", "$0.01"), ({"currency": "EUR"}, "CURRENCY_DIFFERS", EUROS)]


@pytest.mark.parametrize(("changes", "problem", "amount"), MISTAKEN, ids=["amount", "currency"])
def test_an_orders_own_payment_of_another_amount_or_currency_ends_the_order_and_says_so(
    shop: CornerShop, changes: dict[str, Any], problem: str, amount: str
) -> None:
    customer = shop.customer()
    draft = draft_of(customer, text=f"for {amount}")
    wanted = {"draft_id": draft, "key": uuid.uuid4().hex, "quote": customer.quote(draft)}
    shop.die_at("request:before")
    with suppress(httpx.HTTPError):
        customer.checkout(**wanted)
    shop.wait_for_death()
    [(reference,)] = shop.sql("SELECT id FROM payment WHERE state = 'requested'")
    with refunds_fail(shop):
        # The provider has it under our reference before we ask for it: then it is the order's own.
        paid_elsewhere(shop, **{"reference": reference, "amount": PRICE, **changes})
        shop.start()
        number = customer.checkout(**wanted)["number"]
        seen = goes_back(customer, number)
        page = page_of(customer, number)

    assert not NOTHING.search(page)
    assert f"{amount} arrived" in page
    assert "is going back to you" in page
    assert_no_way_to_pay(customer, number)
    assert (seen["state"], seen["payment"]["problem"], seen["payment"]["open"]) == ("cancelled", problem, False)
    assert surplus(seen) == [(problem, amount, "refunding")]
    assert surplus(customer.at_rest(number)) == [(problem, amount, "refunded")]
    assert "has gone back to you" in page_of(customer, number)
    assert shop.provider.kept(reference) == 0
    assert shop.run("reconcile", "--full")[0] == 0
    again = customer.checkout(draft)["number"]
    assert again != number
    shop.provider.act(customer.payable(again)["ref"])
    assert customer.at_rest(again)["state"] == "delivered"


def test_an_order_whose_payment_has_ended_offers_no_way_to_it_even_if_it_was_left_open(shop: CornerShop) -> None:
    bought = order(shop, text="left open")
    with refunds_fail(shop):
        shop.sql(f"UPDATE payment SET amount_minor = amount_minor + 1 WHERE id = '{bought.reference}'")
        bought.pay()
        goes_back(bought.customer, bought.number)
        shop.sql(f"UPDATE \"order\" SET closed_at = NULL WHERE number = '{bought.number}'")
        page = bought.page()

    assert bought.seen()["state"] == "awaiting_payment"
    assert_no_way_to_pay(bought.customer, bought.number)
    assert not NOTHING.search(page)
    assert "$1.00 arrived" in page


def test_money_beside_a_payment_that_can_still_be_made_is_said_and_the_order_stays_payable(shop: CornerShop) -> None:
    bought = order(shop, text="one cent, and then the price")
    with refunds_fail(shop):
        paid_elsewhere(shop, reference=bought.reference, amount=1)
        seen = goes_back(bought.customer, bought.number)
        page = bought.page()

    assert not NOTHING.search(page)
    assert "$0.01 arrived" in page
    assert f"/orders/{bought.number}/pay" in page
    assert (seen["state"], seen["payment"]["open"]) == ("awaiting_payment", True)
    assert surplus(went_back(bought.customer, bought.number)) == [("AMOUNT_DIFFERS", "$0.01", "refunded")]
    bought.pay()
    assert bought.at_rest()["state"] == "delivered"
    assert "$0.01 arrived" in bought.page()


def test_an_order_is_not_at_rest_while_its_second_payment_is_going_back(shop: CornerShop) -> None:
    bought = order(shop, text="paid twice")
    bought.pay()
    bought.delivered()
    with refunds_fail(shop):
        paid_elsewhere(shop, reference=bought.reference, amount=PRICE)
        seen = goes_back(bought.customer, bought.number)
        page = bought.page()

    assert (seen["state"], seen["at_rest"]) == ("delivered", False)
    assert surplus(seen) == [("ORDER_ALREADY_PAID", "$1.00", "refunding")]
    assert "Another $1.00 arrived" in page
    assert surplus(bought.at_rest()) == [("ORDER_ALREADY_PAID", "$1.00", "refunded")]


def assert_no_way_to_pay(customer: Customer, number: str) -> None:
    """Neither a button, nor a page that waits for another page for ever."""
    assert f"/orders/{number}/pay" not in page_of(customer, number)
    answer = customer.http.get(f"/orders/{number}/pay")
    assert (answer.status_code, answer.headers.get("location")) == (303, f"/orders/{number}")
