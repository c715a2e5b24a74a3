"""Webhooks are retried until they are received, whatever dies meanwhile."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx

if TYPE_CHECKING:
    from conftest import House, Shop

KEYS = {
    "MAKEGOOD_SANDBOX_API_KEY": "sk_test_of_the_tests_only",
    "MAKEGOOD_SANDBOX_WEBHOOK_SECRET": "whsec_of_the_tests_only",
}


def test_a_webhook_is_retried_until_the_shop_accepts_it(house: House, eventually: Callable[..., Any]) -> None:
    house.shop.status = 503
    payment = house.paid()
    eventually(lambda: len(house.shop.posts) == 2)
    house.shop.status = 204
    eventually(lambda: house.deliveries(payment)[0]["status"] == "delivered")
    tries = house.deliveries(payment)[0]["tries"]
    assert [a_try["status"] for a_try in tries] == [503] * (len(tries) - 1) + [204]
    assert tries[0]["error"] == "answered 503"
    assert len({str(post.event) for post in house.shop.posts}) == 1, "every try carries the same event"
    assert all(post.well_signed for post in house.shop.posts)


def test_after_three_days_a_webhook_is_given_up_and_can_still_be_replayed(
    house: House, eventually: Callable[..., Any]
) -> None:
    house.shop.status = 500
    payment = house.paid()
    eventually(lambda: house.deliveries(payment)[0]["tries"])
    house.clock.offset = timedelta(days=3)
    eventually(lambda: house.deliveries(payment)[0]["status"] == "given_up")
    house.clock.offset = timedelta()
    house.shop.status = 200
    delivery = house.deliveries(payment)[0]
    again = house.post(f"/v1/deliveries/{delivery['id']}/replay")
    assert (again.status_code, again.json()["event"]) == (201, delivery["event"])
    eventually(lambda: house.deliveries(payment)[1]["status"] == "delivered")
    assert house.post("/v1/deliveries/dlv_no/replay").status_code == 404


def test_a_shop_that_answers_too_late_has_not_received_it(
    impatient: None, house: House, eventually: Callable[..., Any]
) -> None:
    house.shop.pause = 1
    payment = house.paid()
    eventually(lambda: house.deliveries(payment)[0]["tries"])
    assert house.deliveries(payment)[0]["tries"][0]["error"].startswith("ReadTimeout")
    house.shop.pause = 0
    eventually(lambda: house.deliveries(payment)[0]["status"] == "delivered")


@contextmanager
def running(database: Path, hook: str, port: int, wait: Callable[..., Any]) -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(
        [
            *(sys.executable, "-m", "makegood.payments.providers.sandbox.server"),
            *("--database", str(database), "--webhook-url", hook, "--port", str(port)),
        ],
        env={**os.environ, **KEYS},
    )
    try:
        wait(lambda: _answers(port))
        yield process
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()


def _answers(port: int) -> bool:
    try:
        return httpx.get(f"http://127.0.0.1:{port}/").status_code == 401
    except httpx.TransportError:
        return False


def test_kill_9_in_the_middle_of_deliveries_loses_none(
    tmp_path: Path, shop: Shop, house: House, eventually: Callable[..., Any], unused_port: int
) -> None:
    """Forty payments are made while the process is killed again and again under a shop that fails every other time."""
    shop.pause = 0.05
    database = tmp_path / "killed.sqlite"
    api = f"http://127.0.0.1:{unused_port}/v1"
    headers = {"Authorization": f"Bearer {KEYS['MAKEGOOD_SANDBOX_API_KEY']}"}
    made: set[str] = set()
    for round_number in range(4):
        shop.status = 500 if round_number % 2 else 200
        with running(database, shop.url, unused_port, eventually):
            before = len(shop.posts)
            for number in range(10):
                payment = httpx.post(
                    f"{api}/payments", headers=headers, json=house.body(reference=f"{round_number}.{number}")
                ).json()["id"]
                act = {"outcome": "delayed_success" if number % 2 else "success", "delay": 0.5}
                paid = httpx.post(f"{api}/test/payments/{payment}/act", headers=headers, json=act)
                assert paid.status_code == 200
                made.add(payment)
            eventually(lambda before=before: len(shop.posts) > before)
    shop.status = 200
    with running(database, shop.url, unused_port, eventually):

        def told() -> set[str]:
            events = [post.event for post in shop.posts if post.answered == 200]
            return {event["data"]["payment"]["id"] for event in events if event["type"] == "payment.succeeded"}

        def settled() -> bool:
            data = httpx.get(f"{api}/deliveries", headers=headers, params={"limit": 100}).json()["data"]
            return len(data) == 60 and {delivery["status"] for delivery in data} == {"delivered"}

        eventually(settled, 60)
        assert told() == made
        ledger = httpx.get(f"{api}/ledger", headers=headers).json()
        assert sorted(entry["payment"] for entry in ledger["entries"]) == sorted(made)
