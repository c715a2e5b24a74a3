"""The address that an earlier shop's clients know: 402 until it is paid, then the same answer any number of times."""

from __future__ import annotations

from pathlib import Path

from tests.shops import Shop, until


def test_completing_an_order_tells_its_owner_what_there_is(shop: Shop, poster_files: dict[str, Path]) -> None:
    customer = shop.customer()
    number = customer.checkout(customer.draft(poster_files))["number"]
    where = f"/api/orders/{number}/complete"
    ref = customer.payable(number)["ref"]
    customer.refused(402, "PAYMENT_REQUIRED", "POST", where)
    shop.customer().refused(404, "ORDER_NOT_FOUND", "POST", where)
    shop.provider.act(ref)
    customer.at_rest(number)
    until(lambda: customer.expect(200, "POST", where)["email_sent"], 20, "the acceptance of the mail")

    answers = [customer.expect(200, "POST", where) for _ in range(3)]

    assert answers[0] == answers[1] == answers[2]
    assert (answers[0]["order_id"], answers[0]["status"], answers[0]["email"]) == (
        number, "delivered", "kim@example.com",
    )  # fmt: skip
    assert answers[0]["email_sent"] is True
    assert customer.http.get(answers[0]["download_url"]).content.startswith(b"%PDF-")


def test_a_coarse_photo_is_warned_about_before_it_is_paid_for(shop: Shop, poster_files: dict[str, Path]) -> None:
    customer = shop.customer()
    draft = customer.draft(poster_files, page="24x36in")

    seen = customer.expect(200, "GET", f"/api/v1/drafts/{draft}")

    assert seen["problem"] is None
    assert ["dots per inch" in warning for warning in seen["warnings"]] == [True]
