"""Checkout and the order page when things do not go smoothly: no script, codes, a declined card, two clicks."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser import walking
from tests.shops import Customer, Shop

pytestmark = pytest.mark.browser


@pytest.fixture
def screen() -> str:
    return "desktop"


@pytest.fixture
def customer(page: Page, shop: Shop, poster_files: dict[str, Path]) -> Customer:
    """A customer at the checkout page with a finished draft."""
    found = shop.customer()
    draft = found.draft(poster_files, title="First dance")
    walking.become(page, found)
    page.goto(f"{shop.url}/checkout/{draft}")
    return found


@pytest.fixture
def plain(browser: Browser) -> Iterator[Page]:
    """A browser without scripts."""
    context = browser.new_context(java_script_enabled=False)
    yield context.new_page()
    context.close()


def orders_of(customer: Customer) -> list[str]:
    return [order["number"] for order in customer.expect(200, "GET", "/api/v1/orders")]


def test_checkout_works_without_scripts(plain: Page, shop: Shop, poster_files: dict[str, Path]) -> None:
    customer = shop.customer()
    draft = customer.draft(poster_files)
    walking.become(plain, customer)
    plain.goto(f"{shop.url}/checkout/{draft}")
    plain.get_by_label("How many").fill("2")
    plain.get_by_label("Promotion code").fill("nonsense")
    plain.get_by_role("button", name="Apply").click()
    expect(plain.get_by_text("That promotion code isn't valid")).to_be_visible()
    expect(plain.get_by_role("row", name="Total")).to_contain_text("$5.98")
    plain.get_by_label("E-mail address").fill("not an address")
    plain.get_by_role("button", name="Pay $5.98").click()
    expect(plain.get_by_text("This doesn't look like an e-mail address")).to_be_visible()
    plain.get_by_label("E-mail address").fill("emma@example.com")
    plain.get_by_label("How many").fill("3")
    plain.get_by_role("button", name="Pay $5.98").click()
    expect(plain.get_by_text("The price has changed with what you asked for")).to_be_visible()
    expect(plain.get_by_role("row", name="Total")).to_contain_text("$8.97")
    assert orders_of(customer) == []
    plain.get_by_label("How many").fill("2")
    plain.get_by_role("button", name="Apply").click()
    plain.get_by_role("button", name="Pay $5.98").click()
    walking.pay(plain)
    customer.at_rest(orders_of(customer)[0])
    plain.reload()
    expect(plain.get_by_role("link", name="For printing (PDF)")).to_have_count(2)


def test_a_promotion_that_takes_everything_off_delivers_without_a_payment_page(page: Page, customer: Customer) -> None:
    env = {**os.environ, "MAKEGOOD_HOME": str(customer.shop.home)}
    add = [sys.executable, "-m", "makegood.cli", "promotion", "WELCOME", "--percent", "100"]
    subprocess.run(add, env=env, check=True, capture_output=True)
    page.get_by_label("Promotion code").fill("welcome")
    page.get_by_label("Promotion code").press("Enter")
    expect(page.get_by_role("row", name="Total")).to_contain_text("$0.00")
    page.get_by_label("E-mail address").fill("emma@example.com")
    page.get_by_role("button", name="Get it for free").click()
    expect(page.get_by_role("heading", name="Here it is")).to_be_visible(timeout=walking.WAIT)


def test_two_clicks_make_one_order(page: Page, customer: Customer) -> None:
    page.get_by_label("E-mail address").fill("emma@example.com")
    page.get_by_role("button", name="Pay $2.99").dblclick()
    page.wait_for_url("**/pay/**", timeout=walking.WAIT)
    assert len(orders_of(customer)) == 1


def test_who_comes_back_from_the_payment_page_pays_for_what_they_asked_for_last(page: Page, customer: Customer) -> None:
    checkout = page.url

    def order(email: str, quantity: int, price: str) -> str:
        page.get_by_label("How many").fill(str(quantity))
        page.get_by_label("How many").blur()
        page.get_by_label("E-mail address").fill(email)
        page.get_by_role("button", name=f"Pay {price}").click()
        page.wait_for_url("**/pay/**", timeout=walking.WAIT)
        number = orders_of(customer)[0]
        page.go_back()
        page.wait_for_url(checkout)
        return number

    wanted = [("emma@example.com", 1, "$2.99"), ("emma@example.com", 3, "$8.97"), ("kim@example.com", 3, "$8.97")]
    numbers = [order(*wanted[each]) for each in (0, 1, 2, 1, 1)]

    assert len(set(numbers)) == 4
    assert numbers[3] == numbers[4]
    assert {customer.order(number)["state"] for number in numbers[:3]} == {"cancelled"}
    page.go_forward()
    walking.pay(page)
    paid = customer.at_rest(numbers[4])
    assert (paid["email"], paid["total"]["minor"]) == ("emma@example.com", 897)


def test_a_number_that_was_just_typed_is_priced_before_anybody_pays_for_it(page: Page, customer: Customer) -> None:
    page.get_by_label("E-mail address").fill("emma@example.com")
    page.get_by_label("How many").fill("3")
    page.get_by_role("button", name="Pay $2.99").click()
    page.get_by_role("button", name="Pay $8.97").wait_for(timeout=walking.WAIT)
    assert orders_of(customer) == []
    page.get_by_role("button", name="Pay $8.97").click()
    page.wait_for_url("**/pay/**", timeout=walking.WAIT)
    [number] = orders_of(customer)
    assert customer.order(number)["total"]["minor"] == 897


def test_an_order_that_is_just_being_paid_can_be_looked_at(page: Page, customer: Customer) -> None:
    draft = page.url.rsplit("/", 1)[-1]
    number = customer.checkout(draft)["number"]
    customer.shop.provider.act(customer.payable(number)["ref"], "delayed_success", delay=15)
    page.get_by_label("E-mail address").fill("emma@example.com")
    page.get_by_role("button", name="Pay $2.99").click()
    expect(page.get_by_role("alert").filter(has_text="its payment is under way")).to_be_visible()
    page.get_by_role("link", name=f"Look at {number}").click()
    expect(page.get_by_role("heading", name="Here it is")).to_be_visible(timeout=walking.WAIT)
    assert orders_of(customer) == [number]


def test_a_declined_card_charges_nothing_and_another_card_can_be_tried(page: Page, customer: Customer) -> None:
    page.get_by_label("E-mail address").fill("emma@example.com")
    page.get_by_role("button", name="Pay $2.99").click()
    page.wait_for_url("**/pay/**", timeout=walking.WAIT)
    number = orders_of(customer)[0]
    ref = customer.payable(number)["ref"]
    page.goto(f"{customer.shop.url}/orders/{number}")
    expect(page.get_by_role("heading", name="Waiting for your payment")).to_be_visible()
    customer.shop.provider.act(ref, "decline")
    expect(page.get_by_role("heading", name="The payment did not go through")).to_be_visible(timeout=walking.WAIT)
    expect(page.locator("[data-say]").filter(has_text="Nothing was charged")).to_be_visible()
    page.get_by_role("link", name="Pay $2.99").click()
    walking.pay(page)
    expect(page.get_by_role("heading", name="Here it is")).to_be_visible(timeout=walking.WAIT)
    assert customer.shop.provider.kept(customer.order(number)["payment"]["id"]) == 299


def test_a_price_for_an_older_version_is_refused_and_a_new_one_offered(page: Page, customer: Customer) -> None:
    draft = page.url.rsplit("/", 1)[-1]
    customer.expect(200, "PATCH", f"/api/v1/drafts/{draft}", json={"options": {"page": "A3"}})
    page.get_by_label("E-mail address").fill("emma@example.com")
    page.get_by_role("button", name="Pay $2.99").click()
    expect(page.get_by_role("alert").filter(has_text="You changed something")).to_be_visible()
    page.get_by_role("link", name="Show me the new price").click()
    expect(page.get_by_role("button", name="Pay $3.99")).to_be_visible()
    assert orders_of(customer) == []


def test_an_order_is_found_again_from_anywhere(page: Page, customer: Customer) -> None:
    shop = customer.shop
    page.get_by_label("E-mail address").fill("emma@example.com")
    page.get_by_role("button", name="Pay $2.99").click()
    walking.pay(page)
    number = orders_of(customer)[0]
    page.context.clear_cookies()
    answer = page.goto(f"{shop.url}/orders/{number}")
    assert answer is not None
    assert answer.status == 404
    page.goto(f"{shop.url}/orders")
    page.get_by_label("Order number").fill(number.lower().removeprefix("ord-"))
    page.get_by_label("E-mail address").fill("Emma@example.com")
    page.get_by_role("button", name="Send me the link").click()
    expect(page.get_by_text("we have sent a link to it")).to_be_visible()
    page.goto(f"{shop.url}/outbox")
    page.locator("main li a").first.click()
    page.get_by_role("link", name=f"/orders/{number}?key=").first.click()
    expect(page.get_by_role("heading", name="Here it is")).to_be_visible(timeout=walking.WAIT)
