"""What a browser keeps of a shop: its session's cookie, and where it comes back to after paying."""

from __future__ import annotations

import html
import re
import sqlite3
from contextlib import ExitStack
from pathlib import Path

from tests.shops import SAMPLES, Shop


def test_a_cookie_lives_as_long_as_the_session_that_it_is_of(tmp_path: Path) -> None:
    with Shop(tmp_path, sells=SAMPLES, MAKEGOOD_SESSION_DAYS="30") as shop:
        customer = shop.customer()
        customer.draft({}, "notes")
        cookie = customer.http.cookies["makegood"]
        assert "set-cookie" not in customer.http.get("/orders").headers
        with sqlite3.connect(shop.home / "shop.db", timeout=30) as database:
            long_ago = "'2026-01-01' || substr(last_seen_at, 11)"
            assert database.execute(f"UPDATE session SET last_seen_at = {long_ago}").rowcount == 1
        database.close()

        said = customer.http.get("/orders").headers["set-cookie"]

        assert said.startswith(f"makegood={cookie};")
        assert f"Max-Age={30 * 86400};" in said
        assert "HttpOnly" in said
        assert "set-cookie" not in customer.http.get("/orders").headers


def test_who_pays_in_another_browser_comes_back_to_the_order(tmp_path: Path) -> None:
    with Shop(tmp_path, sells=SAMPLES) as shop:
        customer = shop.customer()
        number = customer.checkout(customer.draft({}, "notes"))["number"]
        ref = customer.payable(number)["ref"]
        shop.provider.act(ref, webhook="never")
        elsewhere = shop.customer().http
        paid = elsewhere.get(shop.provider.http.get(f"/v1/payments/{ref}").json()["url"]).text
        [back] = re.findall(r'<a class="button" href="([^"]+)"', paid)

        page = elsewhere.get(html.unescape(back))

        assert (page.status_code, number in page.text) == (200, True)
        assert customer.at_rest(number)["state"] == "delivered"


def test_nobody_keeps_a_shop_busy_with_watching_one_order(tmp_path: Path) -> None:
    with Shop(tmp_path, sells=SAMPLES) as shop:
        customer = shop.customer()
        mine, other = (customer.checkout(customer.draft({}, "notes"))["number"] for _ in range(2))
        events = f"/api/v1/orders/{mine}/events"
        lines = []
        with ExitStack() as open_ones:
            for _ in range(5):
                lines.append(open_ones.enter_context(customer.http.stream("GET", events)).iter_lines())
                assert next(lines[-1]).startswith("id: 1")
            with customer.http.stream("GET", events) as one_more:
                assert one_more.status_code == 503
            with customer.http.stream("GET", f"/api/v1/orders/{other}/events") as another:
                assert another.status_code == 200
