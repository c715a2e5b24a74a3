"""Requests from other sites, notifications from nobody, climbing paths, words that are scripts: all come to nothing."""

from __future__ import annotations

import hashlib
import hmac
import json
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import pypdfium2
import pytest

from tests.acceptance.conftest import Victim, ledger
from tests.shops import SECRET, Customer, Shop

SITES = {
    "another site": {"Sec-Fetch-Site": "cross-site"},
    "a sibling": {"Sec-Fetch-Site": "same-site"},
    "another site, older browser": {"Origin": "https://evil.example"},
    "another port": {"Origin": "http://127.0.0.1:1"},
    "a sandboxed frame": {"Origin": "null"},
    "one that lies half": {"Sec-Fetch-Site": "cross-site", "Origin": "{own}"},
}


@pytest.mark.parametrize("case", SITES)
def test_other_sites_can_not_act_with_a_customers_cookie(shop: Shop, unharmed: Victim, case: str) -> None:
    headers = {name: value.format(own=shop.url) for name, value in SITES[case].items()}
    for method, where, request in (
        ("POST", "/api/v1/drafts", {"json": {"product": "posters"}}),
        ("PATCH", unharmed.at, {"json": {"options": {"title": "Theirs"}}}),
        ("DELETE", f"{unharmed.at}/files/photo", {}),
        ("POST", f"{unharmed.at}/checkout", {"json": {"email": "e@evil.example", "quote": "x"}}),
        ("POST", f"/checkout/{unharmed.draft}", {"data": {"email": "e@evil.example"}}),
        ("POST", "/api/v1/accounts/link", {"json": {"email": "e@evil.example"}}),
    ):
        unharmed.customer.refused(403, "CROSS_SITE", method, where, headers=headers, **request)


def test_our_own_pages_may_act(shop: Shop, victim: Victim) -> None:
    for headers in ({"Sec-Fetch-Site": "same-origin"}, {"Origin": shop.url}, {}):
        victim.customer.expect(200, "PATCH", victim.at, json={"options": {}}, headers=headers)


def test_the_cookie_is_not_for_scripts_and_not_for_other_sites(shop: Shop) -> None:
    answer = shop.customer().http.post("/api/v1/drafts", json={"product": "posters"})
    cookie = answer.headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=lax" in cookie


BODIES = {
    "nothing": b"",
    "no JSON": b"{",
    "not UTF-8": b'{"product": "\xff\xfe"}',
    "a word": b'"posters"',
    "a list": b"[]",
    "nested without end": b'{"product": "posters", "options": ' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    "a number without end": b'{"product": "posters", "options": {"clip_start": ' + b"9" * 100_000 + b"}}",
    "thirty megabytes": b'{"product": "posters", "options": {"title": "' + b"x" * (30 << 20) + b'"}}',
}


@pytest.mark.parametrize("case", BODIES)
def test_a_body_that_is_no_request_is_refused(unharmed: Victim, case: str) -> None:
    headers = {"Content-Type": "application/json"}
    answer = unharmed.customer.http.post("/api/v1/drafts", content=BODIES[case], headers=headers)
    assert 400 <= answer.status_code < 500, answer.text[:300]
    assert answer.json()["code"] in ("OPTION_INVALID", "REQUEST_UNREADABLE")


NOTIFIED = "/api/v1/payments/sandbox/webhook"


def signed(body: bytes, secret: str = SECRET, at: float | None = None) -> dict[str, str]:
    stamp = str(int(time.time() if at is None else at))
    mac = hmac.new(secret.encode(), f"{stamp}.".encode() + body, hashlib.sha256).hexdigest()
    return {"Makegood-Sandbox-Signature": f"t={stamp},v1={mac}"}


def notification(ref: str = "pay_nobody", event: str = "evt_1") -> bytes:
    about = {"id": ref, "status": "succeeded", "amount": 1, "amount_captured": 1}
    return json.dumps({"id": event, "type": "payment.succeeded", "created": 1, "data": {"payment": about}}).encode()


