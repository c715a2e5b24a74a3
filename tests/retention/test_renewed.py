"""A term goes on for as long as somebody has paid for it, whichever order did: what it works on stays until then."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.samples.post_office import PostOffice
from tests.shops import Customer, Shop, until

HOUR = 3600
KEEPS_NOTHING = {
    "MAKEGOOD_PAID_INPUT_DAYS": "0", "MAKEGOOD_DELIVERY_DAYS": "0", "MAKEGOOD_UNHELD_HOURS": "0",
    "MAKEGOOD_RETENTION_SECONDS": "0.5",
}  # fmt: skip


@pytest.fixture(scope="module")
def office(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PostOffice]:
    office = PostOffice(tmp_path_factory.mktemp("post-office"))
    office.start()
    yield office
    office.stop()


@dataclass
class Cabinet:
    """A cabinet that was bought for an hour."""

    customer: Customer
    number: str
    reference: str

    @property
    def unit(self) -> dict[str, Any]:
        [unit] = self.customer.order(self.number)["units"]
        return dict(unit)

    def renew(self, *, pays: bool = True) -> str:
        """The number of an order that prolongs it by a day."""
        draft = self.customer.draft({}, "cabinets", seconds=24 * HOUR)
        number = str(self.customer.checkout(draft, renews=self.unit["id"], email=self.email)["number"])
        ref = self.customer.payable(number)["ref"]
        if pays:
            self.customer.shop.provider.act(ref)
            assert self.customer.at_rest(number)["state"] == "delivered"
        return number

    @property
    def email(self) -> str:
        return str(self.customer.order(self.number)["email"])

    def papers(self) -> tuple[int, str]:
        """How the shop answers who downloads what is in it."""
        urls = [artefact["url"] for artefact in self.unit["artefacts"] if artefact["name"] == "papers.txt"]
        answer = self.customer.http.get(urls[0]) if urls else None
        return (answer.status_code, answer.text) if answer else (0, "")


def bought(shop: Shop, office: PostOffice, text: str) -> Cabinet:
    customer, before = shop.customer(), set(office.ledger())
    paper = shop.home.parent / "paper.txt"
    paper.write_text(text)
    draft = customer.draft({"paper": paper}, "cabinets", seconds=HOUR)
    number = customer.checkout(draft, email=f"{text}@example.com")["number"]
    shop.provider.act(customer.payable(number)["ref"])
    assert customer.at_rest(number)["state"] == "delivered"
    [reference] = set(office.ledger()) - before
    return Cabinet(customer, number, reference)


@pytest.fixture
def shop(tmp_path: Path, office: PostOffice) -> Iterator[Shop]:
    env = {"MAILBOX_SERVER": office.url, "MAKEGOOD_PROBE_SECONDS": "0.3", "MAKEGOOD_PAYMENT_MINUTES": "240"}
    with Shop(tmp_path, sells=["tests.samples.cabinets"], **env) as running:
        yield running


def two_hours_later(shop: Shop, cabinet: Cabinet, **env: str) -> None:
    shop.restart(MAKEGOOD_TEST_CLOCK_SECONDS=str(2 * HOUR), **env)
    until(lambda: cabinet.unit["commitments"][0]["state"] == "over", 30, "the end of the period that it paid for")


def erase(shop: Shop, email: str) -> dict[str, Any]:
    command = [sys.executable, "-m", "makegood.cli", "privacy", "erase", "--email", email, "--json"]
    done = subprocess.run(command, env=shop.env, check=True, capture_output=True, text=True)
    return dict(json.loads(done.stdout))


def assert_restored(office: PostOffice, cabinet: Cabinet, text: str) -> None:
    """What is lost of it is made again, from what its customer gave."""
    office.lose(cabinet.reference)
    until(lambda: office.ledger()[cabinet.reference]["alive"], 30, "the restored mailbox")
    until(lambda: cabinet.unit["attempt"] == 2 and cabinet.papers()[0] == 200, 30, "its papers")
    assert cabinet.papers() == (200, text)
    assert [term["state"] for term in cabinet.unit["commitments"]] == ["over", "standing"]


def test_retention_keeps_what_a_renewed_term_works_on(shop: Shop, office: PostOffice) -> None:
    ended, renewed = bought(shop, office, "ended"), bought(shop, office, "renewed")
    renewed.renew()

    two_hours_later(shop, renewed, **KEEPS_NOTHING)

    until(lambda: ended.papers()[0] in (0, 410), 30, "the end of what nobody prolonged")
    assert renewed.papers() == (200, "renewed")
    assert_restored(office, renewed, "renewed")


def test_erasing_keeps_what_a_renewed_term_works_on_and_says_why(shop: Shop, office: PostOffice) -> None:
    cabinet = bought(shop, office, "erased")
    renewal = cabinet.renew()
    two_hours_later(shop, cabinet)

    said = erase(shop, "erased@example.com")

    assert said["orders"] == []
    assert any("is promised until" in reason for reason in said["kept"][cabinet.number])
    assert renewal in said["kept"]
    assert_restored(office, cabinet, "erased")


def test_what_a_renewal_that_may_still_be_paid_would_work_on_stays(shop: Shop, office: PostOffice) -> None:
    cabinet = bought(shop, office, "waiting")
    renewal = cabinet.renew(pays=False)
    two_hours_later(shop, cabinet, **KEEPS_NOTHING)

    said = erase(shop, "waiting@example.com")
    shop.provider.act(cabinet.customer.payable(renewal)["ref"])

    assert any("renewal" in reason for reason in said["kept"][cabinet.number])
    assert cabinet.customer.at_rest(renewal)["state"] == "delivered"
    assert cabinet.papers() == (200, "waiting")
    assert_restored(office, cabinet, "waiting")
