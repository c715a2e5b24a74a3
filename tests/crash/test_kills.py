"""kill -9 at every step of an order: delivered once, charged once."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.shops import Shop

STEPS = ["claim", "secure", "posters.make", "verify", "grant"]
MOMENTS = ["before", "after", "recorded"]
BEFORE_MAKING = [
    "request:before", "request:after", "settle:before", "settle:within", "settle:after", "inbox:before", "inbox:after",
    "handle:before", "handle:after", "mail:accepted",
]  # fmt: skip
PLACES = BEFORE_MAKING + [f"{step}:{moment}" for step in STEPS for moment in MOMENTS]


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    with Shop(tmp_path_factory.mktemp("killed")) as running:
        yield running


@pytest.fixture(autouse=True)
def _alive(shop: Shop) -> None:
    """A test that failed while the shop was dead takes no other with it."""
    if shop.is_dead:
        shop.start()


@pytest.mark.parametrize("place", PLACES)
def test_an_order_survives_a_kill(shop: Shop, poster_files: dict[str, Path], place: str) -> None:
    shop.die_at(place)
    customer = shop.customer()
    draft = customer.draft(poster_files, title=place)
    try:
        number = customer.checkout(draft, key=place)["number"]
    except httpx.HTTPError:
        # The work that the order enqueues may kill the shop before its answer is out; the same key asks again.
        shop.wait_for_death()
        shop.start()
        number = customer.checkout(draft, key=place)["number"]
    try:
        ref = customer.payable(number)["ref"]
    except httpx.HTTPError:
        # It died before there was anything to pay; the customer comes back when the shop does.
        shop.wait_for_death()
        shop.start()
        shop.provider.act(customer.payable(number)["ref"])
    else:
        shop.provider.act(ref)
        shop.wait_for_death()
        shop.start()

    order = customer.at_rest(number)

    assert order["state"] == "delivered"
    assert shop.provider.captures(order["payment"]["id"]) == 1
    assert shop.provider.kept(order["payment"]["id"]) == order["total"]["minor"]
    [unit] = order["units"]
    assert len({artefact["sha256"] for artefact in unit["artefacts"]}) == 3
    for artefact in unit["artefacts"]:
        assert len(customer.http.get(artefact["url"]).content) == artefact["size"]
    mails = [event for event in order["timeline"] if event["event"] == "obligation.delivered"]
    assert len(mails) == 1


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