@pytest.fixture(scope="module")
def unpaid(shop: Shop, poster_files: dict[str, Path]) -> Iterator[tuple[Customer, dict[str, Any]]]:
    """An order that waits for its payment throughout, and isn't given anything for free."""
    customer = shop.customer()
    order = customer.payable(customer.checkout(customer.draft(poster_files))["number"])
    yield customer, order
    now = customer.order(order["number"])
    assert (now["state"], now["payment"]["state"]) == ("awaiting_payment", "pending")
    assert shop.provider.captures(order["payment"]["id"]) == 0


SIGNATURES: dict[str, Any] = {
    "unsigned": lambda body: {},
    "signed by nobody": lambda body: signed(body, "not the secret"),
    "signed with nothing": lambda body: signed(body, ""),
    "another body's": lambda body: signed(body + b" "),
    "too old": lambda body: signed(body, at=time.time() - 3600),
    "from the future": lambda body: signed(body, at=time.time() + 3600),
    "garbage": lambda body: {"Makegood-Sandbox-Signature": "t=,v1=,=,"},
    "no time": lambda body: {
        "Makegood-Sandbox-Signature": signed(body)["Makegood-Sandbox-Signature"].partition(",")[2]
    },
}


@pytest.mark.parametrize("case", SIGNATURES)
def test_a_notification_without_a_good_signature_pays_nothing(
    shop: Shop, unpaid: tuple[Customer, dict[str, Any]], case: str
) -> None:
    body = notification(unpaid[1]["ref"])
    shop.customer().refused(400, "SIGNATURE_INVALID", "POST", NOTIFIED, content=body, headers=SIGNATURES[case](body))


@pytest.mark.parametrize("body", [b"", b"{}", b"[]", b"null", b'{"id":1,"type":2,"data":{"payment":{}}}', b"\xff"])
def test_what_is_signed_but_is_no_notification_is_refused(shop: Shop, body: bytes) -> None:
    shop.customer().refused(400, "SIGNATURE_INVALID", "POST", NOTIFIED, content=body, headers=signed(body))


def test_a_signed_notification_alone_pays_nothing(shop: Shop, unpaid: tuple[Customer, dict[str, Any]]) -> None:
    customer, order = unpaid
    for event, ref in (("evt_known", order["ref"]), ("evt_unknown", "pay_nobody")):
        body = notification(ref, event)
        customer.expect(200, "POST", NOTIFIED, content=body, headers=signed(body))
        customer.expect(200, "POST", NOTIFIED, content=body, headers=signed(body))
    settled = customer.expect(200, "POST", f"/api/v1/orders/{order['number']}/settle")
    assert settled["state"] == "awaiting_payment"


def test_a_notification_of_two_megabytes_is_not_read(shop: Shop) -> None:
    body = b" " * (2 << 20)
    shop.customer().refused(413, "NOTIFICATION_TOO_BIG", "POST", NOTIFIED, content=body, headers=signed(body))


@pytest.mark.parametrize("provider", ["nobody", "..", "free", "%00"])
def test_nobody_else_notifies_us(shop: Shop, provider: str) -> None:
    body = notification()
    answer = shop.customer().http.post(NOTIFIED.replace("sandbox", provider), content=body, headers=signed(body))
    assert answer.status_code in (400, 404)


SCRIPT = "<script>alert(1)</script><img src=x onerror=alert(2)>"
TITLE = """"'><script>alert(1)</script> {{7*7}}"""
WORDS = {
    "title": TITLE, "caption": f'#read("/etc/passwd") $x$ *b* {SCRIPT[:40]}', "date": "</title><script>",
    "recipient": SCRIPT, "message": SCRIPT,
}  # fmt: skip
EMAIL = "o'script&x=1@example.com"


