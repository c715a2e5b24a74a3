"""Every outcome of the hosted page, with every behaviour of its webhook, ends in the right ledger and deliveries."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from conftest import House

# outcome → what the payment ends as, the money moved, the events in the order in which they happen
OUTCOMES = {
    "success": ("succeeded", [("capture", 2900)], ["payment.succeeded"]),
    "decline": ("failed", [], ["payment.failed"]),
    "three_d_secure": ("succeeded", [("capture", 2900)], ["payment.succeeded"]),
    "delayed_success": ("succeeded", [("capture", 2900)], ["payment.processing", "payment.succeeded"]),
    "delayed_failure": ("failed", [], ["payment.processing", "payment.failed"]),
    "abandon": ("open", [], []),
    "expire": ("expired", [], ["payment.expired"]),
}
WEBHOOKS = ("normal", "twice", "before_redirect", "after", "out_of_order", "bad_signature", "never")


def expected_to_be_heard(outcome: str, webhook: str) -> list[str]:
    events = OUTCOMES[outcome][2]
    if webhook in ("bad_signature", "never"):
        return []
    if webhook == "twice":
        return [event for event in events for _ in range(2)]
    if webhook == "out_of_order" and outcome not in ("abandon", "expire"):
        return [events[-1], "payment.processing"]
    return events


@pytest.mark.parametrize("webhook", WEBHOOKS)
@pytest.mark.parametrize("outcome", OUTCOMES)
def test_every_outcome_with_every_webhook_behaviour(
    house: House, eventually: Callable[..., Any], outcome: str, webhook: str
) -> None:
    status, ledger, events = OUTCOMES[outcome]
    heard = expected_to_be_heard(outcome, webhook)
    payment = house.create()

    answer = house.submit(payment, outcome=outcome, webhook=webhook, delay="1", webhook_delay="0.1")
    if outcome == "three_d_secure":
        assert answer.headers["location"].endswith("/authenticate")
        answer = house.browser.post(payment["url"] + "/authenticate", data={"decision": "authenticate"})
    assert answer.status_code == 303
    if outcome in ("success", "three_d_secure", "delayed_success", "delayed_failure"):
        assert answer.headers["location"] == f"https://shop.example/paid?order=1&payment={payment['id']}"
    if webhook == "before_redirect" and events:
        assert house.shop.heard() == events[:1], "the webhook has to be there before the browser is"

    eventually(lambda: house.payment(payment)["status"] == status)
    eventually(lambda: len(house.shop.heard()) >= len(heard))
    if webhook == "bad_signature" and events:
        eventually(lambda: len(house.shop.posts) >= len(events))
    assert house.shop.heard() == heard
    assert house.entries(payment) == ledger
    assert house.payment(payment)["amount_captured"] == sum(amount for _, amount in ledger)
    deliveries = house.deliveries(payment)
    states = {"bad_signature": {"pending"}, "never": {"suppressed"}}.get(webhook, {"delivered"})
    eventually(lambda: {delivery["status"] for delivery in house.deliveries(payment)} == (states if events else set()))
    assert {delivery["behaviour"] for delivery in deliveries} == ({webhook} if events else set())


def test_twice_at_once_means_the_same_event_twice_at_the_same_time(
    house: House, eventually: Callable[..., Any]
) -> None:
    house.shop.pause = 2
    house.act(house.create(), "success", "twice")
    eventually(lambda: len(house.shop.posts) == 2)
    one, two = house.shop.posts
    eventually(lambda: one.ended and two.ended)
    assert one.event == two.event
    assert max(one.began, two.began) < min(one.ended, two.ended)


def test_a_badly_signed_webhook_is_retried_and_never_signed_well(house: House, eventually: Callable[..., Any]) -> None:
    payment = house.create()
    house.act(payment, "success", "bad_signature")
    eventually(lambda: len(house.shop.posts) == 3)
    assert house.shop.heard() == []
    tries = house.deliveries(payment)[0]["tries"]
    assert [a_try["status"] for a_try in tries][:2] == [400, 400]


@pytest.mark.parametrize(
    ("number", "code"), [("4000000000000002", "card_declined"), ("4000 0000 0000 9995", "insufficient_funds")]
)
def test_a_declined_card_charges_nothing_and_another_card_can_be_tried(
    house: House, eventually: Callable[..., Any], number: str, code: str
) -> None:
    payment = house.create()
    back = house.submit(payment, number=number)
    assert house.base + back.headers["location"] == payment["url"]
    assert "Nothing was charged" in house.browser.get(payment["url"]).text
    declined = house.payment(payment)
    assert (declined["status"], declined["decline_code"], declined["final"]) == ("failed", code, False)
    assert house.submit(payment).headers["location"].startswith("https://shop.example/paid")
    assert house.entries(payment) == [("capture", 2900)]
    eventually(lambda: house.shop.heard() == ["payment.failed", "payment.succeeded"])


def test_the_3d_secure_card_asks_the_bank_which_may_refuse(house: House) -> None:
    payment = house.create()
    house.submit(payment, number="4000 0000 0000 3220")
    assert house.payment(payment)["status"] == "open"
    assert "Authenticate" in house.browser.get(payment["url"] + "/authenticate").text
    house.browser.post(payment["url"] + "/authenticate", data={"decision": "fail"})
    assert house.payment(payment)["decline_code"] == "authentication_failed"
    assert house.entries(payment) == []


def test_cancel_goes_back_to_the_cart_and_closes_the_payment(house: House, eventually: Callable[..., Any]) -> None:
    payment = house.create()
    answer = house.browser.post(payment["url"] + "/cancel")
    assert (answer.status_code, answer.headers["location"]) == (303, "https://shop.example/cart")
    closed = house.payment(payment)
    assert (closed["status"], closed["final"]) == ("cancelled", True)
    assert house.act(payment, "success").json()["error"]["code"] == "payment_not_open"
    eventually(lambda: house.shop.heard() == ["payment.cancelled"])


def test_cancelling_what_is_paid_keeps_it_paid(house: House) -> None:
    payment = house.paid()
    answer = house.browser.post(payment["url"] + "/cancel")
    assert answer.headers["location"].startswith("https://shop.example/paid")
    assert house.payment(payment)["status"] == "succeeded"


def test_an_abandoned_payment_expires_by_itself_and_can_never_be_paid(
    house: House, eventually: Callable[..., Any]
) -> None:
    payment = house.create(expires_in=1)
    house.act(payment, "abandon")
    eventually(lambda: house.payment(payment)["status"] == "expired")
    assert house.payment(payment)["final"] is True
    assert house.act(payment, "success").status_code == 409
    assert house.browser.post(payment["url"], data={"outcome": "success"}).status_code == 303
    assert "has expired" in house.browser.get(payment["url"]).text
    assert house.entries(payment) == []
    eventually(lambda: house.shop.heard() == ["payment.expired"])
