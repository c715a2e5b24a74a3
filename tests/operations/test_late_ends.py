"""An end that comes too late, of an attempt that was overtaken or of a deadline, takes nothing from who has it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from makegood.app import Running
from makegood.engine import WorkState
from makegood.fulfillment.sweep import FulfillmentSweep
from makegood.fulfillment.telling import Telling
from makegood.orders.models import Obligation
from tests.operations.note_shop import NoteShop, buy_note, mails, obligation
from tests.shops import Customer, until

ANN = "ann@shop.example"


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[NoteShop]:
    with NoteShop(tmp_path_factory.mktemp("late")) as running:
        yield running


@pytest.fixture(scope="module")
def office(shop: NoteShop) -> Iterator[Running]:
    """The operators' parts of the shop, in this process."""
    with shop.beside() as running:
        yield running


@pytest.fixture(autouse=True)
def nothing_goes_wrong(shop: NoteShop) -> Iterator[None]:
    yield
    shop.goes_well()


@pytest.fixture
def by_hand(tmp_path: Path) -> Path:
    """What an operator brings."""
    file = tmp_path / "note.txt"
    file.write_text("By hand")
    return file


def being_made(shop: NoteShop, customer: Customer, office: Running) -> tuple[str, Obligation]:
    """A note on which an attempt is at work until `wait` is gone."""
    (shop.control / "wait").touch()
    number = buy_note(shop, customer)
    until((shop.control / "waiting").exists, 20, "the making")
    return number, obligation(office, number)


def stays_delivered(shop: NoteShop, customer: Customer, office: Running, number: str) -> None:
    order = customer.order(number)
    assert (order["state"], order["units"][0]["money"]) == ("delivered", "kept")
    assert customer.http.get(order["units"][0]["artefacts"][0]["url"]).text == "By hand"
    assert sorted(mails(shop, office, number)) == ["delivered", "receipt"]
    assert shop.provider.kept(order["payment"]["id"]) == 100


def test_an_overtaken_attempt_that_can_never_make_it_gives_nothing_back(
    shop: NoteShop, office: Running, by_hand: Path
) -> None:
    customer = shop.customer()
    number, owed = being_made(shop, customer, office)
    assert office.services.operating.complete(owed.id, [by_hand], ANN, "It takes too long")

    (shop.control / "never").touch()
    (shop.control / "wait").unlink()

    ended = WorkState.ENDED
    until(lambda: office.services.engine.state(owed.work) is ended, 20, "the end of the attempt")
    stays_delivered(shop, customer, office, number)


class Interrupted:
    """A clock whose first look is interrupted, and which then stands behind every deadline."""

    def __init__(self, by: Callable[[], object]) -> None:
        self._by: Callable[[], object] | None = by

    def now(self) -> datetime:
        by, self._by = self._by, None
        if by is not None:
            by()
        return datetime.now(UTC) + timedelta(days=1)


def test_what_is_delivered_while_the_sweep_looks_at_deadlines_is_not_given_back(
    shop: NoteShop, office: Running, by_hand: Path
) -> None:
    customer, parts = shop.customer(), office.services
    number, owed = being_made(shop, customer, office)
    clock = Interrupted(lambda: parts.operating.complete(owed.id, [by_hand], ANN, "It takes too long"))
    telling = Telling(parts.mailer, parts.links, parts.products)

    # It has read what is owed, and looks at the time.
    FulfillmentSweep(parts.database, parts.engine, clock, parts.obligations, telling).run()

    stays_delivered(shop, customer, office, number)
