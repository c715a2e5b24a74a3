"""Money that was taken, mistaken or turned away at the till."""

from __future__ import annotations

import base64
import json
import time
import uuid

import httpx
import pytest

from makegood.catalog.models import Promotion
from tests.cases.corner import SECONDS, CornerShop, Office, checked_out, draft_of, notification, order, signature
from tests.shops import KEY, until

PRICE = 119
"""Minor units that a note costs with its tax."""


def promote(office: Office, code: str, percent: int, uses: int | None = None) -> str:
    """A new promotion; its code."""
    with office.parts.database.write() as session:
        session.add(Promotion(code=code, percent=percent, product_id=None, uses_left=uses, until=None))
    return code


def test_payment_download_flow(shop: CornerShop) -> None:
    bought = order(shop, text="from the till to the file")
    page = bought.page()
    assert "/d/" not in page
    bought.pay()

    [note] = bought.delivered()

    [url] = bought.urls()
    assert url.partition("/d/")[2] in bought.page()
    # Half of it first, then all of it, twice: the customer owns it, and no try uses it up.
    assert bought.customer.http.get(url, headers={"Range": "bytes=0-3"}).content == note[:4]
    assert [bought.customer.http.get(url).content for _ in range(2)] == [note, note]
    assert note.startswith(b"from the till to the file\n" + bought.number.encode())
    assert url in shop.mailed(bought.email, "is ready")


def test_an_order_marked_completed_before_anything_exists(shop: CornerShop) -> None:
    bought = order(shop, "engravings", b"not there yet")
    [given] = shop.stored(b"not there yet")
    away = given.rename(shop.home / "away")
    bought.pay()

    assert bought.waits_for() == "OBJECT_MISSING"

    seen = bought.seen()
    assert (seen["state"], seen["at_rest"], bought.urls()) == ("in_progress", False, [])
    assert bought.events("payment.succeeded") == 1
    assert "Download" not in bought.page()
    assert shop.mails(bought.email, "is ready") == []
    away.rename(given)
    assert bought.delivered() == [b"engraved: not there yet"]


def test_a_payment_for_one_order_unlocks_another(shop: CornerShop) -> None:
    mine, theirs = order(shop, text="same price"), order(shop, text="same price")
    mine.pay(webhook="never")
    wanted = {
        "reference": str(uuid.uuid4()), "amount": PRICE, "currency": "USD", "description": theirs.number,
        "return_url": shop.url, "cancel_url": shop.url, "expires_in": 3600,
        "metadata": {"order": theirs.number, "payment": theirs.reference},
    }  # fmt: skip
    foreign = shop.provider.http.post("/v1/payments", json=wanted).json()["id"]
    shop.provider.act(foreign)

    # Notified of the money for the one, and asked for the other by its return page.
    body = notification(mine.ref, metadata={"order": theirs.number})
    assert shop.notified(body, signature(body)).status_code == 200
    after = theirs.customer.expect(
        200, "POST", f"/api/v1/orders/{theirs.number}/settle", params={"payment": mine.ref, "ref": foreign}
    )

    assert after["state"] == "awaiting_payment"
    mine.delivered()
    seen = theirs.seen()
    assert (seen["state"], seen["units"][0]["delivery"]) == ("awaiting_payment", "waiting")
    theirs.customer.refused(404, "ORDER_NOT_FOUND", "GET", f"/api/v1/orders/{mine.number}")


def test_an_amount_that_the_browser_names(shop: CornerShop) -> None:
    customer = shop.customer()
    draft, other = draft_of(customer), draft_of(customer, text="another")
    quote = customer.quote(draft)
    body, dot, seal = quote.rpartition(".")
    told = base64.urlsafe_b64decode(body + "=" * (-len(body) % 4))
    cheaper = base64.urlsafe_b64encode(told.replace(b"100", b"001")).decode().rstrip("=")
    assert cheaper != body
    names = {"amount": 1, "total": 1, "total_minor": 1, "price": 1, "currency": "JPY"}

    def submit(draft_id: str, token: str) -> httpx.Response:
        wanted = {"email": "kim@example.com", "quote": token, **names}
        key = {"Idempotency-Key": str(uuid.uuid4())}
        return customer.http.post(f"/api/v1/drafts/{draft_id}/checkout", json=wanted, headers=key)

    for refused, code in (
        (submit(draft, f"{cheaper}{dot}{seal}"), "QUOTE_INVALID"),
        (submit(other, quote), "QUOTE_OUTDATED"),
    ):
        assert refused.json()["code"] == code
    customer.refused(422, "OPTION_INVALID", "PATCH", f"/api/v1/drafts/{draft}", json={"options": {"price": 1}})
    assert customer.expect(200, "GET", "/api/v1/orders") == []

    taken = submit(draft, quote)

    assert taken.status_code == 201
    found = customer.payable(taken.json()["number"])
    [asked] = shop.provider.payments(found["payment"]["id"])
    assert (asked["amount"], asked["currency"]) == (PRICE, "USD")


