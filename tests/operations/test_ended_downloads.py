"""An order whose files were kept for as long as was promised says so, and offers nothing that isn't there any more."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from makegood.app import Running
from tests.operations.note_shop import NoteShop, buy_note, obligation, page
from tests.shops import until

ENDED = "Its downloads have ended"


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[NoteShop]:
    with NoteShop(tmp_path_factory.mktemp("ended")) as running:
        yield running


@pytest.fixture(scope="module")
def office(shop: NoteShop) -> Iterator[Running]:
    with shop.beside() as running:
        yield running


def end_downloads(shop: NoteShop) -> None:
    with shop.beside(delivery_days=0, unheld_hours=0) as night:
        night.services.retention.run()


def test_the_page_says_that_the_downloads_have_ended_and_why(shop: NoteShop) -> None:
    customer = shop.customer()
    number = buy_note(shop, customer)
    url = customer.at_rest(number)["units"][0]["artefacts"][0]["url"]
    assert "ready to download" in page(customer, number)

    end_downloads(shop)

    said = page(customer, number)
    assert f"{ENDED} It was made and delivered. Its files were kept for as long as was promised." in said
    assert "ready to download" not in said
    assert customer.http.get(url).status_code == 410


def test_so_it_does_of_what_was_made_once_more(shop: NoteShop, office: Running) -> None:
    customer = shop.customer()
    (shop.control / "never").touch()
    number = buy_note(shop, customer)
    customer.at_rest(number)
    (shop.control / "never").unlink()
    office.services.operating.goodwill(obligation(office, number).id, "ann@shop.example", "We are sorry")
    until(lambda: customer.order(number)["units"][0]["artefacts"], 30, "the goodwill")
    assert "Here it is all the same" in page(customer, number)

    end_downloads(shop)

    said = page(customer, number)
    assert ENDED in said
    assert "Here it is" not in said


def test_what_never_had_downloads_has_none_that_ended(shop: NoteShop) -> None:
    customer = shop.customer()
    (shop.control / "hidden").touch()
    number = buy_note(shop, customer)
    assert customer.at_rest(number)["units"][0]["artefacts"] == []
    (shop.control / "hidden").unlink()

    end_downloads(shop)

    assert ENDED not in page(customer, number)
