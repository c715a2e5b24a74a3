"""kill -9 around the making of a poster, an order, an upload and a refund. Every place of the platform's own is in
tests/testing/test_crash_kit.py, on a product that is made faster."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from makegood.products.posters import product as posters
from makegood.testing import PLATFORM_PLACES, CrashKit, Example, own_places
from tests.shops import Shop


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    with Shop(tmp_path_factory.mktemp("killed")) as running:
        yield running


@pytest.fixture(autouse=True)
def _alive(shop: Shop) -> None:
    """A test that failed while the shop was dead takes no other with it."""
    if shop.is_dead:
        shop.start()


@pytest.mark.parametrize(
    "place", [*own_places(posters.product), *(pytest.param(p, marks=pytest.mark.nightly) for p in PLATFORM_PLACES)]
)
def test_an_order_survives_a_kill(shop: Shop, poster_files: dict[str, Path], place: str) -> None:
    order = CrashKit(shop, "posters", Example({"title": place}, poster_files)).survive(place)

    [unit] = order["units"]
    assert len({artefact["sha256"] for artefact in unit["artefacts"]}) == 3


def test_a_kill_before_the_order_is_committed_leaves_nothing_and_after_it_leaves_one(
    shop: Shop, poster_files: dict[str, Path]
) -> None:
    shop.die_at("checkout:before")
    customer = shop.customer()
    draft = customer.draft(poster_files)
    with pytest.raises(httpx.HTTPError):
        customer.checkout(draft, key="the-same-key")
    shop.wait_for_death()
    shop.start()
    shop.die_at("checkout:after")
    assert customer.expect(200, "GET", "/api/v1/orders") == []
    with pytest.raises(httpx.HTTPError):
        customer.checkout(draft, key="the-same-key")
    shop.wait_for_death()
    shop.start()
    [known] = customer.expect(200, "GET", "/api/v1/orders")

    again = customer.checkout(draft, key="another-key")

    assert again["number"] == known["number"]
    shop.provider.act(customer.payable(known["number"])["ref"])
    assert customer.at_rest(known["number"])["state"] == "delivered"


def test_a_kill_between_storing_an_upload_and_its_row_loses_nothing_that_was_acknowledged(
    shop: Shop, poster_files: dict[str, Path]
) -> None:
    shop.die_at("upload:stored")
    customer = shop.customer()
    draft = customer.expect(201, "POST", "/api/v1/drafts", json={"product": "posters"})["id"]
    where = f"/api/v1/drafts/{draft}/files/photo"
    with pytest.raises(httpx.HTTPError):
        customer.http.put(where, content=poster_files["photo"].read_bytes())
    shop.wait_for_death()
    shop.start()
    assert customer.expect(200, "GET", f"/api/v1/drafts/{draft}")["missing"] == ["photo", "sound"]
    customer.expect(200, "PUT", where, content=poster_files["photo"].read_bytes())
    assert customer.expect(200, "GET", f"/api/v1/drafts/{draft}")["missing"] == ["sound"]


@pytest.mark.parametrize("place", ["refund:recorded", "refund:before", "refund:after"])
def test_a_refund_survives_a_kill(shop: Shop, poster_files: dict[str, Path], place: str) -> None:
    shop.restart(MAKEGOOD_DEADLINE_HOURS="0.0005")
    shop.die_at(place)
    customer = shop.customer()
    draft = customer.draft(poster_files)
    files = customer.expect(200, "GET", f"/api/v1/drafts/{draft}")["files"]
    number = customer.checkout(draft)["number"]
    ref = customer.payable(number)["ref"]
    for stored in (shop.home / "objects" / "uploads" / files["sound"]["asset_id"]).iterdir():
        stored.unlink()

    shop.provider.act(ref)
    shop.wait_for_death()
    shop.start()

    order = customer.at_rest(number)
    assert order["state"] == "refunded"
    [paid] = shop.provider.payments(order["payment"]["id"])
    assert (paid["amount_captured"], paid["amount_refunded"]) == (299, 299)
    refunds = shop.provider.http.get("/v1/refunds", params={"payment": ref}).json()["data"]
    assert [refund["amount"] for refund in refunds] == [299]
