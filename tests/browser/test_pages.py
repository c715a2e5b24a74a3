"""Every page, in light and in dark: nothing that axe finds, nothing that the policy forbids."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import httpx
import pytest
from playwright.sync_api import Page, expect

from tests.browser import walking
from tests.shops import Customer, Shop

pytestmark = pytest.mark.browser

Axe = Callable[[Page], list[str]]


@dataclass(frozen=True)
class Bought:
    """A customer with a draft, an order that waits for its payment, and one that is delivered."""

    customer: Customer
    draft: str
    unpaid: str
    delivered: str
    listening: str


@pytest.fixture(scope="module")
def bought(shop: Shop, poster_files: dict[str, Path]) -> Bought:
    customer = shop.customer()
    draft = customer.draft(
        poster_files, title="Heartbeat", recipient="Noah", message="Before we saw you,\nwe heard you."
    )
    delivered = customer.checkout(draft)["number"]
    shop.provider.act(customer.payable(delivered)["ref"])
    listening = customer.at_rest(delivered)["units"][0]["pages"][0]["url"]
    changed = customer.expect(200, "PATCH", f"/api/v1/drafts/{draft}", json={"options": {"title": "Once more"}})
    unpaid = customer.checkout(changed["id"])["number"]
    customer.payable(unpaid)
    return Bought(customer, draft, unpaid, delivered, listening)


def addresses(bought: Bought) -> list[str]:
    """Every page that this customer can open."""
    return [
        "/", "/posters", f"/posters/{bought.draft}", f"/checkout/{bought.draft}", "/orders",
        f"/orders/{bought.unpaid}", f"/orders/{bought.unpaid}?paid=1", f"/orders/{bought.delivered}",
        bought.listening.removeprefix(bought.customer.shop.url), "/account", "/outbox", "/privacy", "/nowhere",
        "/L/0000000000",
    ]  # fmt: skip


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_on_any_page(page: Page, bought: Bought, axe: Axe, scheme: Literal["light", "dark"]) -> None:
    page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
    walking.become(page, bought.customer)
    found = []
    with walking.nothing_foreign(page):
        for address in addresses(bought):
            page.goto(bought.customer.shop.url + address, wait_until="load")
            found += [f"{address}: {each}" for each in axe(page)]
    assert found == []


def test_no_page_is_wider_than_the_window(page: Page, bought: Bought) -> None:
    walking.become(page, bought.customer)
    too_wide = []
    for address in addresses(bought):
        page.goto(bought.customer.shop.url + address, wait_until="load")
        if page.evaluate("document.documentElement.scrollWidth > document.documentElement.clientWidth"):
            too_wide.append(address)
    assert too_wide == []


def test_a_gift_says_whom_it_is_for_and_shares_no_more_than_allowed(page: Page, bought: Bought) -> None:
    page.goto(bought.listening)
    expect(page.get_by_text("For Noah")).to_be_visible()
    expect(page.get_by_text("Before we saw you")).to_be_visible()
    expect(page.get_by_role("link", name="Keep the recording")).to_be_visible()


def test_a_mail_is_shown_without_any_power(page: Page, bought: Bought, axe: Axe) -> None:
    page.goto(f"{bought.customer.shop.url}/outbox")
    page.get_by_role("link", name="is ready").first.click()
    frame = page.locator("iframe")
    expect(frame).to_have_attribute("sandbox", "")
    expect(frame.content_frame.get_by_text(bought.delivered).first).to_be_visible()
    assert page.get_by_role("link", name="/orders/").count() >= 1


def test_signing_in_by_mail_takes_a_click_that_scanners_do_not_make(page: Page, bought: Bought, axe: Axe) -> None:
    shop = bought.customer.shop
    page.goto(f"{shop.url}/account")
    page.get_by_label("E-mail address").first.fill("kim@example.com")
    page.get_by_role("button", name="Send me a link").click()
    expect(page.get_by_text("a link is on its way")).to_be_visible()
    page.goto(f"{shop.url}/outbox")
    page.locator("main li a").first.click()
    page.get_by_role("link", name="/sign-in/").first.click()
    assert axe(page) == []
    assert httpx.get(page.url).status_code == 200
    page.get_by_role("button", name="Sign me in").click()
    expect(page.get_by_text("Signed in as kim@example.com")).to_be_visible()
    assert axe(page) == []
    page.get_by_role("link", name="Your orders").click()
    expect(page.get_by_role("link", name=bought.delivered)).to_be_visible()
