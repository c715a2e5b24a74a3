"""Options, quotes and checkouts that are forged, foreign, doubled or nonsense: each is answered, nobody is charged."""

from __future__ import annotations

import base64
import json
import uuid
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from makegood.catalog.pricing import Price
from makegood.catalog.quotes import Quotes
from makegood.kernel.clock import MovedClock
from makegood.kernel.signing import Signer
from makegood.product_api import PriceLine
from tests.acceptance.conftest import Victim
from tests.shops import Shop

SURROGATE = b'"\\ud800"'
"""Half a character, as JSON can write it and UTF-8 can't."""

OPTIONS = {
    "unknown": ({"titel": "Hi"}, "titel"),
    "of another type": ({"bleed": "wide"}, "bleed"),
    "a list for a word": ({"title": ["a", "b"]}, "title"),
    "an object for a number": ({"clip_start": {}}, "clip_start"),
    "a number for a word": ({"title": 7}, "title"),
    "no page of ours": ({"page": "A0"}, "page"),
    "a template that is a path": ({"template": "../../etc/passwd"}, "template"),
    "endless text": ({"title": "x" * 100_000}, "title"),
    "control characters": ({"title": "a\u0000b"}, "title"),
    "a clip backwards": ({"clip_start": 1, "clip_end": 0.5}, "options"),
    "a clip before the beginning": ({"clip_start": -1}, "clip_start"),
    "not a colour": ({"accent": "red; }"}, "accent"),
}


@pytest.mark.parametrize("case", OPTIONS)
def test_a_wrong_option_is_named(unharmed: Victim, case: str) -> None:
    options, name = OPTIONS[case]
    problem = unharmed.customer.refused(422, "OPTION_INVALID", "PATCH", unharmed.at, json={"options": options})
    assert problem["option"] == name


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e999"])
def test_what_is_no_number_is_no_time(unharmed: Victim, number: str) -> None:
    body = f'{{"options": {{"clip_start": {number}}}}}'
    problem = unharmed.customer.refused(
        422, "OPTION_INVALID", "PATCH", unharmed.at, content=body, headers={"Content-Type": "application/json"}
    )
    assert problem["option"] == "clip_start"


@pytest.mark.parametrize(
    ("options", "code"),
    [
        ({"template": "neon"}, "TEMPLATE_UNKNOWN"),
        ({"font": "comic"}, "OPTION_NOT_FOR_TEMPLATE"),
        ({"title": "W" * 80, "template": "gift-card"}, "TEXT_TOO_LONG"),
        ({"clip_start": 60, "clip_end": 70}, "CLIP_OUT_OF_RANGE"),
        ({"accent": "#ffffff", "background": "#ffffff"}, "COLOURS_TOO_CLOSE"),
    ],
)
def test_what_can_not_be_made_can_not_be_bought(
    shop: Shop, poster_files: dict[str, Path], options: dict[str, Any], code: str
) -> None:
    customer = shop.customer()
    draft = customer.draft(poster_files)
    quote = customer.quote(draft)

    seen = customer.expect(200, "PATCH", f"/api/v1/drafts/{draft}", json={"options": options})

    assert seen["problem"]["code"] == code
    customer.refused(422, code, "POST", f"/api/v1/drafts/{draft}/quote", json={})
    customer.refused(422, code, "GET", f"/api/v1/drafts/{draft}/preview")
    place(customer, draft, 422, code, quote=quote)
    assert customer.expect(200, "GET", "/api/v1/orders") == []


