"""Money unlocks only what it was made for; what unlocks nothing goes back; nobody is charged twice."""

from __future__ import annotations

import json
import subprocess
import sys
import uuid
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from tests.race.test_webhooks import assert_delivered_once, buy
from tests.shops import Shop, until


def paid_elsewhere(shop: Shop, **changes: Any) -> str:
    """A payment that was made at the provider behind the shop's back, and is paid; its id there."""
    wanted = {
        "reference": str(uuid.uuid4()), "amount": 299, "currency": "USD", "description": "Something",
        "return_url": shop.url, "cancel_url": shop.url, "expires_in": 3600, "metadata": {},
    }  # fmt: skip
    made = shop.provider.http.post("/v1/payments", json={**wanted, **changes})
    assert made.status_code in (200, 201), made.text
    ref = str(made.json()["id"])
    shop.provider.act(ref)
    return ref


@pytest.mark.parametrize(
    "changes",
    [{"amount": 1}, {"amount": 29900}, {"currency": "EUR"}, {"currency": "JPY"}],
    ids=json.dumps,
)
def test_another_amount_or_currency_unlocks_nothing_and_goes_back(
    shop: Shop, poster_files: dict[str, Path], changes: dict[str, Any]
) -> None:
    customer = shop.customer()
    number, own = buy(customer, poster_files, "mine")
    reference = customer.order(number)["payment"]["id"]

    ref = paid_elsewhere(shop, reference=reference, **changes)

    until(lambda: refunded(shop, ref), 30, "the money going back")
    order = customer.order(number)
    assert (order["state"], order["units"][0]["delivery"]) == ("awaiting_payment", "waiting")
    shop.provider.act(own)
    order = customer.at_rest(number)
    assert order["state"] == "delivered"
    assert shop.provider.kept(reference) == order["total"]["minor"]


def test_a_payment_for_something_else_unlocks_nothing(shop: Shop, poster_files: dict[str, Path]) -> None:
    customer = shop.customer()
    number, _ = buy(customer, poster_files, "mine")

    paid_elsewhere(shop)

    other, ref = buy(customer, poster_files, "other")
    shop.provider.act(ref)
    customer.at_rest(other)
    assert customer.order(number)["state"] == "awaiting_payment"


def test_a_second_payment_of_one_order_is_given_back(shop: Shop, poster_files: dict[str, Path]) -> None:
    customer = shop.customer()
    number, ref = buy(customer, poster_files, "twice")
    reference = customer.order(number)["payment"]["id"]
    shop.provider.act(ref)
    assert_delivered_once(customer, number)

    second = paid_elsewhere(shop, reference=reference)

    until(lambda: refunded(shop, second), 30, "the second payment going back")
    assert shop.provider.kept(reference) == 299
    assert customer.order(number)["state"] == "delivered"


def test_the_same_submit_from_ten_places_is_one_order_and_one_charge(shop: Shop, poster_files: dict[str, Path]) -> None:
    customer = shop.customer()
    draft = customer.draft(poster_files, title="ten")
    quote = customer.quote(draft)

    def submit(key: str) -> str:
        answer = customer.http.post(
            f"/api/v1/drafts/{draft}/checkout", json={"email": "kim@example.com", "quote": quote},
            headers={"Idempotency-Key": key},
        )  # fmt: skip
        assert answer.status_code == 201, answer.text
        return str(answer.json()["number"])

    with ThreadPoolExecutor(10) as pool:
        numbers = set(pool.map(submit, ["the same key"] * 5 + [f"key number {i}" for i in range(5)]))

    assert len(numbers) == 1
    number = numbers.pop()
    shop.provider.act(customer.payable(number)["ref"], webhook="twice")
    assert_delivered_once(customer, number)


def test_the_last_use_of_a_promotion_is_used_by_one_order(shop: Shop, poster_files: dict[str, Path]) -> None:
    promote(shop, "LAST", "--uses", "1")
    customers = [shop.customer() for _ in range(4)]
    drafts = [customer.draft(poster_files) for customer in customers]
    quotes = [c.quote(d, promotion="LAST") for c, d in zip(customers, drafts, strict=True)]

    def submit(i: int) -> int:
        return customers[i].http.post(
            f"/api/v1/drafts/{drafts[i]}/checkout", json={"email": "kim@example.com", "quote": quotes[i]},
            headers={"Idempotency-Key": str(uuid.uuid4())},
        ).status_code  # fmt: skip

    with ThreadPoolExecutor(4) as pool:
        statuses = sorted(pool.map(submit, range(4)))

    assert statuses == [201, 422, 422, 422]


