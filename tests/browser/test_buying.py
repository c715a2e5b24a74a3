"""The customer's whole way, on a desktop and on a phone."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Page, expect

from tests.browser import walking
from tests.shops import Shop

pytestmark = pytest.mark.browser

Axe = Callable[[Page], list[str]]


def test_a_visitor_makes_a_poster_pays_and_receives_it(
    page: Page, shop: Shop, poster_files: dict[str, Path], axe: Axe, tmp_path: Path
) -> None:
    with walking.nothing_foreign(page):
        walking.begin(page, shop)
        walking.give_photo(page, poster_files["photo"])
        walking.record(page, 2.5)
        trim(page)
        choose(page)
        assert axe(page) == []
        check_out(page, axe)
        walking.pay(page)
        expect(page.get_by_role("heading", name="Here it is")).to_be_visible(timeout=walking.WAIT)
        assert axe(page) == []
        download(page, tmp_path)
        listen(page, axe)
        assert "is ready" in newest_mail(page, shop)


def trim(page: Page) -> None:
    """Cut the clip with a number and with a handle, and hear it."""
    page.get_by_label("End (seconds)").fill("1.8")
    page.get_by_label("End (seconds)").press("Tab")
    page.get_by_role("slider", name="Start of the clip").press("ArrowRight")
    expect(page.get_by_label("Start (seconds)")).to_have_value("0.1")
    page.get_by_role("button", name="Play the clip").click()
    expect(page.get_by_role("button", name="Stop")).to_be_visible()
    expect(page.get_by_role("button", name="Play the clip")).to_be_visible(timeout=walking.WAIT)


def choose(page: Page) -> None:
    """Choose how it looks and what it says; the preview follows."""
    page.locator("label.template-card", has_text="Heart").click()
    page.locator("label.chip", has_text="Bars").click()
    page.get_by_role("textbox", name="Title").fill("Our song")
    page.get_by_role("textbox", name="Caption").fill("The one we danced to in the kitchen.")
    page.get_by_label("Date or place").fill("14 June 2026")
    expect(page.get_by_alt_text("Preview of your poster “Our song”, A4, portrait").first).to_be_visible(
        timeout=walking.WAIT
    )
    expect(page.locator("[data-price]")).to_have_text("$2.99")


def check_out(page: Page, axe: Axe) -> None:
    page.get_by_role("link", name="Continue").click()
    page.wait_for_url("**/checkout/**", timeout=walking.WAIT)
    expect(page.get_by_role("row", name="Total")).to_contain_text("$2.99")
    assert axe(page) == []
    page.get_by_label("E-mail address").fill("emma@example.com")
    page.get_by_role("button", name="Pay $2.99").click()


def download(page: Page, folder: Path) -> None:
    """The first and biggest button is the file to print."""
    with page.expect_download() as going:
        page.get_by_role("link", name="For printing (PDF)").click()
    target = folder / going.value.suggested_filename
    going.value.save_as(target)
    assert target.suffix == ".pdf"
    assert target.read_bytes().startswith(b"%PDF")


def listen(page: Page, axe: Axe) -> None:
    """The page behind the code plays the recording."""
    page.get_by_role("link", name="Listening page").click()
    expect(page.get_by_role("heading", name="Our song")).to_be_visible()
    assert axe(page) == []
    page.get_by_role("button", name="Play the recording").click()
    expect(page.get_by_role("button", name="Pause")).to_be_visible()
    expect(page.locator("[data-now]")).not_to_have_text("0:00")


def newest_mail(page: Page, shop: Shop) -> str:
    """The outbox has what was mailed."""
    page.goto(f"{shop.url}/outbox")
    return page.locator("main li").first.inner_text()


def test_the_address_on_the_poster_may_be_typed_in_small_letters(shop: Shop, poster_files: dict[str, Path]) -> None:
    customer = shop.customer()
    order = customer.checkout(customer.draft(poster_files, title="Small letters"))
    shop.provider.act(customer.payable(order["number"])["ref"])
    unit = customer.at_rest(order["number"])["units"][0]
    address = unit["pages"][0]["url"]
    code = address.rsplit("/", 1)[-1]
    stranger = httpx.Client(base_url=shop.url, follow_redirects=True)
    found = stranger.get(f"/l/{code.lower()}")
    assert (found.status_code, str(found.url)) == (200, address)
    assert "Small letters" in found.text
    assert stranger.get(f"/L/{code}/sound", headers={"Range": "bytes=0-99"}).status_code == 206
