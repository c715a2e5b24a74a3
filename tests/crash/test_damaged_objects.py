"""What a disk has lost of a file that could be made again is made again: before its delivery and after it."""

from __future__ import annotations

import sqlite3
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from makegood.app import Running
from tests.operations.note_shop import NoteShop, buy_note, obligation, order_note
from tests.shops import until

ANN = "ann@shop.example"


def cut_short(path: Path) -> None:
    """As a power cut leaves what had a name and no bytes yet."""
    path.write_bytes(b"")


def overwritten(path: Path) -> None:
    path.write_bytes(b"?" * path.stat().st_size)


def unreadable(path: Path) -> None:
    """There, and whoever reads it is told of an I/O error."""
    path.unlink()
    path.symlink_to("/proc/self/mem")


needs_proc = pytest.mark.skipif(sys.platform != "linux", reason="only there is a file that can't be read by anybody")
DAMAGES = [cut_short, overwritten, pytest.param(unreadable, marks=needs_proc)]


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[NoteShop]:
    with NoteShop(tmp_path_factory.mktemp("damaged")) as running:
        yield running


@pytest.fixture(scope="module")
def office(shop: NoteShop) -> Iterator[Running]:
    with shop.beside() as running:
        yield running


def stored(shop: NoteShop, owed: str) -> Path:
    [path] = [path for path in (shop.home / "objects" / "artefacts" / owed).rglob("*") if path.is_file()]
    return path


@pytest.mark.parametrize("damage", DAMAGES)
def test_what_is_damaged_before_its_delivery_is_made_again(
    shop: NoteShop, office: Running, damage: Callable[[Path], None]
) -> None:
    customer = shop.customer()
    number = order_note(shop, customer)
    ref = customer.payable(number)["ref"]
    shop.die_at("notes.write:after")
    shop.provider.act(ref)
    shop.wait_for_death()
    owed = obligation(office, number).id
    path = stored(shop, owed)
    whole = path.read_bytes()
    damage(path)

    shop.start()

    order = customer.at_rest(number)
    assert order["state"] == "delivered"
    assert customer.http.get(order["units"][0]["artefacts"][0]["url"]).content == whole


@pytest.mark.parametrize("damage", DAMAGES)
def test_what_is_damaged_after_its_delivery_is_made_again_when_it_is_delivered_again(
    shop: NoteShop, office: Running, damage: Callable[[Path], None]
) -> None:
    customer = shop.customer()
    number = buy_note(shop, customer)
    url = customer.at_rest(number)["units"][0]["artefacts"][0]["url"]
    whole = customer.http.get(url).content
    owed = obligation(office, number).id
    damage(stored(shop, owed))

    assert office.services.operating.redeliver(owed, ANN, "The file does not open.")

    done = "SELECT count(*) FROM redelivery WHERE obligation_id = ? AND done_at IS NOT NULL"
    with sqlite3.connect(shop.home / "shop.db", timeout=30) as database:
        until(lambda: database.execute(done, [owed]).fetchone()[0] == 1, 30, "the redelivery")
    assert customer.http.get(url).content == whole


def test_whoever_fetches_a_file_that_was_cut_short_has_it_made_again(shop: NoteShop, office: Running) -> None:
    customer = shop.customer()
    number = buy_note(shop, customer)
    url = customer.at_rest(number)["units"][0]["artefacts"][0]["url"]
    whole = customer.http.get(url).content
    cut_short(stored(shop, obligation(office, number).id))

    assert customer.http.get(url).status_code == 503

    def answer() -> httpx.Response:
        return customer.http.get(url)

    until(lambda: answer().status_code == 200, 30, "the file being there again")
    assert answer().content == whole
