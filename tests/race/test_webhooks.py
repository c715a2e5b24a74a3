"""Duplicate, early, late, concurrent, forged and missing notifications: one charge, one delivery, whatever comes."""

from __future__ import annotations

import hashlib
import hmac
import json
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import httpx
import pytest

from tests.shops import SECRET, Customer, Shop, until

BEHAVIOURS = ["normal", "twice", "before_redirect", "after", "out_of_order", "bad_signature", "never"]


def buy(customer: Customer, files: dict[str, Path], title: str) -> tuple[str, str]:
    """An order that can be paid: its number, and the provider's id of its payment."""
    number = customer.checkout(customer.draft(files, title=title))["number"]
    return number, str(customer.payable(number)["ref"])


def assert_delivered_once(customer: Customer, number: str) -> None:
    order = customer.at_rest(number)
    events = [event["event"] for event in order["timeline"]]
    assert order["state"] == "delivered"
    assert (events.count("payment.succeeded"), events.count("obligation.delivered")) == (1, 1)
    assert customer.shop.provider.captures(order["payment"]["id"]) == 1
    assert customer.shop.provider.kept(order["payment"]["id"]) == order["total"]["minor"]


@pytest.mark.parametrize("behaviour", BEHAVIOURS)
def test_however_the_webhook_comes_the_order_is_delivered_once(
    shop: Shop, poster_files: dict[str, Path], behaviour: str
) -> None:
    customer = shop.customer()
    number, ref = buy(customer, poster_files, behaviour)

    shop.provider.act(ref, webhook=behaviour, webhook_delay=1)

    assert_delivered_once(customer, number)


def test_a_webhook_that_comes_before_our_own_request_was_recorded(shop: Shop, poster_files: dict[str, Path]) -> None:
    customer = shop.customer()
    draft = customer.draft(poster_files)
    wanted = {"draft_id": draft, "key": uuid.uuid4().hex, "quote": customer.quote(draft)}
    shop.die_at("request:after")
    # The work that an order enqueues may kill the shop before the order's own answer is out.
    with suppress(httpx.HTTPError):
        customer.checkout(**wanted)
    shop.wait_for_death()
    shop.start()
    number = customer.checkout(**wanted)["number"]
    order = customer.order(number)
    [seen] = until(lambda: shop.provider.payments(order["payment"]["id"]), 20, "the request at the provider")

    shop.provider.act(seen["id"], webhook="twice")

    assert_delivered_once(customer, number)


def test_twenty_deliveries_of_one_event_at_once(shop: Shop, poster_files: dict[str, Path]) -> None:
    customer = shop.customer()
    number, ref = buy(customer, poster_files, "twenty")
    shop.provider.act(ref, webhook="never")
    body, headers = notification(ref)

    with ThreadPoolExecutor(20) as pool:
        answers = list(pool.map(lambda _: deliver(shop, body, headers), range(20)))

    assert {answer.status_code for answer in answers} == {200}
    assert sum(answer.json()["new"] for answer in answers) == 1
    assert_delivered_once(customer, number)


def test_a_webhook_replayed_after_the_delivery_changes_nothing(shop: Shop, poster_files: dict[str, Path]) -> None:
    customer = shop.customer()
    number, ref = buy(customer, poster_files, "replayed")
    shop.provider.act(ref)
    assert_delivered_once(customer, number)
    deliveries = shop.provider.http.get("/v1/deliveries", params={"payment": ref}).json()["data"]

    for delivery in deliveries:
        shop.provider.http.post(f"/v1/deliveries/{delivery['id']}/replay")
    body, headers = notification(ref)
    assert deliver(shop, body, headers).status_code == 200

    time.sleep(1.5)
    assert_delivered_once(customer, number)


@pytest.mark.parametrize(
    ("spoil", "why"),
    [
        (lambda body, headers: (body + b" ", headers), "the body was changed"),
        (lambda body, headers: (body, {}), "there is no signature"),
        (lambda body, _: (body, signature(body, b"another secret")), "the secret is another"),
        (lambda body, _: (body, signature(body, SECRET.encode(), int(time.time()) - 600)), "it is ten minutes old"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_forged_webhook_is_refused_and_unlocks_nothing(
    shop: Shop, poster_files: dict[str, Path], spoil: object, why: str
) -> None:
    customer = shop.customer()
    number, ref = buy(customer, poster_files, why)
    body, headers = spoil(*notification(ref))  # type: ignore[operator]

    answer = deliver(shop, body, headers)

    assert (answer.status_code, answer.json()["code"]) == (400, "SIGNATURE_INVALID")
    assert customer.order(number)["state"] == "awaiting_payment"


def test_a_signed_webhook_is_not_believed_about_the_payment_only_about_where_to_look(
    shop: Shop, poster_files: dict[str, Path]
) -> None:
    customer = shop.customer()
    number, ref = buy(customer, poster_files, "open")
    body, headers = notification(ref)

    assert deliver(shop, body, headers).status_code == 200

    time.sleep(1.5)
    order = customer.order(number)
    assert (order["state"], order["units"][0]["delivery"]) == ("awaiting_payment", "waiting")


def notification(ref: str) -> tuple[bytes, dict[str, str]]:
    """A well-signed event that claims this payment succeeded."""
    event = {"id": f"evt_{time.time_ns()}", "type": "payment.succeeded", "created": int(time.time())}
    body = json.dumps({**event, "data": {"payment": {"id": ref, "status": "succeeded"}}}).encode()
    return body, signature(body, SECRET.encode())


def signature(body: bytes, secret: bytes, stamp: int | None = None) -> dict[str, str]:
    """The provider's signature header, computed from its documentation."""
    at = str(stamp or int(time.time()))
    made = hmac.new(secret, at.encode() + b"." + body, hashlib.sha256).hexdigest()
    return {"Makegood-Sandbox-Signature": f"t={at},v1={made}"}


def deliver(shop: Shop, body: bytes, headers: dict[str, str]) -> httpx.Response:
    """POST a notification to the shop as the provider would."""
    return httpx.post(f"{shop.url}/api/v1/payments/sandbox/webhook", content=body, headers=headers, timeout=30)