def test_tax_added_twice_and_shown_charged_and_invoiced_that_differ(shop: CornerShop, office: Office) -> None:
    code = promote(office, "TENTH", 10)
    customer = shop.customer()
    draft = draft_of(customer, text="three of them")
    quote = customer.expect(200, "POST", f"/api/v1/drafts/{draft}/quote", json={"quantity": 3, "promotion": code})
    shown = {name: quote[name]["minor"] for name in ("discount", "tax", "total")}
    assert shown == {"discount": 30, "tax": 51, "total": 321}

    bought = checked_out(shop, customer, draft, quote=quote["token"])

    assert {name: bought.seen()[name]["minor"] for name in shown} == shown
    [asked] = shop.provider.payments(bought.reference)
    assert asked["amount"] == 321
    bought.pay()
    bought.delivered()
    said = next(text for text in until(lambda: all_mails(shop, bought.email), SECONDS, "the mails") if "Tax" in text)
    assert all(amount in said for amount in ("$0.30", "$0.51", "$3.21"))
    assert all(amount in bought.page() for amount in ("$0.30", "$0.51", "$3.21"))
    office.refunds(bought.number)
    until(lambda: shop.provider.kept(bought.reference) == 0, SECONDS, "the refund")
    assert sum(unit["returned"]["minor"] for unit in bought.at_rest()["units"]) == 321


def all_mails(shop: CornerShop, email: str) -> list[str]:
    """The texts of the mails to this address, once there are a receipt and a delivery."""
    found = shop.mails(email, "")
    return found if len(found) > 1 else []


def test_a_verification_that_is_replayed_for_a_second_order(shop: CornerShop) -> None:
    first, second = order(shop, text="paid once"), order(shop, text="never paid")
    first.pay(webhook="never")
    body = notification(first.ref)
    seal = signature(body)
    assert shop.notified(body, seal).json()["new"]
    files = first.delivered()

    answers = [shop.notified(body, seal) for _ in range(3)]
    # The same proof of payment, told of the other order.
    again = json.dumps({**json.loads(body), "data": {"payment": {"id": second.ref}}}).encode()
    answers.append(shop.notified(again, signature(again)))

    assert [(answer.status_code, answer.json()["new"]) for answer in answers] == [(200, False)] * 4
    assert shop.notified(again, seal).status_code == 400
    assert first.delivered() == files
    assert second.seen()["state"] == "awaiting_payment"


def test_a_webhook_error_that_is_answered_200(shop: CornerShop) -> None:
    bought = order(shop)
    body = notification(bought.ref)
    assert shop.notified(body, "t=1,v1=forged").status_code == 400
    shop.sql("ALTER TABLE payment_event RENAME TO kept")
    try:
        answer = shop.notified(body, signature(body))
        bought.pay()
        first_try = until(lambda: tries(shop, bought.ref), SECONDS, "the provider's first try")[0]
    finally:
        shop.sql("ALTER TABLE kept RENAME TO payment_event")

    assert answer.status_code >= 500
    assert first_try["status"] >= 500
    assert len(bought.delivered()) == 1
    until(shop.is_healthy, SECONDS, "health after the repair")
    again = shop.notified(body, signature(body))
    assert (again.status_code, again.json()["new"]) == (200, True)


def tries(shop: CornerShop, ref: str) -> list[dict[str, int]]:
    """The provider's tries to tell of a payment, oldest first."""
    deliveries = shop.provider.http.get("/v1/deliveries", params={"payment": ref}).json()["data"]
    return [each for delivery in deliveries for each in delivery["tries"]]


