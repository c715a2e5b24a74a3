"""A customer goes back from the payment page and orders something else of the same draft: what was asked for last is
what they pay for, and nothing that was asked for before can be paid any more."""

from __future__ import annotations

import contextlib
import json
import re
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from makegood.catalog.pricing import Price
from makegood.catalog.quotes import Quotes
from makegood.kernel.clock import SystemClock
from makegood.kernel.signing import Signer
from makegood.product_api import PriceLine
from tests.race.test_money import paid_elsewhere
from tests.race.test_money import promote as give_away
from tests.samples.post_office import PostOffice
from tests.shops import SAMPLES, Customer, MailServer, Shop, until

WRONG, RIGHT = "kmi@example.com", "kim@example.com"


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    office, mail = PostOffice(tmp_path_factory.mktemp("post-office")), MailServer().start()
    office.start()
    with Shop(tmp_path_factory.mktemp("shop"), sells=SAMPLES, mail=mail, MAILBOX_SERVER=office.url) as running:
        for code, uses in (("HALF", None), ("HALF-TOO", None), ("ONCE", "1"), ("GONE", "1"), ("TWICE", "2")):
            promote(running, code, *(["--uses", uses] if uses else []))
        yield running
    mail.stop()
    office.stop()


def promote(shop: Shop, code: str, *more: str) -> None:
    """A promotion that takes half off."""
    command = [sys.executable, "-m", "makegood.cli", "promotion", code, "--percent", "50", *more]
    subprocess.run(command, env=shop.env, check=True, capture_output=True)


@dataclass
class Waiting:
    """An order that waits for its payment."""

    customer: Customer
    draft: str
    number: str
    ref: str

    @property
    def state(self) -> str:
        return str(self.customer.order(self.number)["state"])

    def status(self) -> str:
        """What the provider says of its payment."""
        return str(self.customer.shop.provider.http.get(f"/v1/payments/{self.ref}").json()["status"])

    def refused(self, code: str, status: int, **wanted: Any) -> dict[str, Any]:
        """A checkout of the same draft that is refused."""
        body = {"email": wanted.pop("email", RIGHT), "quote": wanted.pop("quote", None) or self.quote(**wanted)}
        where, key = f"/api/v1/drafts/{self.draft}/checkout", {"Idempotency-Key": str(uuid.uuid4())}
        return self.customer.refused(status, code, "POST", where, json=body, headers=key)

    def quote(self, **wanted: Any) -> str:
        return self.customer.quote(self.draft, **wanted)


def waiting(customer: Customer, draft_id: str, **wanted: Any) -> Waiting:
    number = str(customer.checkout(draft_id, **wanted)["number"])
    return Waiting(customer, draft_id, number, str(customer.payable(number)["ref"]))


def ordered(shop: Shop, **wanted: Any) -> Waiting:
    customer = shop.customer()
    return waiting(customer, customer.draft({}, "notes"), **wanted)


def dearer(before: Waiting) -> str:
    """A quote that was made after the price went up."""
    draft = before.customer.expect(200, "GET", f"/api/v1/drafts/{before.draft}")
    signer = Signer((before.customer.shop.home / "secrets" / "secret").read_bytes())
    price = Price("USD", 1, (PriceLine("Note", 150),), 0, 0, 150)
    quotes = Quotes(signer, SystemClock(), timedelta(hours=1))
    return quotes.make(before.draft, draft["version"], None, price)[1]


@pytest.mark.parametrize(
    ("first", "then", "total"),
    [
        ({"email": WRONG}, {"email": RIGHT}, 100),
        ({"quantity": 1}, {"quantity": 3}, 300),
        ({"quantity": 3}, {"quantity": 1}, 100),
        ({}, {"promotion": "HALF"}, 50),
        ({"promotion": "HALF"}, {"promotion": "half-too"}, 50),
        ({"promotion": "HALF", "quantity": 2}, {"quantity": 1}, 100),
    ],
    ids=json.dumps,
)
def test_what_was_asked_for_last_is_what_is_paid_for(
    shop: Shop, first: dict[str, Any], then: dict[str, Any], total: int
) -> None:
    before = ordered(shop, **first)

    after = waiting(before.customer, before.draft, **then)

    assert after.number != before.number
    assert (before.state, before.status()) == ("cancelled", "expired")
    shop.provider.act(after.ref)
    order = before.customer.at_rest(after.number)
    assert (order["state"], order["total"]["minor"], len(order["units"])) == (
        "delivered",
        total,
        then.get("quantity", 1),
    )
    assert shop.provider.kept(order["payment"]["id"]) == total
    assert order["email"] == then.get("email", RIGHT)