@pytest.mark.parametrize(
    ("wanted", "code"),
    [
        ({"quantity": 0}, "QUANTITY_INVALID"),
        ({"quantity": -1}, "QUANTITY_INVALID"),
        ({"quantity": 10**9}, "QUANTITY_INVALID"),
        ({"quantity": 10**30}, "QUANTITY_INVALID"),
        ({"quantity": 1.5}, "OPTION_INVALID"),
        ({"quantity": "many"}, "OPTION_INVALID"),
        ({"quantity": None}, "OPTION_INVALID"),
        ({"promotion": "HALF-PRICE"}, "PROMOTION_UNKNOWN"),
        ({"promotion": "' OR 1=1 --"}, "PROMOTION_UNKNOWN"),
        ({"promotion": "A\u0000B"}, "PROMOTION_UNKNOWN"),
        ({"promotion": "x" * 1000}, "OPTION_INVALID"),
        ({"promotion": 5}, "OPTION_INVALID"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_no_quote_for_nonsense(unharmed: Victim, wanted: dict[str, Any], code: str) -> None:
    unharmed.customer.refused(422, code, "POST", f"{unharmed.at}/quote", json=wanted)


def place(customer: Any, draft: str, status: int, code: str, **changed: Any) -> None:
    """A checkout that is refused."""
    key = changed.pop("key", str(uuid.uuid4()))
    body = {"email": "kim@example.com", **changed}
    customer.refused(
        status, code, "POST", f"/api/v1/drafts/{draft}/checkout", json=body, headers={"Idempotency-Key": key}
    )


def forged(token: str, **changed: Any) -> tuple[str, str]:
    """The token's content with these changes, packed, and its old signature."""
    packed, _, signature = token.partition(".")
    data = json.loads(base64.urlsafe_b64decode(packed))
    data["price"] |= changed
    body = json.dumps(data, sort_keys=True, separators=(",", ":"))
    return base64.urlsafe_b64encode(body.encode()).decode(), signature


def test_a_quote_with_another_amount_is_no_quote(unharmed: Victim) -> None:
    packed, signature = forged(unharmed.customer.quote(unharmed.draft), total_minor=1)
    place(unharmed.customer, unharmed.draft, 400, "QUOTE_INVALID", quote=f"{packed}.{signature}")


def test_a_quote_signed_by_somebody_else_is_no_quote(unharmed: Victim) -> None:
    packed, _ = forged(unharmed.customer.quote(unharmed.draft), total_minor=1)
    body = base64.urlsafe_b64decode(packed).decode()
    for key in (b"", b"not the shop's", b"sandbox-secret-for-tests-only"):
        signed = f"{packed}.{Signer(key).signature('quote', body)}"
        place(unharmed.customer, unharmed.draft, 400, "QUOTE_INVALID", quote=signed)


def test_a_signature_for_something_else_is_no_quote(shop: Shop, unharmed: Victim) -> None:
    packed, _ = forged(unharmed.customer.quote(unharmed.draft), total_minor=1)
    signer = Signer((shop.home / "secrets" / "secret").read_bytes())
    signed = f"{packed}.{signer.signature('order', base64.urlsafe_b64decode(packed).decode())}"
    place(unharmed.customer, unharmed.draft, 400, "QUOTE_INVALID", quote=signed)


def test_an_old_quote_has_expired(shop: Shop, poster_files: dict[str, Path]) -> None:
    customer = shop.customer()
    draft = customer.draft(poster_files)
    version = customer.expect(200, "GET", f"/api/v1/drafts/{draft}")["version"]
    signer = Signer((shop.home / "secrets" / "secret").read_bytes())
    price = Price("USD", 1, (PriceLine("Sound poster", 1),), 0, 0, 1)

    def made(minutes_ago: int) -> str:
        quotes = Quotes(signer, MovedClock(-timedelta(minutes=minutes_ago)), timedelta(hours=1))
        return quotes.make(draft, version, None, price)[1]

    place(customer, draft, 409, "QUOTE_EXPIRED", quote=made(61))
    assert customer.expect(200, "GET", "/api/v1/orders") == []
    body = {"email": "kim@example.com", "quote": made(59)}
    where = f"/api/v1/drafts/{draft}/checkout"
    assert customer.expect(201, "POST", where, json=body, headers={"Idempotency-Key": "k" * 8})["total"]["minor"] == 1


def test_the_quote_of_another_draft_is_outdated(unharmed: Victim, poster_files: dict[str, Path]) -> None:
    other = unharmed.customer.draft(poster_files, page="A3")
    quote = unharmed.customer.quote(other)
    place(unharmed.customer, unharmed.draft, 409, "QUOTE_OUTDATED", quote=quote)


def test_the_quote_of_an_older_version_is_outdated(shop: Shop, poster_files: dict[str, Path]) -> None:
    customer = shop.customer()
    draft = customer.draft(poster_files)
    cheap = customer.quote(draft)
    customer.expect(200, "PATCH", f"/api/v1/drafts/{draft}", json={"options": {"page": "24x36in"}})
    place(customer, draft, 409, "QUOTE_OUTDATED", quote=cheap)
    assert customer.checkout(draft)["total"]["minor"] == 599


@pytest.mark.parametrize(
    "token", ["", ".", "x", "a.b", "=.=", "é.ü", "e30=.", "bnVsbA==.x", "." * 7999, "\u0000.\u0000"]
)
def test_garbage_is_no_quote(unharmed: Victim, token: str) -> None:
    place(unharmed.customer, unharmed.draft, 400, "QUOTE_INVALID", quote=token)


EMAILS = ["", "kim", "@", "kim@", "@example.com", "kim@localhost", "a@b.com, c@d.com", "kim@example.com\nBcc: a@b.com",
          "kim@example.com\r\nSubject: x", "Kim <kim@example.com>", "kim@exa\u0000mple.com", "kim@[127.0.0.1]",
          "k" * 65 + "@example.com", "kim@" + "x" * 60 + ".com" * 60, "<script>@example.com",
          "=?utf-8?q?40?=@example.com"]  # fmt: skip


@pytest.mark.parametrize("email", EMAILS)
def test_an_address_that_mail_can_not_reach_is_refused(unharmed: Victim, email: str) -> None:
    quote = unharmed.customer.quote(unharmed.draft)
    place(unharmed.customer, unharmed.draft, 422, "EMAIL_INVALID", quote=quote, email=email)


@pytest.mark.parametrize("key", ["", "short", "x" * 201])
def test_a_checkout_needs_a_key(unharmed: Victim, key: str) -> None:
    quote = unharmed.customer.quote(unharmed.draft)
    place(unharmed.customer, unharmed.draft, 400, "IDEMPOTENCY_KEY_MISSING", quote=quote, key=key)


FOREIGN = [
    ("GET", "", {}), ("PATCH", "", {"json": {"options": {"title": "Mine"}}}), ("GET", "/preview", {}),
    ("PUT", "/files/photo", {"content": b"x"}), ("DELETE", "/files/photo", {}), ("POST", "/quote", {"json": {}}),
    ("GET", "/files/photo/content", {}), ("GET", "/files/photo/derived/proxy", {}),
]  # fmt: skip


@pytest.mark.parametrize("known", [True, False], ids=["another visitor", "nobody"])
def test_a_draft_is_its_owners_alone(shop: Shop, unharmed: Victim, known: bool) -> None:
    stranger = shop.customer()
    if known:
        stranger.draft({})
    for method, below, request in FOREIGN:
        stranger.refused(404, "DRAFT_NOT_FOUND", method, unharmed.at + below, **request)
    quote = unharmed.customer.quote(unharmed.draft)
    place(stranger, unharmed.draft, 404, "DRAFT_NOT_FOUND", quote=quote)
    assert stranger.http.get(f"/posters/{unharmed.draft}").status_code == 404
    assert stranger.http.get(f"/checkout/{unharmed.draft}").status_code == 404


@pytest.mark.parametrize("draft", ["x", "..%2forders", "%00", "0" * 5000, "' OR 1=1 --"])
def test_there_is_no_such_draft(unharmed: Victim, draft: str) -> None:
    assert unharmed.customer.http.get(f"/api/v1/drafts/{draft}").status_code in (404, 414)


@pytest.mark.parametrize(
    ("method", "where", "body"),
    [
        ("POST", "/api/v1/drafts", b'{"product": %s}'),
        ("POST", "/api/v1/drafts", b'{"product": "posters", "options": {%s: 1}}'),
        ("PATCH", "", b'{"options": {"title": %s}}'),
        ("PATCH", "", b'{"options": {%s: 1}}'),
        ("POST", "/quote", b'{"promotion": %s}'),
        ("POST", "/checkout", b'{"email": %s, "quote": "x"}'),
        ("POST", "/checkout", b'{"email": "kim@example.com", "quote": %s}'),
        ("POST", "/checkout", b'{"email": "kim@example.com", "quote": {}}'),
        ("POST", "/api/v1/orders/lookup", b'{"email": "kim@example.com", "number": %s}'),
    ],
)
def test_half_characters_are_refused(unharmed: Victim, method: str, where: str, body: bytes) -> None:
    answer = unharmed.customer.http.request(
        method, where if where.startswith("/api") else unharmed.at + where, content=body.replace(b"%s", SURROGATE),
        headers={"Idempotency-Key": str(uuid.uuid4()), "Content-Type": "application/json"},
    )  # fmt: skip
    assert 400 <= answer.status_code < 500, answer.text
    assert answer.json()["code"] != "INTERNAL"


@pytest.mark.parametrize("same_key", [True, False])
def test_a_double_submit_is_one_order(shop: Shop, poster_files: dict[str, Path], same_key: bool) -> None:
    customer = shop.customer()
    draft = customer.draft(poster_files)
    body = {"email": "kim@example.com", "quote": customer.quote(draft)}
    keys = ["the-same-key"] * 6 if same_key else [str(uuid.uuid4()) for _ in range(6)]

    def submit(key: str) -> str:
        order = customer.expect(
            201, "POST", f"/api/v1/drafts/{draft}/checkout", json=body, headers={"Idempotency-Key": key}
        )
        return str(order["number"])

    with ThreadPoolExecutor(len(keys)) as pool:
        [number] = set(pool.map(submit, keys))

    assert [order["number"] for order in customer.expect(200, "GET", "/api/v1/orders")] == [number]
    order = customer.payable(number)
    assert len(shop.provider.payments(order["payment"]["id"])) == 1


def test_a_key_is_for_one_request_only(shop: Shop, poster_files: dict[str, Path]) -> None:
    customer = shop.customer()
    draft = customer.draft(poster_files)
    order = customer.checkout(draft, key="used-before")
    for changed in ({"email": "ann@example.com"}, {"quantity": 2}):
        email = str(changed.pop("email", "kim@example.com"))
        quote = customer.quote(draft, **changed)
        place(customer, draft, 409, "IDEMPOTENCY_KEY_REUSED", quote=quote, email=email, key="used-before")
    assert [each["number"] for each in customer.expect(200, "GET", "/api/v1/orders")] == [order["number"]]


def test_afterwards_the_draft_is_sold(victim: Victim) -> None:
    victim.buys()
