"""kill -9 anywhere on the way of any kind of product: delivered once, charged once, stored once, told once."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import pytest

from makegood.testing import JOB_PLACES, PLATFORM_PLACES, CrashKit, Example, discovered, own_places
from tests.samples import mailboxes, notes, stickers, tunes
from tests.samples.post_office import PostOffice
from tests.shops import SAMPLES, MailServer, Shop


def sampled(places: Iterable[str]) -> list[Any]:
    """Where work was done and not yet recorded is tried each time; the other moments by night."""
    return [place if place.endswith(":after") else pytest.param(place, marks=pytest.mark.nightly) for place in places]


@pytest.fixture(scope="module")
def office(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PostOffice]:
    office = PostOffice(tmp_path_factory.mktemp("post-office"))
    office.start()
    yield office
    office.stop()


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory, office: PostOffice) -> Iterator[Shop]:
    mail = MailServer().start()
    folder = tmp_path_factory.mktemp("killed")
    with Shop(folder, sells=SAMPLES, mail=mail, MAILBOX_SERVER=office.url) as running:
        yield running
    mail.stop()


@pytest.mark.parametrize("place", [*PLATFORM_PLACES, *own_places(notes.product)])
def test_a_file(shop: Shop, place: str) -> None:
    CrashKit(shop, "notes", Example({"text": place})).survive(place)


@pytest.mark.parametrize("place", sampled(own_places(stickers.product)))
def test_a_batch(shop: Shop, place: str) -> None:
    CrashKit(shop, "stickers", Example({"motif": "moon"}), quantity=30).survive(place)


@pytest.mark.parametrize("place", sampled([*JOB_PLACES, *own_places(tunes.product)]))
def test_a_job_before_payment(shop: Shop, place: str) -> None:
    CrashKit(shop, "tunes", Example({"notes": 3})).survive(place)


@pytest.mark.parametrize("place", sampled(own_places(mailboxes.product)))
def test_a_term(shop: Shop, office: PostOffice, place: str) -> None:
    CrashKit(shop, "mailboxes", Example({"seconds": 3600}), outside=office.counts).survive(place)


@pytest.mark.nightly
@pytest.mark.parametrize("place", PLATFORM_PLACES)
@pytest.mark.parametrize("sample", ["stickers", "tunes", "mailboxes"])
def test_the_platforms_own_places_for_every_kind(shop: Shop, office: PostOffice, sample: str, place: str) -> None:
    outside = office.counts if sample == "mailboxes" else dict
    CrashKit(shop, sample, Example(), outside=outside).survive(place)


def test_the_places_of_a_product_are_what_a_run_of_it_passes() -> None:
    for sample in (notes, stickers, tunes):
        assert discovered(sample.product, Example()) == own_places(sample.product)
