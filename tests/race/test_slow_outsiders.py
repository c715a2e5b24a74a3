"""Somebody outside who takes the connection and says nothing keeps nobody else waiting."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.payments.parts import Hands
from tests.shops import SAMPLES, Shop, until

ORDERS = 6
"""Of two mails each: more than are sent within that time."""
SOON = 15.0
"""Seconds."""


@pytest.fixture
def silent_port() -> Iterator[int]:
    """A mail server that accepts everybody and never speaks."""
    with socket.create_server(("127.0.0.1", 0), backlog=100) as listening:
        yield listening.getsockname()[1]


def test_a_mail_server_that_says_nothing_keeps_no_payment_and_no_refund_waiting(
    tmp_path: Path, silent_port: int
) -> None:
    env = {"MAKEGOOD_SMTP_HOST": "127.0.0.1", "MAKEGOOD_SMTP_PORT": str(silent_port), "MAKEGOOD_SMTP_TLS": "none"}
    with Shop(tmp_path, sells=SAMPLES, **env) as shop:
        customer = shop.customer()
        for _ in range(ORDERS):
            number = str(customer.checkout(customer.draft({}, "notes"))["number"])
            reference = customer.order(number)["payment"]["id"]
            [payment] = until(lambda it=reference: shop.provider.payments(it), SOON, "the payment page")
            shop.provider.act(payment["id"])
            assert customer.at_rest(number, SOON)["state"] == "delivered"

        with Hands(shop) as hands:
            hands.give_back(number)
        until(lambda: shop.provider.kept(reference) == 0, SOON, "the money going back")