def test_the_mails_go_to_the_address_that_was_corrected(shop: Shop) -> None:
    wrong, right = "typo@example.com", "corrected@example.com"
    before = ordered(shop, email=wrong)
    after = waiting(before.customer, before.draft, email=right)

    shop.provider.act(after.ref)

    assert shop.mail is not None
    until(lambda: any("is ready" in str(m["Subject"]) for m in shop.mail.to(right)), 30, "the mail")  # type: ignore[union-attr]
    assert shop.mail.to(wrong) == []


def test_another_price_is_another_order(shop: Shop) -> None:
    before = ordered(shop)

    after = waiting(before.customer, before.draft, quote=dearer(before))

    assert before.state == "cancelled"
    assert before.customer.order(after.number)["total"]["minor"] == 150


def test_a_renewal_and_a_new_term_are_two_orders(shop: Shop) -> None:
    customer = shop.customer()
    bought = customer.at_rest(customer.buy("mailboxes"))
    draft = customer.draft({}, "mailboxes")
    renewal = waiting(customer, draft, renews=bought["units"][0]["id"])
    assert customer.checkout(draft, renews=bought["units"][0]["id"])["number"] == renewal.number

    anew = waiting(customer, draft)

    assert renewal.state == "cancelled"
    shop.provider.act(anew.ref)
    [unit] = customer.at_rest(anew.number)["units"]
    assert unit["renews"] is None
    assert len(customer.order(bought["number"])["units"][0]["commitments"]) == 1


def test_the_same_again_is_the_same_order_and_stays_so_once_it_is_paid(shop: Shop) -> None:
    before = ordered(shop, promotion="HALF", email="Kim@Example.com")
    quote = before.quote(promotion="half")
    again = before.customer.checkout(before.draft, key="another key", quote=quote)
    assert again["number"] == before.number

    shop.provider.act(before.ref)
    before.customer.at_rest(before.number)

    assert before.customer.checkout(before.draft, key="another key", quote=quote)["number"] == before.number
    assert len(before.customer.expect(200, "GET", "/api/v1/orders")) == 1


def test_an_order_that_is_just_being_paid_is_named_instead(shop: Shop) -> None:
    before = ordered(shop, email=WRONG)
    shop.provider.act(before.ref, "delayed_success", delay=20)

    problem = before.refused("ORDER_OPEN", 409)

    assert problem["order"] == before.number
    assert before.number in problem["detail"]
    page = before.customer.http.get(f"/checkout/{before.draft}").text
    fields = dict(re.findall(r'name="(quote|idempotency_key)" value="([^"]+)"', page))
    form = {**fields, "email": RIGHT, "quantity": "1", "action": "pay"}
    answer = before.customer.http.post(f"/checkout/{before.draft}", data=form)
    assert answer.status_code == 409
    assert f'href="/orders/{before.number}"' in answer.text
    assert "its payment is under way" in answer.text
    assert before.customer.at_rest(before.number)["state"] == "delivered"
    assert len(before.customer.expect(200, "GET", "/api/v1/orders")) == 1


def test_an_order_that_was_paid_unheard_is_delivered_and_named_instead(tmp_path: Path) -> None:
    deaf = {"MAKEGOOD_SWEEP_SECONDS": "3600", "MAKEGOOD_RECONCILE_SECONDS": "3600"}
    with Shop(tmp_path, sells=SAMPLES, **deaf) as shop:
        before = ordered(shop, email=WRONG)
        shop.provider.act(before.ref, webhook="never")

        assert before.refused("ORDER_OPEN", 409)["order"] == before.number

        assert before.customer.at_rest(before.number)["state"] == "delivered"
        assert before.status() == "succeeded"


def test_what_would_be_refused_ends_nothing(shop: Shop) -> None:
    before = ordered(shop)
    quote = before.quote(promotion="GONE")
    ordered(shop, promotion="GONE")

    before.refused("PROMOTION_UNKNOWN", 422, quote=quote)
    before.refused("EMAIL_INVALID", 422, email="kim")

    assert (before.state, before.status()) == ("awaiting_payment", "open")


