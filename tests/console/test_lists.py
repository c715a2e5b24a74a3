"""What operators read: every order under its state, found by whatever is at hand, its time explained; as CSV too."""

from __future__ import annotations

import csv
import io
import re
from datetime import UTC, datetime, timedelta

import pytest

from tests.console.desk import Desk, change, delivered, failing, order
from tests.shops import Shop

HOSTILE = "<script>alert(1)</script><img src=x onerror=alert(1)>\"'{{ 7*7 }}{% raw %}"


def numbers(page: str) -> set[str]:
    return set(re.findall(r"ORD-[0-9A-Z]{10}", page))


def table(desk: Desk, where: str) -> list[dict[str, str]]:
    """A list as CSV."""
    return list(csv.DictReader(io.StringIO(desk.page(where))))


def test_every_order_is_found_under_its_state_and_under_no_other(shop: Shop, desk: Desk) -> None:
    made = {
        "delivered": delivered(shop, email="states@example.com")[1],
        "refunded": delivered(shop, email="states@example.com", fate="sinks")[1],
        "in_progress": failing(shop, attempts=1, email="states@example.com")[1],
        "awaiting_payment": order(shop, "states@example.com")[1],
        "partly_delivered": delivered(shop, email="states@example.com", quantity=2)[1],
        "cancelled": order(shop, "states@example.com")[1],
    }
    desk.act(made["partly_delivered"], "refund", **desk.confirm(
        made["partly_delivered"], "refund",
        re.findall(r"refund\?unit=([0-9a-f-]+)", desk.page(f"/console/orders/{made['partly_delivered']}"))[0],
    ))  # fmt: skip
    change(shop, 'UPDATE "order" SET closed_at = created_at WHERE number = ?', made["cancelled"])
    for state, number in made.items():
        assert numbers(desk.page(f"/console/orders?q=states@example.com&state={state}")) == {number}, state
    assert numbers(desk.page("/console/orders?q=states@example.com")) == set(made.values())


def test_an_order_is_found_by_whatever_somebody_has_of_it(shop: Shop, desk: Desk) -> None:
    customer, number, ref = order(shop, email="find.me@example.com")
    payment = customer.order(number)["payment"]["id"]
    for text in (
        number, number.lower().replace("ord-", ""), number[:9], "find.me@example.com", "FIND.ME@", payment,
        payment[:18], ref, ref[:12],
    ):  # fmt: skip
        assert number in numbers(desk.page("/console/orders?q=" + text)), text
    assert numbers(desk.page("/console/orders?q=find%me@example.com")) == set()
    assert "No order looks like this" in desk.page("/console/orders?q=nobody-at-all")


def test_promises_say_who_is_owed_what_and_what_is_at_risk(shop: Shop, desk: Desk) -> None:
    _, stuck = failing(shop, attempts=5, email="stuck@example.com")
    _, late = failing(shop, attempts=1, email="late@example.com")
    _, disputed = delivered(shop, email="disputed@example.com")
    of = 'WHERE order_id = (SELECT id FROM "order" WHERE number = ?)'
    long_ago = (datetime.now(UTC) - timedelta(hours=5)).replace(tzinfo=None).isoformat(" ")
    change(shop, f"UPDATE obligation SET owed_at = ? {of}", long_ago, late)
    change(shop, f"UPDATE obligation SET money = 'disputed' {of}", disputed)

    rows = {row["order"]: row for row in table(desk, "/console?format=csv")}

    assert (rows[stuck]["trouble"], rows[stuck]["amount"], rows[stuck]["currency"]) == ("stuck", "4.50", "USD")
    assert rows[late]["trouble"] in ("late", "stuck")
    assert rows[disputed]["trouble"] == "disputed"
    assert "LEAK: The boat Calypso leaks" in rows[stuck]["why"]
    risk = table(desk, "/console?show=risk&format=csv")
    assert {stuck, late, disputed} <= {row["order"] for row in risk}
    page = desk.page("/console?show=risk")
    total = sum(round(float(row["amount"]) * 100) for row in risk)
    tile = re.search(r'class="tile risk" href="/console\?show=risk">.*?</a>', page, re.DOTALL)
    assert tile
    assert f"${total / 100:.2f}" in tile[0]
    assert f"/console/orders/{stuck}" in page


