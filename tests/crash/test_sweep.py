"""The engine is replaceable: whatever it forgets, the domain rows bring back, however old they are."""

from __future__ import annotations

import sqlite3
import uuid
from contextlib import suppress
from pathlib import Path

import httpx
import pytest

from tests.shops import Shop, until

FORGOTTEN = {
    "its row is gone": "DELETE FROM workflow_status WHERE name = 'fulfillment.fulfil'",
    "it counts as failed": "UPDATE workflow_status SET status = 'ERROR' WHERE name = 'fulfillment.fulfil'",
    "it counts as cancelled": "UPDATE workflow_status SET status = 'CANCELLED' WHERE name = 'fulfillment.fulfil'",
    "it counts as done": "UPDATE workflow_status SET status = 'SUCCESS' WHERE name = 'fulfillment.fulfil'",
    "it runs in a process that is no more": (
        "UPDATE workflow_status SET status = 'PENDING', executor_id = 'long gone' WHERE name = 'fulfillment.fulfil'"
    ),
    "everything is gone": "DELETE FROM workflow_status",
}


@pytest.mark.parametrize("forgotten", FORGOTTEN)
def test_what_the_engine_forgot_is_delivered_all_the_same(
    shop: Shop, poster_files: dict[str, Path], forgotten: str
) -> None:
    customer = shop.customer()
    number = customer.checkout(customer.draft(poster_files, title=forgotten))["number"]
    shop.die_at("claim:before")
    shop.provider.act(customer.payable(number)["ref"])
    shop.wait_for_death()
    with sqlite3.connect(shop.home / "shop.db", timeout=30) as database:
        database.execute(FORGOTTEN[forgotten])
        # Owed for a year: there is no age beyond which anybody stops looking.
        database.execute("UPDATE obligation SET owed_at = '2025-01-01 00:00:00.000000' WHERE delivery = 'owed'")

    shop.start()

    order = customer.at_rest(number)
    assert order["state"] == "delivered"
    assert shop.provider.captures(order["payment"]["id"]) == 1
    assert [event["event"] for event in order["timeline"]].count("obligation.delivered") == 1


def test_a_mail_and_a_payment_request_that_the_engine_forgot_are_sent_all_the_same(
    shop: Shop, poster_files: dict[str, Path]
) -> None:
    customer = shop.customer()
    draft = customer.draft(poster_files)
    order = {"draft_id": draft, "key": uuid.uuid4().hex, "quote": customer.quote(draft)}
    shop.die_at("request:before")
    # The work that an order enqueues may kill the shop before the order's own answer is out.
    with suppress(httpx.HTTPError):
        customer.checkout(**order)
    shop.wait_for_death()
    with sqlite3.connect(shop.home / "shop.db", timeout=30) as database:
        database.execute("DELETE FROM workflow_status WHERE status NOT IN ('SUCCESS')")
    shop.start()
    number = customer.checkout(**order)["number"]
    ref = customer.payable(number)["ref"]
    shop.die_at("mail:accepted")
    shop.provider.act(ref)
    shop.wait_for_death()
    with sqlite3.connect(shop.home / "shop.db", timeout=30) as database:
        database.execute("DELETE FROM workflow_status WHERE status NOT IN ('SUCCESS')")
        database.execute("UPDATE mail SET next_try_at = created_at WHERE state = 'waiting'")
    shop.start()

    assert customer.at_rest(number)["state"] == "delivered"

    def both_sent() -> bool:
        events = [event["event"] for event in customer.order(number)["timeline"]]
        return events.count("mail.accepted") == 2

    until(both_sent, 30, "the acceptance of receipt and delivery notice")