def test_the_last_use_of_a_promotion_passes_on_to_the_order_that_was_corrected_and_to_no_other(shop: Shop) -> None:
    other = shop.customer()
    theirs = Waiting(other, other.draft({}, "notes"), "", "")
    quoted = theirs.quote(promotion="ONCE")
    customer = shop.customer()
    draft = customer.draft({}, "notes")
    quote = customer.quote(draft, promotion="ONCE")
    before = waiting(customer, draft, email=WRONG, quote=quote)

    after = waiting(customer, draft, email=RIGHT, quote=quote)

    assert before.state == "cancelled"
    assert customer.order(after.number)["total"]["minor"] == 50
    # Whoever holds the last use may still be told the price with it, and of another quantity.
    last = waiting(customer, draft, email=RIGHT, quote=customer.quote(draft, promotion="once", quantity=2))
    assert (after.state, customer.order(last.number)["total"]["minor"]) == ("cancelled", 100)
    theirs.refused("PROMOTION_UNKNOWN", 422, quote=quoted)
    other.refused(422, "PROMOTION_UNKNOWN", "POST", f"/api/v1/drafts/{theirs.draft}/quote", json={"promotion": "ONCE"})


def test_who_does_not_pay_uses_no_promotion_up_and_who_pays_late_does(shop: Shop) -> None:
    left, others = ordered(shop, promotion="TWICE"), ordered(shop, promotion="TWICE")
    third, fourth = (Waiting(c, c.draft({}, "notes"), "", "") for c in (shop.customer(), shop.customer()))
    quoting = {"json": {"promotion": "TWICE"}}
    third.customer.refused(422, "PROMOTION_UNKNOWN", "POST", f"/api/v1/drafts/{third.draft}/quote", **quoting)

    for before in (left, others):
        shop.provider.http.post(f"/v1/payments/{before.ref}/expire").raise_for_status()
        until(lambda before=before: before.state == "cancelled", 20, "the end of an order that nobody paid for")

    quoted = fourth.quote(promotion="TWICE")
    after = waiting(third.customer, third.draft, promotion="TWICE")
    assert third.customer.order(after.number)["total"]["minor"] == 50
    # The money of one that was given up comes after all: sold is sold, and nobody else can have that use.
    paid_elsewhere(shop, reference=left.customer.order(left.number)["payment"]["id"], amount=50)
    until(lambda: left.state == "delivered", 20, "the delivery")
    fourth.refused("PROMOTION_UNKNOWN", 422, quote=quoted)


def test_a_kill_between_the_two_orders_charges_nothing_and_the_same_request_goes_on(tmp_path: Path) -> None:
    with Shop(tmp_path, sells=SAMPLES) as shop:
        promote(shop, "ONCE", "--uses", "1")
        before = ordered(shop, email=WRONG, promotion="ONCE")
        again = {"draft_id": before.draft, "key": "the same key", "quote": before.quote(promotion="ONCE")}
        shop.die_at("checkout:before")
        with pytest.raises(httpx.HTTPError):
            before.customer.checkout(**again)
        shop.wait_for_death()
        shop.start()
        assert (before.state, before.status()) == ("cancelled", "expired")

        after = waiting(before.customer, **again)

        shop.provider.act(after.ref)
        assert before.customer.at_rest(after.number)["state"] == "delivered"


def test_an_order_that_its_provider_never_takes_closes_when_its_time_is_up(tmp_path: Path) -> None:
    with Shop(tmp_path, sells=SAMPLES, MAKEGOOD_PAYMENT_MINUTES="0.05") as shop:
        promote(shop, "ONCE", "--uses", "1")
        refusing = {"next": 1000, "kind": "500", "path_prefix": "/v1/payments", "method": "POST"}
        shop.provider.http.post("/v1/test/faults", json=refusing).raise_for_status()
        customer = shop.customer()
        draft = customer.draft({}, "notes")

        number = customer.checkout(draft, promotion="ONCE")["number"]

        until(lambda: customer.order(number)["state"] == "cancelled", 30, "the end of what nobody can pay")
        customer.quote(draft, promotion="ONCE")


def test_a_free_order_that_had_to_wait_for_its_shop_is_delivered(tmp_path: Path) -> None:
    with Shop(tmp_path, sells=SAMPLES, MAKEGOOD_PAYMENT_MINUTES="0.01") as shop:
        give_away(shop, "GIFT")
        customer = shop.customer()
        draft = customer.draft({}, "notes")
        gift = {"draft_id": draft, "key": "the same key", "quote": customer.quote(draft, promotion="GIFT")}
        shop.die_at("request:before")
        with contextlib.suppress(httpx.HTTPError):
            customer.checkout(**gift)
        shop.wait_for_death()
        time.sleep(1)

        shop.start()

        assert customer.at_rest(customer.checkout(**gift)["number"])["state"] == "delivered"


def test_afterwards_the_books_are_true(shop: Shop) -> None:
    command = [sys.executable, "-m", "makegood.cli", "proof"]
    done = subprocess.run(command, env=shop.env, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout
