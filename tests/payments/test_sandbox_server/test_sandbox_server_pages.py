"""The hosted page and the console, as browsers without JavaScript use them."""

from __future__ import annotations

import re
import threading
from typing import TYPE_CHECKING

import httpx
import pytest

if TYPE_CHECKING:
    from conftest import House


def test_a_double_submit_captures_once(house: House) -> None:
    payment = house.create()
    page = house.browser.get(payment["url"])
    assert 'name="attempts" value="0"' in page.text
    form = {"number": "4242424242424242", "expiry": "01/39", "cvc": "123", "name": "Ada", "attempts": "0"}
    answers: list[httpx.Response] = []
    threads = [threading.Thread(target=lambda: answers.append(httpx.post(payment["url"], data=form))) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {answer.headers["location"] for answer in answers} == {
        f"https://shop.example/paid?order=1&payment={payment['id']}"
    }
    assert house.entries(payment) == [("capture", 2900)]
    assert len(house.deliveries(payment)) == 1


@pytest.mark.parametrize("outcome", ["success", "delayed_success"])
def test_paying_again_from_a_page_that_counts_no_attempts_captures_once(house: House, outcome: str) -> None:
    payment = house.create()
    form = {"outcome": outcome, "delay": "60"}
    answers = [httpx.post(payment["url"], data=form) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [303, 303]
    assert answers[0].headers["location"] == answers[1].headers["location"]
    assert len(house.deliveries(payment)) == 1


def test_a_declined_card_submitted_twice_is_declined_once(house: House) -> None:
    payment = house.create()
    form = {"number": "4000000000000002", "expiry": "01/39", "cvc": "123", "name": "Ada", "attempts": "0"}
    for _ in range(2):
        assert house.browser.post(payment["url"], data=form).status_code == 303
    assert len(house.deliveries(payment)) == 1


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"number": "4012 8888 8888 1881"}, "Use a test card"),
        ({"number": "4242 4242 4242 4241"}, "Check the digits"),
        ({"number": "٤٢٤٢٤٢٤٢٤٢٤٢٤٢٤٢"}, "Check the digits"),
        ({"number": ""}, "Enter a card number"),
        ({"expiry": "01 / 20"}, "expired"),
        ({"expiry": "13 / 39"}, "01 to 12"),
        ({"expiry": "soon"}, "MM / YY"),
        ({"cvc": "12"}, "three digits"),
        ({"name": ""}, "name on the card"),
        ({"outcome": "steal"}, "Nothing was charged"),
        ({"delay": "nan"}, "0 to 600"),
        ({"webhook_delay": "1e9"}, "0 to 600"),
    ],
)
def test_a_wrong_form_is_explained_and_charges_nothing(house: House, changes: dict[str, str], words: str) -> None:
    payment = house.create()
    answer = house.submit(payment, **changes)
    assert answer.status_code == 422
    assert words in answer.text
    assert house.payment(payment)["status"] == "open"


def test_a_number_that_may_be_a_real_card_is_neither_shown_again_nor_kept(house: House) -> None:
    payment = house.create()
    assert "8888" not in house.submit(payment, number="4012 8888 8888 1881").text
    house.submit(payment)
    assert house.payment(payment)["card"] == "Visa •••• 4242"


@pytest.mark.parametrize("token", ["x", "", "ü"])
def test_a_payment_is_found_only_with_its_token(house: House, token: str) -> None:
    payment = house.create()
    address = payment["url"].rsplit("/", 1)[0] + "/" + token
    assert httpx.get(address).status_code == 404
    assert httpx.post(address, data={"outcome": "success"}).status_code in (404, 405)
    assert house.payment(payment)["status"] == "open"


def test_the_page_escapes_what_the_shop_sends_and_forbids_scripts(house: House) -> None:
    payment = house.create(description="<script>alert(1)</script>", return_url="https://shop.example:8443/paid#top")
    page = house.browser.get(payment["url"])
    assert "<script" not in page.text
    policy = page.headers["content-security-policy"]
    assert "default-src 'none'" in policy and "frame-ancestors 'none'" in policy
    assert "form-action 'self' https://shop.example https://shop.example:8443" in policy
    assert page.headers["cache-control"] == "no-store"
    answer = house.submit(payment)
    assert answer.headers["location"] == f"https://shop.example:8443/paid?payment={payment['id']}#top"


def test_the_console_is_shut_without_the_key(house: House) -> None:
    payment = house.paid()
    answer = httpx.get(house.base + "/")
    assert answer.status_code == 401
    assert payment["id"] not in answer.text
    assert httpx.get(house.base + "/?key=guess").status_code == 401
    assert httpx.post(house.base + "/sign-in", data={"api_key": "wrong"}).status_code == 401


def test_the_console_shows_what_happened_and_replays_only_with_its_token(house: House) -> None:
    payment = house.create(reference="ORD-SEEN")
    house.act(payment, "success", "never")
    house.refund(payment, 900)
    with httpx.Client(base_url=house.base, follow_redirects=True) as console:
        page = console.get(house.console)
        assert page.status_code == 200
        for words in (payment["id"], "ORD-SEEN", "€29.00", "€20.00", "suppressed", "RF-1"):
            assert words in page.text
        assert "ORD-SEEN" not in console.get("/?q=nothing-like-it").text
        delivery = house.deliveries(payment)[0]["id"]
        assert console.post(f"/deliveries/{delivery}/replay", data={"csrf": "guess"}).status_code == 403
        assert len(house.deliveries(payment)) == 2
        token = re.search(r'name="csrf" value="(\w+)"', page.text)
        assert token is not None
        assert console.post(f"/deliveries/{delivery}/replay", data={"csrf": token[1]}).status_code == 200
        assert httpx.post(f"{house.base}/deliveries/{delivery}/replay", data={"csrf": token[1]}).status_code == 403
    assert [found["behaviour"] for found in house.deliveries(payment)] == ["never", "normal", "replay"]
