"""Who gets in: operators by both factors, with what their role may do; for everybody else there is nothing there."""

from __future__ import annotations

import re

import httpx
import pytest

from tests.console.desk import PASSWORD, Desk, buy, delivered, failing, makegood
from tests.shops import Shop

PAGES = (
    "/console", "/console/orders", "/console/refunds", "/console/inbox", "/console/dead-letters", "/console/workers",
    "/console/health",
    "/console/audit", "/console/you",
)  # fmt: skip


def plain(page: str) -> str:
    """A page without the address that it repeats."""
    return re.sub(r"/console[^\"< ]*", "", page)


OTHERS = ("/console/operators", "/console/nothing", "/console/orders/ORD-1/refund", "/console/complete/ORD-1")


def test_for_strangers_the_console_looks_like_any_address_that_is_not_there(shop: Shop, desk: Desk) -> None:
    strangers = [httpx.Client(base_url=shop.url), delivered(shop)[0].http]
    for stranger in strangers:
        nowhere = stranger.get("/nowhere")
        for where in (*PAGES[1:], *OTHERS):
            found = stranger.get(where)
            assert (found.status_code, plain(found.text)) == (404, plain(nowhere.text)), where
            assert stranger.post(where).status_code == 404, where
    assert strangers[0].get("/console").headers["location"] == "/console/sign-in"


def test_an_operators_cookie_is_kept_from_scripts_other_sites_and_the_shop(shop: Shop, desk: Desk) -> None:
    code = desk.next_code()
    answer = desk.sign_in(code)
    cookie = answer.headers["set-cookie"]
    assert answer.headers["location"] == "/console"
    assert {"HttpOnly", "SameSite=strict", "Path=/console"} <= {part.strip() for part in cookie.split(";")}
    assert desk.sign_in(code).status_code == 401, "the same code a second time"
    assert desk.sign_in(desk.recovery_codes[0], password="wrong").status_code == 401
    assert desk.sign_in(desk.recovery_codes[0]).status_code == 303
    assert desk.sign_in(desk.recovery_codes[0]).status_code == 401


def test_the_sign_in_page_leads_on_only_within_the_console(shop: Shop, owner: Desk) -> None:
    for to, lands in {
        "/console/orders": "/console/orders",
        "https://evil.example": "/console",
        "//e": "/console",
    }.items():
        with httpx.Client(base_url=shop.url) as http:
            form = {"email": owner.email, "password": PASSWORD, "code": owner.recovery_codes.pop(), "to": to}
            assert http.post("/console/sign-in", data=form).headers["location"] == lands


def test_an_operator_whose_session_has_ended_is_asked_to_sign_in_again(shop: Shop, owner: Desk) -> None:
    gone = Desk(shop, "gone@example.com")
    kept = dict(gone.http.cookies)
    gone.http.post("/console/sign-out")
    again = httpx.Client(base_url=shop.url, cookies=kept)
    assert again.get("/console/orders").headers["location"] == "/console/sign-in?to=%2Fconsole%2Forders"
    assert again.post("/console/sign-out").headers["location"] == "/console/sign-in"


def test_requests_from_other_sites_are_turned_away(shop: Shop, desk: Desk) -> None:
    _, number = failing(shop, attempts=1)
    form = {**desk.confirm(number, "refund"), "reason": "because"}
    for headers in ({"Sec-Fetch-Site": "cross-site"}, {"Origin": "https://evil.example"}):
        answer = desk.http.post(f"/console/orders/{number}/refund", data=form, headers=headers)
        assert answer.status_code == 403
    assert ">kept<" in desk.page(f"/console/orders/{number}")


def test_a_viewer_sees_everything_and_changes_nothing(shop: Shop, viewer: Desk, desk: Desk) -> None:
    customer, number = failing(shop, attempts=1)
    event = re.findall(r"/console/inbox/[0-9a-f-]{36}", viewer.page("/console/inbox"))[0]
    for where in (*PAGES, f"/console/orders/{number}", event):
        page = viewer.page(where)
        forms = re.findall(r'<form[^>]*method="post"[^>]*action="([^"]*)"', page)
        assert set(forms) <= {"/console/sign-out"}, where
        assert f"/console/orders/{number}/" not in page
    hidden = desk.confirm(number, "refund")
    assert viewer.http.get(f"/console/orders/{number}/refund").status_code == 403
    for act in ("retry", "refund"):
        form = {**hidden, "reason": "because"}
        assert viewer.http.post(f"/console/orders/{number}/{act}", data=form).status_code == 403
    assert viewer.http.post(f"/console/complete/{number}", files={"files": b"x"}).status_code == 403
    assert viewer.http.post(f"{event}/replay").status_code == 403
    assert viewer.http.post("/console/dead-letters/mail/x").status_code == 403
    assert customer.order(number)["units"][0]["money"] == "kept"


@pytest.mark.parametrize("who", ["viewer", "desk"])
def test_only_owners_manage_operators(owner: Desk, request: pytest.FixtureRequest, who: str) -> None:
    somebody: Desk = request.getfixturevalue(who)
    assert somebody.http.get("/console/operators").status_code == 403
    answer = somebody.http.post("/console/operators", data={"email": "friend@example.com", "role": "owner"})
    assert answer.status_code == 403
    answer = somebody.http.post("/console/operators/act", data={"email": somebody.email, "act": "owner"})
    assert answer.status_code == 403
    assert "friend@example.com" not in owner.page("/console/operators")


def test_an_owner_adds_changes_and_disables_operators(shop: Shop, owner: Desk) -> None:
    page = owner.http.post("/console/operators", data={"email": "New@example.com", "role": "viewer"}).text
    link = re.search(r"http://\S+/console/set-up/[\w-]+", page)
    assert link
    assert httpx.get(link[0]).status_code == 200
    somebody = Desk(shop, "new@example.com", "viewer")
    assert httpx.get(link[0]).status_code == 404, "a newer link ends the older one"
    assert somebody.http.get("/console/orders").status_code == 200
    owner.http.post("/console/operators/act", data={"email": somebody.email, "act": "operator"})
    _, number = buy(shop)
    assert somebody.http.get(f"/console/orders/{number}/refund").status_code == 200
    owner.http.post("/console/operators/act", data={"email": somebody.email, "act": "disable"})
    assert somebody.http.get("/console/orders").status_code == 303
    log = owner.page("/console/audit?event=operator.&by=olga")
    assert {"operator.invited", "operator.role_changed", "operator.disabled"} <= set(re.findall(r"operator\.\w+", log))
    assert owner.http.post("/console/operators/act", data={"email": owner.email, "act": "disable"}).status_code == 409


def test_on_the_shell_operators_of_the_running_shop_are_added_listed_and_disabled(shop: Shop, owner: Desk) -> None:
    said = makegood(shop, "operators", "add", "Shell@example.com", "--role", "viewer")
    link = re.search(rf"{shop.url}/console/set-up/[\w-]+", said)
    assert link
    assert httpx.get(link[0]).status_code == 200
    somebody = Desk(shop, "shell@example.com")
    assert somebody.http.get("/console").status_code == 200
    makegood(shop, "operators", "disable", "shell@example.com")
    assert somebody.http.get("/console").status_code == 303
    assert re.search(r"shell@example.com +operator +disabled", makegood(shop, "operators", "list"))


def test_the_shop_says_where_the_console_is_and_how_to_get_in(shop: Shop) -> None:
    said = shop.log.read_text()
    assert f"{shop.url}/console" in said
    assert "makegood operators add EMAIL" in said
