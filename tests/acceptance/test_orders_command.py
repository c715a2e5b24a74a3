"""`makegood orders …` beside a running shop: an operator looks, tries again, and gives money back."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.race.test_money import refunded
from tests.shops import Shop


def orders(shop: Shop, *arguments: str) -> tuple[int, str]:
    command = [sys.executable, "-m", "makegood.cli", "orders", *arguments]
    done = subprocess.run(command, env=shop.env, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout + done.stderr


def test_a_delivered_order_is_shown_told_and_refunded(shop: Shop, poster_files: dict[str, Path]) -> None:
    customer = shop.customer()
    number = customer.checkout(customer.draft(poster_files))["number"]
    ref = customer.payable(number)["ref"]
    shop.provider.act(ref)
    unit = customer.at_rest(number)["units"][0]
    pdf, page = unit["artefacts"][0]["url"], unit["pages"][0]["url"]

    code, shown = orders(shop, "show", number.lower(), "--json")
    assert (code, json.loads(shown)["state"]) == (0, "delivered")
    code, told = orders(shop, "logs", number)
    assert code == 0
    assert [word for word in ("order.placed", "inputs.secured", "artefact.verified", "mail.accepted") if word in told]

    assert orders(shop, "refund", number, "--reason", "You changed your mind.")[0] == 0

    assert customer.at_rest(number)["state"] == "refunded"
    assert refunded(shop, ref)
    assert customer.http.get(pdf).status_code == 410
    assert customer.http.get(page).status_code == 200
    assert orders(shop, "refund", number, "--reason", "Again.")[0] == 1
    assert orders(shop, "retry", number, "--reason", "Again.")[0] == 1
    assert orders(shop, "show", "ORD-0000000000")[0] == 1


@pytest.mark.parametrize("place", ["posters.make:before", "verify:after", "grant:before"])
def test_a_refund_before_the_delivery_ends_the_making_and_nothing_is_delivered(
    shop: Shop, poster_files: dict[str, Path], place: str
) -> None:
    customer = shop.customer()
    number = customer.checkout(customer.draft(poster_files, title=place))["number"]
    ref = customer.payable(number)["ref"]
    shop.die_at(place)
    shop.provider.act(ref)
    shop.wait_for_death()

    assert orders(shop, "refund", number, "--reason", "You asked for it.")[0] == 0
    shop.start()

    order = customer.at_rest(number)
    assert (order["state"], order["units"][0]["delivery"]) == ("refunded", "abandoned")
    assert order["units"][0]["artefacts"] == []
    assert refunded(shop, ref)
    assert "obligation.delivered" not in [event["event"] for event in order["timeline"]]
