"""What goes back of several units is told of in one mail, and never later than an hour."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator

import pytest

from tests.payments.boats import PRICE, Bought, boat_shop
from tests.payments.parts import Hands
from tests.shops import Shop, until


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    with boat_shop(tmp_path_factory.mktemp("notices")) as running:
        yield running


@pytest.fixture(scope="module")
def hands(shop: Shop) -> Iterator[Hands]:
    with Hands(shop) as working:
        yield working


def test_units_that_are_given_back_one_by_one_are_told_of_at_once_when_nothing_is_made_any_more(
    shop: Shop, hands: Hands
) -> None:
    bought = Bought.held(shop, "two of three", quantity=3)
    for unit in (1, 2):
        hands.give_back(bought.number, (unit,))
        until(lambda unit=unit: bought.returned()[unit - 1] == PRICE, 30, "the money going back")  # type: ignore[misc]
    assert bought.mails("refunded") == 0

    bought.let_go()

    assert bought.at_rest()["state"] == "partly_delivered"
    until(lambda: bought.mails("refunded") == 1, 30, "the mail")


def test_what_has_waited_for_an_hour_is_told_of_though_the_rest_is_still_made(shop: Shop, hands: Hands) -> None:
    bought = Bought.held(shop, "one of two", quantity=2)
    hands.give_back(bought.number)
    until(lambda: bought.returned() == [PRICE, 0], 30, "the money going back")
    assert bought.mails("refunded") == 0

    with sqlite3.connect(shop.home / "shop.db", timeout=30) as database:
        database.execute("UPDATE refund SET settled_at = datetime(settled_at, '-61 minutes') WHERE untold")

    until(lambda: bought.mails("refunded") == 1, 30, "the mail")
    assert bought.seen()["units"][1]["delivery"] == "making"
    bought.let_go()
    assert bought.at_rest()["state"] == "partly_delivered"
    assert bought.mails("refunded") == 1
