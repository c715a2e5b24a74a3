"""The customer's ways through the pages, as the walks share them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

from playwright.sync_api import Page, Request, expect

from tests.shops import Customer, Shop

WAIT = 60_000
"""Milliseconds for what a busy machine may take long over."""


@contextmanager
def nothing_foreign(page: Page) -> Iterator[None]:
    """Fail if the page asks any other machine for anything, or says an error on the console that is not just the
    status of an answer."""
    seen: list[str] = []

    def note(request: Request) -> None:
        parts = urlsplit(request.url)
        if parts.scheme in ("http", "https", "ws", "wss") and parts.hostname != "127.0.0.1":
            seen.append(request.url)

    page.on("request", note)
    page.on(
        "console",
        lambda message: (
            seen.append(message.text)
            if message.type == "error" and not message.text.startswith("Failed to load resource")
            else None
        ),
    )
    yield
    assert seen == []


def begin(page: Page, shop: Shop) -> None:
    """From the home page into the editor of a new draft."""
    page.goto(shop.url)
    page.get_by_role("link", name="Make a poster").click()
    page.get_by_role("button", name="Make yours").click()
    page.locator("[data-ready]").wait_for(timeout=WAIT)


def give(page: Page, slot: str, path: Path) -> None:
    """Choose a file for a slot."""
    page.locator(f"[data-drop={slot}] [data-file-input]").first.set_input_files(path)


def give_photo(page: Page, path: Path) -> None:
    """Choose a photo and wait until the shop has taken it."""
    give(page, "photo", path)
    page.locator("[data-drop=photo][data-state=given]").wait_for(timeout=WAIT)


def give_sound(page: Page, path: Path) -> None:
    """Choose a recording and wait until the shop has taken it."""
    give(page, "sound", path)
    page.locator("[data-drop=sound][data-state=given]").wait_for(timeout=WAIT)


def record(page: Page, seconds: float) -> None:
    """Record with the microphone, listen again, and use it."""
    page.get_by_role("button", name="Record it here").click()
    page.locator(".recording-now").wait_for(timeout=WAIT)
    page.wait_for_timeout(seconds * 1000)
    page.get_by_role("button", name="Stop").click()
    expect(page.get_by_label("Your recording")).to_be_visible()
    page.get_by_role("button", name="Use this recording").click()
    page.locator("[data-drop=sound][data-state=given]").wait_for(timeout=WAIT)


def preview_of(page: Page) -> None:
    """Wait for a preview of the present version."""
    page.locator("[data-proof][data-state=drawn]").wait_for(timeout=WAIT)
    expect(page.locator("[data-busy]")).to_be_hidden(timeout=WAIT)


def pay(page: Page, card: str = "4242 4242 4242 4242") -> None:
    """Fill in the provider's page."""
    page.wait_for_url("**/pay/**", timeout=WAIT)
    page.get_by_label("Card number").fill(card)
    page.get_by_label("Expiry").fill("12 / 34")
    page.get_by_label("CVC").fill("123")
    page.get_by_label("Name on the card").fill("Emma Ferreira")
    page.get_by_role("button", name="Pay").first.click()
    page.wait_for_url("**/orders/**", timeout=WAIT)


def become(page: Page, customer: Customer) -> None:
    """Give the browser this customer's cookie: what was made over HTTP is then the visitor's own."""
    cookie = customer.http.cookies["makegood"]
    page.context.add_cookies([{"name": "makegood", "value": cookie, "url": customer.shop.url}])