def test_a_free_order_is_delivered_without_the_provider(shop: Shop, poster_files: dict[str, Path]) -> None:
    promote(shop, "GIFT")
    customer = shop.customer()
    number = customer.checkout(customer.draft(poster_files), promotion="GIFT")["number"]

    order = customer.at_rest(number)

    assert (order["state"], order["total"]["minor"]) == ("delivered", 0)
    assert shop.provider.payments(order["payment"]["id"]) == []


def test_an_unpaid_order_expires_at_the_provider_and_is_closed(tmp_path: Path, poster_files: dict[str, Path]) -> None:
    with Shop(tmp_path, MAKEGOOD_PAYMENT_MINUTES="0.2") as shop:
        customer = shop.customer()
        number, ref = buy(customer, poster_files, "late")

        order = customer.at_rest(number)

        assert order["state"] == "cancelled"
        assert shop.provider.http.get(f"/v1/payments/{ref}").json()["status"] == "expired"


def test_what_cant_be_made_is_refunded_at_its_deadline(tmp_path: Path, poster_files: dict[str, Path]) -> None:
    with Shop(tmp_path, MAKEGOOD_DEADLINE_HOURS="0.001") as shop:
        customer = shop.customer()
        given = poster_files["photo"].with_name("baseline.jpg")
        draft = customer.draft({**poster_files, "photo": given})
        files = customer.expect(200, "GET", f"/api/v1/drafts/{draft}")["files"]
        number = customer.checkout(draft)["number"]
        ref = customer.payable(number)["ref"]
        for stored in (shop.home / "objects" / "uploads" / files["photo"]["asset_id"]).iterdir():
            # A good photo, but not the one that the customer gave: a poster of it would be a wrong delivery.
            # It is as long, too.
            other = poster_files["photo"].read_bytes()
            stored.write_bytes(other.ljust(given.stat().st_size, b"\0"))

        shop.provider.act(ref)

        order = customer.at_rest(number)
        assert order["state"] == "refunded"
        assert refunded(shop, ref)
        assert order["units"][0]["artefacts"] == []
        assert "giving your money back" in order["units"][0]["problem"]["detail"]


@pytest.mark.parametrize("kind", ["500", "after_commit_500", "connection_drop"])
def test_a_provider_that_fails_is_asked_again_and_charges_once(
    shop: Shop, poster_files: dict[str, Path], kind: str
) -> None:
    fault = {"next": 2, "kind": kind.removeprefix("after_commit_"), "path_prefix": "/v1/payments", "method": "POST"}
    if kind.startswith("after"):
        fault["when"] = "after"
    customer = shop.customer()
    draft = customer.draft(poster_files, title=kind)
    made = shop.provider.http.post("/v1/test/faults", json=fault)
    assert made.status_code == 201, made.text

    number = customer.checkout(draft)["number"]
    shop.provider.act(customer.payable(number)["ref"])

    assert_delivered_once(customer, number)
    assert len(shop.provider.payments(customer.order(number)["payment"]["id"])) == 1


def promote(shop: Shop, code: str, *more: str) -> None:
    """A promotion that takes everything off."""
    command = [sys.executable, "-m", "makegood.cli", "promotion", code, "--percent", "100", *more]
    subprocess.run(command, env=shop.env, check=True, capture_output=True)


def refunded(shop: Shop, ref: str) -> bool:
    """Whether the provider has given back all that it captured, exactly once."""
    payment = shop.provider.http.get(f"/v1/payments/{ref}").json()
    refunds = shop.provider.http.get("/v1/refunds", params={"payment": ref}).json()["data"]
    assert sum(refund["amount"] for refund in refunds) <= payment["amount_captured"]
    return bool(payment["amount_captured"] and payment["amount_refunded"] == payment["amount_captured"])