def test_the_order_tells_where_its_time_went_from_click_to_download(shop: Shop, desk: Desk) -> None:
    customer, number = delivered(shop)
    url = customer.order(number)["units"][0]["artefacts"][0]["url"]
    assert 'Click to download</dt><dd class="figures">–' in desk.page(f"/console/orders/{number}")
    assert customer.http.get(url).status_code == 200
    page = desk.page(f"/console/orders/{number}")
    steps = [
        "asks the provider for a payment page", "the customer pays at the provider", "waits for a worker",
        "checks the inputs", "folding the paper", "launching it", "reads the result back and checks it",
        "hands it over", "until the customer fetched it",
    ]  # fmt: skip
    found = [page.find(f'<span class="bar-name">{step}') for step in steps]
    assert -1 not in found
    assert found == sorted(found)
    for step in steps:
        assert re.search(rf'bar-name">{step}</span>\s*<span class="bar-time figures">[\d.]+ (ms|s)<', page), step
    assert re.search(r"Click to download</dt><dd class=\"figures\">[\d.]+ (ms|s)<", page)
    assert "fetched 1 times" in page


def test_a_failed_attempt_is_shown_with_its_error_and_the_pause_after_it(shop: Shop, desk: Desk) -> None:
    _, number = failing(shop, attempts=3)
    page = desk.page(f"/console/orders/{number}")
    assert re.search(r'<li class="fail">\s*<span class="bar-name">folding the paper <code>LEAK</code>', page)
    assert "pauses before attempt 2" in page
    assert page.count("<code>LEAK</code> The boat Calypso leaks; put a file named plug into the home.") >= 4


@pytest.mark.parametrize(
    "where",
    [
        "/console",
        "/console/orders",
        "/console/refunds",
        "/console/inbox",
        "/console/dead-letters",
        "/console/audit",
        "/console/workers",
        "/console/health",
    ],
)
def test_every_list_has_an_empty_state_and_the_rows_of_its_csv(shop: Shop, desk: Desk, where: str) -> None:
    delivered(shop, fate="sinks")
    field = {
        "/console": "error",
        "/console/refunds": "reason",
        "/console/audit": "event",
        "/console/workers": "host",
    }.get(where, "q")
    assert 'class="blank"' in desk.page(f"{where}?{field}=zzzzzzzz")
    answer = desk.http.get(f"{where}?format=csv")
    assert answer.headers["content-type"].startswith("text/csv")
    assert "attachment" in answer.headers["content-disposition"]
    shown = re.search(r"\d+–\d+ of (\d+)", desk.page(where))
    assert len(table(desk, f"{where}?format=csv")) >= (int(shown[1]) if shown else 0)
    for nonsense in ("page=0", "page=-1", "page=x", "sort=;drop", "page=999999", "state=%00", "show=nothing"):
        assert desk.http.get(f"{where}?{nonsense}").status_code == 200


def test_the_process_that_works_is_shown_alive(shop: Shop, desk: Desk) -> None:
    assert shop.process is not None
    [worker] = table(desk, "/console/workers?state=alive&format=csv")
    assert worker["process"] == str(shop.process.pid)


def test_long_lists_come_in_pages(shop: Shop, desk: Desk) -> None:
    delivered(shop)
    total = int(re.search(r"of (\d+)", desk.page("/console/audit"))[1])  # type: ignore[index]
    assert total > 50
    seen = [re.findall(r'datetime="([^"]+)"', desk.page(f"/console/audit?sort=at&page={page}")) for page in (1, 2)]
    assert len(seen[0]) == 50
    assert seen[0] + seen[1] == sorted(seen[0] + seen[1])
    assert 'rel="next"' in desk.page("/console/audit?page=1")


def test_what_customers_write_is_text_and_nothing_else(shop: Shop, desk: Desk) -> None:
    formula = "=cmdxc-calc@example.com"
    _, number = delivered(shop, email=formula, name=HOSTILE)
    change(
        shop,
        "INSERT INTO payment_event (id, provider, event_id, kind, raw, received_at, handled_at, handle_try)"
        " VALUES (lower(hex(randomblob(15))), 'sandbox', ?, ?, ?, '2026-01-01', '2026-01-01', 1)",
        f"evt_{number}",
        HOSTILE,
        HOSTILE.encode() + b"\x00\xff\x1b[31m",
    )
    inbox = desk.page(f"/console/inbox?q=evt_{number}")
    [row] = re.findall(r"/console/inbox/[0-9a-f]+", inbox)
    pages = [
        inbox, desk.page(row), desk.page(f"/console/orders/{number}"), desk.page(f"/console/orders?q={formula}"),
        desk.page(f"/console/orders/{number}/refund"), desk.page(f"/console/audit?order={number}"),
        desk.page("/console/orders?q=" + HOSTILE.replace("%", "%25").replace("#", "").replace("&", "")),
    ]  # fmt: skip
    for page in pages:
        assert "<script" not in page
        assert "<img src=x" not in page
        assert "49" not in re.findall(r"&#34;&#39;(\d+)", page)
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in pages[2]
    assert "\\x00\\xff\\x1b[31m" in pages[1]
    [order_row] = table(desk, f"/console/orders?q={number}&format=csv")
    assert order_row["email"] == f"'{formula}"
    assert "script-src 'self'" in desk.http.get("/console").headers["content-security-policy"]