def test_a_webhook_that_is_verified_over_re_serialised_json(shop: CornerShop) -> None:
    bought = order(shop)
    bought.pay(webhook="never")
    event = json.loads(notification(bought.ref))
    raw = b'{ "note": "caf\\u00e9 1.0", "amount": 1.00,\n' + json.dumps(event, indent=3).encode()[1:]
    changed = json.dumps(json.loads(raw)).encode()
    assert changed != raw

    refused = shop.notified(changed, signature(raw))
    taken = shop.notified(raw, signature(raw))

    assert (refused.status_code, refused.json()["code"]) == (400, "SIGNATURE_INVALID")
    assert (taken.status_code, taken.json()["new"]) == (200, True)
    bought.delivered()


def test_a_webhook_that_is_verified_with_the_api_key(shop: CornerShop) -> None:
    bought = order(shop)
    body = notification(bought.ref)

    answer = shop.notified(body, signature(body, KEY))

    assert (answer.status_code, answer.json()["code"]) == (400, "SIGNATURE_INVALID")
    assert bought.seen()["state"] == "awaiting_payment"


def test_a_replay_marker_that_is_set_before_the_work(shop: CornerShop) -> None:
    bought = order(shop, text="noted, then killed")
    shop.die_at("inbox:after")
    bought.pay()
    shop.wait_for_death()

    shop.start()

    assert len(bought.delivered()) == 1
    event = (
        f"SELECT handled_at IS NOT NULL, outcome FROM payment_event WHERE provider_ref = '{bought.ref}'"
        " AND kind = 'payment.succeeded'"
    )
    until(lambda: shop.sql(event) == [(1, "settled")], SECONDS, "the notification being handled")


@pytest.mark.parametrize(
    "told",
    [
        {"type": "payment.failed", "data": {"payment": {"id": "", "status": "failed", "error": "declined"}}},
        {"type": "checkout.session.completed", "data": {"object": {"payment_status": "unpaid", "payment": ""}}},
        {"event": "payment.captured", "data": {"payment": {"id": "", "entity": {"status": None}}}},
    ],
    ids=lambda told: str(told.get("type") or told.get("event")),
)
def test_a_success_that_is_booked_as_a_failure(shop: CornerShop, told: dict[str, object]) -> None:
    bought = order(shop)
    bought.pay(webhook="never")
    body = notification(bought.ref, **json.loads(json.dumps(told).replace('""', json.dumps(bought.ref))))

    assert shop.notified(body, signature(body)).status_code == 200

    bought.delivered()
    assert bought.events("payment.failed") == 0


def test_a_hundred_percent_promotion_that_is_refused(shop: CornerShop, office: Office) -> None:
    code = promote(office, "GIFT", 100)
    customer = shop.customer()
    number = customer.checkout(draft_of(customer, text="a gift"), promotion=code)["number"]

    done = customer.at_rest(number)

    assert (done["state"], done["total"]["minor"]) == ("delivered", 0)
    assert shop.provider.payments(done["payment"]["id"]) == []
    assert customer.http.get(done["units"][0]["artefacts"][0]["url"]).text.startswith("a gift")


def test_what_is_paid_and_then_refused(shop: CornerShop, office: Office) -> None:
    code = promote(office, "LASTONE", 50, uses=1)
    customer = shop.customer()
    draft = draft_of(customer, "engravings", b"bought in time")
    bought = checked_out(shop, customer, draft, promotion=code)
    # All that could be held against it by the time that the money comes.
    shop.sql(f"UPDATE draft SET expires_at = '2020-01-01' || substr(expires_at, 11) WHERE id = '{draft}'")
    shop.sql(f"DELETE FROM promotion WHERE code = '{code}'")
    office.cleans_up()

    bought.pay()

    assert bought.delivered() == [b"engraved: bought in time"]


def test_a_session_that_ends_before_the_money_arrives(shop: CornerShop) -> None:
    bought = order(shop, text="by bank transfer")
    bought.pay(outcome="delayed_success", delay=6, webhook="never")
    past = "'2020-01-01' || substr(expires_at, 11)"
    shop.sql(f"UPDATE payment SET expires_at = {past} WHERE id = '{bought.reference}'")
    time.sleep(0.7)
    assert bought.seen()["state"] == "awaiting_payment"
    cookies = dict(bought.customer.http.cookies)
    bought.customer.http.cookies.clear()

    told = shop.mailed(bought.email, "is ready")

    [link] = [word for word in told.split() if "/d/" in word]
    assert httpx.get(link).text.startswith("by bank transfer")
    bought.customer.http.cookies.update(cookies)
    bought.delivered()