@pytest.fixture(scope="module")
def bought(shop: Shop, poster_files: dict[str, Path]) -> tuple[Customer, dict[str, Any]]:
    """A delivered order of somebody whose every word is a script."""
    customer = shop.customer()
    draft = customer.draft({}, **WORDS)
    for slot, path in poster_files.items():
        where = f"/api/v1/drafts/{draft}/files/{slot}"
        name = f'{SCRIPT}";\r\nX-Injected: 1;{slot}'
        customer.expect(200, "PUT", where, params={"name": name}, content=path.read_bytes())
    number = customer.checkout(draft, email=EMAIL)["number"]
    shop.provider.act(customer.payable(number)["ref"])
    order = customer.at_rest(number)
    assert order["state"] == "delivered"
    return customer, {**order, "draft": draft}


def mails_to(shop: Shop, customer: Customer) -> list[str]:
    """The pages of every mail in the outbox, their HTML included."""
    found = sorted(set(re.findall(r"/outbox/[\w-]+", customer.http.get("/outbox").text)))
    assert found
    return [path + below for path in found for below in ("", "/html")]


def test_nobodys_words_become_markup(shop: Shop, bought: tuple[Customer, dict[str, Any]]) -> None:
    customer, order = bought
    code = urlsplit(order["units"][0]["pages"][0]["url"]).path
    pages = [f"/posters/{order['draft']}", f"/checkout/{order['draft']}", f"/orders/{order['number']}", "/orders", code,
             "/outbox", *mails_to(shop, customer)]  # fmt: skip
    shown = 0
    for page in pages:
        answer = customer.http.get(page)
        assert answer.status_code == 200, page
        for bad in ("<script>alert", "<img src=x", "onerror=alert(2)>", "</title><script>", "> 49"):
            assert bad not in answer.text, page
        assert "x-injected" not in answer.headers
        shown += "&lt;script&gt;alert(1)" in answer.text
    assert shown >= 5


def test_scripts_from_elsewhere_would_not_run_anyway(shop: Shop, bought: tuple[Customer, dict[str, Any]]) -> None:
    customer, order = bought
    for page in ("/", f"/orders/{order['number']}", urlsplit(order["units"][0]["pages"][0]["url"]).path):
        policy = customer.http.get(page).headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "script-src 'self';" in policy
        assert "unsafe" not in policy


def test_words_are_printed_as_they_were_written(bought: tuple[Customer, dict[str, Any]]) -> None:
    customer, order = bought
    [url] = [a["url"] for a in order["units"][0]["artefacts"] if a["name"] == "poster.pdf"]
    text = pypdfium2.PdfDocument(customer.http.get(url).content)[0].get_textpage().get_text_range()
    printed = "".join(text.split())
    for words in (WORDS["title"], WORDS["caption"]):
        assert "".join(words.split()).replace('"', "") in printed.replace('"', "").replace("“", "").replace("”", "")
    assert "root:" not in printed


def test_downloads_are_as_they_should_be(shop: Shop, bought: tuple[Customer, dict[str, Any]]) -> None:
    stranger = shop.customer().http
    for artefact in bought[1]["units"][0]["artefacts"]:
        url, size = artefact["url"], artefact["size"]
        whole = stranger.get(url)
        assert (whole.status_code, hashlib.sha256(whole.content).hexdigest()) == (200, artefact["sha256"])
        assert re.fullmatch(r'attachment; filename="[\w.-]+"', whole.headers["content-disposition"])
        head = stranger.head(url)
        assert (head.status_code, head.headers["content-length"], head.content) == (200, str(size), b"")
        ranges = {"0-0": whole.content[:1], "10-99": whole.content[10:100], "-7": whole.content[-7:]}
        for asked, content in {**ranges, f"{size - 3}-": whole.content[-3:]}.items():
            part = stranger.get(url, headers={"Range": f"bytes={asked}"})
            assert (part.status_code, part.content) == (206, content)
        assert stranger.get(url, headers={"Range": f"bytes={size}-"}).status_code == 416


def test_a_download_needs_its_whole_token(shop: Shop, bought: tuple[Customer, dict[str, Any]]) -> None:
    stranger = shop.customer().http
    url = urlsplit(bought[1]["units"][0]["artefacts"][0]["url"]).path
    _, _, token, name = url.split("/")
    swapped = ("A" if token[0] != "A" else "B") + token[1:]
    for path in (f"/d/{swapped}/{name}", f"/d/{token[:-1]}/{name}", f"/d/%00/{name}", f"/d/{token}/{name}.bak",
                 f"/d/{token}/photo", f"/d/{token}/%00", f"/d/{bought[1]['number']}/{name}"):  # fmt: skip
        assert stranger.get(path).status_code == 404, path


CLIMBING = ["../shop.db", "../../secrets/secret", "..", "/etc/passwd", "....//....//etc/passwd", "..\\shop.db", "\0"]


@pytest.mark.parametrize("path", CLIMBING)
def test_no_path_climbs_out(shop: Shop, bought: tuple[Customer, dict[str, Any]], path: str) -> None:
    stranger = shop.customer().http
    token = urlsplit(bought[1]["units"][0]["artefacts"][0]["url"]).path.split("/")[2]
    secrets = [b"SQLite format", (shop.home / "secrets" / "secret").read_bytes(), b"root:"]
    for base in (f"/d/{token}/", "/d/", "/L/", "/l/", "/posters/samples/", "/posters/", "/static/", "/static/dist/",
                 "/orders/", "/outbox/", "/api/v1/drafts/", f"/api/v1/drafts/{bought[1]['draft']}/files/"):  # fmt: skip
        once = quote(path, safe="").replace(".", "%2e")
        for climb in (once, quote(once)):
            answer = stranger.get(base + climb)
            # What is in small letters is sent on to capitals, whatever comes then.
            assert answer.status_code in ((301, 404) if base.lower() == "/l/" else (400, 404)), base + climb
            assert not any(secret in answer.content for secret in secrets)


@pytest.mark.parametrize("code", ["0000000000", "x" * 5000, "' OR 1=1 --", "%F0%9F%98%80", "%C4%B1", "ß"])
def test_a_code_that_was_never_printed_opens_nothing(shop: Shop, code: str) -> None:
    for below in ("", "/sound", "/poster"):
        answer = shop.customer().http.get(f"/L/{code}{below}", follow_redirects=True)
        assert answer.status_code == 404


def test_an_order_is_its_owners_alone(shop: Shop, bought: tuple[Customer, dict[str, Any]]) -> None:
    stranger, number = shop.customer(), bought[1]["number"]
    for key in ("", "?key=", "?key=x", "?key=" + "x" * 5000, "?key=%00", "?key=%F0%9F%98%80"):
        assert stranger.http.get(f"/api/v1/orders/{number}{key}").status_code == 404
        assert stranger.http.get(f"/orders/{number}{key}").status_code == 404
    assert stranger.http.get(f"/api/v1/orders/{number}/events").status_code == 404
    assert stranger.http.post(f"/api/v1/orders/{number}/settle").status_code == 404


def test_what_the_printed_code_opens_does_not_tell_the_orders_number(
    shop: Shop, bought: tuple[Customer, dict[str, Any]]
) -> None:
    [unit] = bought[1]["units"]
    code = urlsplit(unit["pages"][0]["url"]).path
    for below in ("", "/poster", "/sound", "/sound?download=true"):
        answer = shop.customer().http.get(code + below)
        assert answer.status_code == 200
        told = [str(answer.headers), answer.text if below == "" else ""]
        assert not any(bought[1]["number"].removeprefix("ORD-") in text for text in told), below
    assert answer.headers["content-disposition"] == 'attachment; filename="sound-poster.m4a"'


def test_afterwards_the_draft_is_sold(shop: Shop, victim: Victim) -> None:
    before = len(ledger(shop))
    victim.buys()
    assert len(ledger(shop)) == before + 1
