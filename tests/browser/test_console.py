"""The operator's way: in with two factors, from what is late to its order, and the money back; and every page's axe."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

import pyotp
import pytest
from playwright.sync_api import Page, expect

from tests.browser import walking
from tests.console.desk import PASSWORD, Desk, boat_shop, change, delivered, failing, invite, order
from tests.shops import Shop, until

pytestmark = pytest.mark.browser

Axe = Callable[[Page], list[str]]


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    with boat_shop(tmp_path_factory.mktemp("boats"), MAKEGOOD_RECONCILE_SECONDS="0.5") as running:
        yield running


@pytest.fixture(scope="module")
def owner(shop: Shop) -> Desk:
    return Desk(shop, "olga@example.com", "owner")


@pytest.fixture(scope="module")
def addresses(shop: Shop, owner: Desk) -> list[str]:
    """Every page that an owner can open, with orders of every kind behind them."""
    numbers = [
        delivered(shop)[1], delivered(shop, fate="sinks")[1], delivered(shop, quantity=2)[1],
        failing(shop, email="a.very.long.address.of.somebody@a-rather-long-domain-name.example.com")[1],
        order(shop, name="<b>bold</b> " + "x" * 120)[1],
    ]  # fmt: skip
    change(shop, "UPDATE mail SET state = 'failed', accepted_at = NULL, last_error = '550' WHERE key LIKE 'receipt%'")
    _, unbooked, ref = order(shop)
    # Nobody can be written to at such an address, so the receipt can't be posted.
    change(shop, 'UPDATE "order" SET email = ? WHERE number = ?', "nobody", unbooked)
    shop.provider.act(ref, webhook="never")
    until(lambda: ref in owner.page("/console/dead-letters"), 20, "the books differing")
    event = re.findall(r"/console/inbox/[0-9a-f-]{36}", owner.page("/console/inbox"))[0]
    set_up = invite(shop, "new@example.com", "viewer").removeprefix(shop.url)
    return [
        "/console", "/console/orders", *(f"/console/orders/{number}" for number in numbers),
        f"/console/orders/{numbers[3]}/refund", f"/console/orders/{numbers[3]}/retry", "/console/orders?q=nobody",
        "/console/refunds", "/console/inbox", event, "/console/dead-letters", "/console/workers", "/console/health",
        "/console/audit", "/console/operators", "/console/you", "/console/nothing", set_up,
    ]  # fmt: skip


def become(page: Page, desk: Desk) -> None:
    """Give the browser the operator's cookie."""
    cookie = desk.http.cookies["makegood-operator"]
    page.context.add_cookies([{"name": "makegood-operator", "value": cookie, "url": f"{desk.shop.url}/console"}])


@pytest.mark.parametrize("scheme", ["one", pytest.param("other", marks=pytest.mark.nightly)])
def test_axe_finds_nothing_in_the_console_and_nothing_is_too_wide(
    page: Page, shop: Shop, owner: Desk, addresses: list[str], axe: Axe, scheme: str, screen: str
) -> None:
    # Of the four pairs of width and colours two are looked at each time.
    dark = (screen == "desktop") == (scheme == "one")
    page.emulate_media(color_scheme="dark" if dark else "light", reduced_motion="reduce")
    page.goto(f"{shop.url}/console/sign-in")
    found = axe(page)
    become(page, owner)
    with walking.nothing_foreign(page):
        for address in addresses:
            page.goto(shop.url + address, wait_until="load")
            page.evaluate("document.querySelectorAll('details').forEach(each => each.open = true)")
            found += [f"{address}: {each}" for each in axe(page)]
            if page.evaluate("document.documentElement.scrollWidth > document.documentElement.clientWidth"):
                found.append(f"{address} is wider than the window")
    assert found == []


def test_an_operator_signs_in_finds_what_is_late_and_gives_the_money_back(
    page: Page, shop: Shop, axe: Axe, screen: str
) -> None:
    customer, number = failing(shop, attempts=1, email=f"late.{screen}@example.com")
    long_ago = (datetime.now(UTC) - timedelta(hours=5)).replace(tzinfo=None).isoformat(" ")
    of = 'WHERE order_id = (SELECT id FROM "order" WHERE number = ?)'
    change(shop, f"UPDATE obligation SET owed_at = ?, error_code = 'DRY' {of}", long_ago, number)

    page.goto(invite(shop, f"kim.{screen}@example.com", "operator"))
    secret = page.locator("code.secret").inner_text()
    page.get_by_label("New password").fill(PASSWORD)
    page.get_by_label("The same once more").fill(PASSWORD)
    page.get_by_label("Six digits").fill(pyotp.TOTP(secret).now())
    page.get_by_role("button", name="Set up and sign in").click()
    expect(page.get_by_role("heading", name="Your recovery codes")).to_be_visible(timeout=walking.WAIT)
    assert axe(page) == []
    codes = page.locator(".codes code").all_inner_texts()
    page.get_by_role("link", name="I have kept them").click()
    page.get_by_role("button", name="Sign out").click()

    page.get_by_label("E-mail address").fill(f"kim.{screen}@example.com")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_label("Code").fill(codes[0])
    page.get_by_label("Code").press("Enter")
    expect(page.get_by_role("heading", name="Promises")).to_be_visible(timeout=walking.WAIT)
    page.get_by_role("link", name="Money at risk").click()
    page.get_by_role("link", name=number).click()
    page.get_by_role("link", name="Refund Paper boat").click()
    expect(page.get_by_text(f"$4.50 goes back to late.{screen}@example.com")).to_be_visible()
    page.get_by_label("Why?").fill("Too late to be of use.")
    page.get_by_role("button", name="Give it back ($4.50)").click()
    expect(page.get_by_text("The money is on its way back.")).to_be_visible(timeout=walking.WAIT)

    assert customer.at_rest(number)["state"] == "refunded"
    assert shop.provider.kept(customer.order(number)["payment"]["id"]) == 0
    page.reload()
    expect(page.get_by_role("table", name="Refunds")).to_contain_text("Too late to be of use.")
