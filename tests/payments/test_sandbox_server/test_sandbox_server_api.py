"""The API: idempotency, refunds, disputes, lists, faults, and what hostile callers send."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import httpx
import pytest

if TYPE_CHECKING:
    from conftest import House


def test_one_key_and_body_makes_one_payment(house: House) -> None:
    first = house.post("/v1/payments", house.body(), **{"Idempotency-Key": "k1"})
    again = house.post("/v1/payments", house.body(), **{"Idempotency-Key": "k1"})
    assert first.status_code == again.status_code == 201
    assert first.json() == again.json()
    assert len(house.get("/v1/payments")["data"]) == 1


def test_one_key_with_another_body_is_refused(house: House) -> None:
    house.post("/v1/payments", house.body(), **{"Idempotency-Key": "k1"})
    other = house.post("/v1/payments", house.body(amount=1), **{"Idempotency-Key": "k1"})
    assert (other.status_code, other.json()["error"]["code"]) == (409, "idempotency_conflict")


def test_the_same_key_on_another_path_is_another_key(house: House) -> None:
    one, two = house.paid(), house.paid()
    refunds = [house.refund(payment, 100, **{"Idempotency-Key": "k1"}) for payment in (one, two)]
    assert [refund.status_code for refund in refunds] == [201, 201]
    assert refunds[0].json()["id"] != refunds[1].json()["id"]


def test_a_key_is_forgotten_after_a_day_so_the_shop_has_to_look_up(house: House) -> None:
    payment = house.paid()
    first = house.refund(payment, 100, **{"Idempotency-Key": "k1"}).json()
    house.clock.offset = timedelta(hours=23)
    assert house.refund(payment, 100, **{"Idempotency-Key": "k1"}).json() == first
    house.clock.offset = timedelta(hours=25)
    assert house.refund(payment, 100, **{"Idempotency-Key": "k1"}).json()["id"] != first["id"]
    found = house.get("/v1/refunds", reference="RF-1")["data"]
    assert len(found) == 2


def test_many_threads_with_one_key_make_one_refund(house: House) -> None:
    payment = house.paid()
    answers: list[httpx.Response] = []
    threads = [
        threading.Thread(target=lambda: answers.append(house.refund(payment, 100, **{"Idempotency-Key": "k"})))
        for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {answer.json()["id"] for answer in answers} == {house.get("/v1/refunds")["data"][0]["id"]}
    assert house.entries(payment) == [("capture", 2900), ("refund", 100)]


def test_two_refunds_of_one_reference_without_a_key_are_two_refunds(house: House) -> None:
    payment = house.paid()
    assert [house.refund(payment, 1000).status_code for _ in range(2)] == [201, 201]
    assert house.payment(payment)["amount_refunded"] == 2000


def test_no_more_is_refunded_than_was_captured_even_at_once(house: House) -> None:
    payment = house.paid()
    answers: list[int] = []
    threads = [
        threading.Thread(target=lambda: answers.append(house.refund(payment, 1000).status_code)) for _ in range(6)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(answers) == [201, 201, 409, 409, 409, 409]
    over = house.refund(payment, 901)
    assert (over.status_code, over.json()["error"]["code"]) == (409, "over_refund")
    assert house.refund(payment, 900).status_code == 201
    assert house.get("/v1/ledger")["sums"] == {"EUR": {"captured": 2900, "refunded": 2900, "charged_back": 0, "net": 0}}


def test_what_was_not_captured_is_not_refunded(house: House) -> None:
    assert house.refund(house.create(), 1).json()["error"]["code"] == "over_refund"


@pytest.mark.parametrize(("outcome", "moved"), [("succeeded", [("refund", 500)]), ("failed", [])])
def test_a_pending_refund_counts_against_the_rest_until_it_ends(
    house: House, eventually: Callable[..., Any], outcome: str, moved: list[tuple[str, int]]
) -> None:
    payment = house.paid()
    house.post("/v1/test/refund_outcomes", {"next": 1, "outcome": outcome, "delay": 0.5})
    refund = house.refund(payment, 500).json()
    assert refund["status"] == "pending"
    assert house.refund(payment, 2401).status_code == 409
    eventually(lambda: house.get(f"/v1/refunds/{refund['id']}")["status"] == outcome)
    assert house.entries(payment)[1:] == moved
    eventually(lambda: house.shop.heard(f"refund.{outcome}"))


def test_a_refund_from_the_dashboard_has_no_reference_and_is_told(house: House, eventually: Callable[..., Any]) -> None:
    payment = house.paid()
    refund = house.post(f"/v1/test/payments/{payment['id']}/refund_from_dashboard").json()
    assert (refund["amount"], refund["reference"], refund["source"]) == (2900, None, "dashboard")
    assert [found["id"] for found in house.get("/v1/refunds", payment=payment["id"])["data"]] == [refund["id"]]
    eventually(lambda: house.shop.heard("refund.succeeded"))


@pytest.mark.parametrize(("outcome", "charged_back", "refundable"), [("won", 0, 2900), ("lost", 2900, 0)])
def test_a_dispute_holds_the_money_until_it_is_closed(
    house: House, eventually: Callable[..., Any], outcome: str, charged_back: int, refundable: int
) -> None:
    payment = house.paid()
    path = f"/v1/test/payments/{payment['id']}/dispute"
    assert house.post(path, {"action": "open"}).json()["status"] == "open"
    assert house.payment(payment)["disputed"] is True
    assert house.refund(payment, 1).json()["error"]["code"] == "payment_disputed"
    assert house.post(path, {"action": "open"}).status_code == 409
    assert house.post(path, {"action": "close", "outcome": outcome}).json()["status"] == outcome
    assert house.get("/v1/ledger")["sums"]["EUR"]["charged_back"] == charged_back
    assert house.refund(payment, 2900).status_code == (201 if refundable else 409)
    eventually(lambda: house.shop.heard("dispute.opened") and house.shop.heard("dispute.closed"))


def test_the_shop_expires_what_is_not_paid_and_only_that(house: House) -> None:
    payment = house.create()
    expired = house.post(f"/v1/payments/{payment['id']}/expire")
    assert (expired.json()["status"], expired.json()["final"]) == ("expired", True)
    assert house.post(f"/v1/payments/{payment['id']}/expire").status_code == 200
    assert house.post(f"/v1/payments/{house.paid()['id']}/expire").status_code == 409
    under_way = house.create()
    house.act(under_way, "delayed_success", delay=60)
    assert house.post(f"/v1/payments/{under_way['id']}/expire").status_code == 409


def test_lists_come_oldest_first_in_pages_that_miss_and_repeat_nothing(house: House) -> None:
    made = [house.create(reference=f"R{number % 2}")["id"] for number in range(7)]
    seen: list[str] = []
    cursor: dict[str, str] = {}
    while True:
        page = house.get("/v1/payments", limit=3, **cursor)
        seen += [payment["id"] for payment in page["data"]]
        if page["next_cursor"] is None:
            break
        cursor = {"cursor": page["next_cursor"]}
    assert seen == made
    assert [payment["id"] for payment in house.get("/v1/payments", reference="R1")["data"]] == made[1::2]
    created = house.payment({"id": made[0]})["created"]
    assert len(house.get("/v1/payments", created_after=created)["data"]) == 7
    assert house.get("/v1/payments", created_after=created + 3600)["data"] == []


@pytest.mark.parametrize(
    ("fault", "made"),
    [
        ({"kind": "500"}, 0),
        ({"kind": "after_commit_500"}, 1),
        ({"kind": "timeout", "seconds": 0.1}, 0),
        ({"kind": "timeout", "seconds": 0.1, "when": "after"}, 1),
        ({"kind": "connection_drop"}, 0),
        ({"kind": "connection_drop", "when": "after"}, 1),
    ],
)
def test_faults_strike_before_or_after_the_call_took_effect(house: House, fault: dict[str, Any], made: int) -> None:
    house.post("/v1/test/faults", {"next": 1, "path_prefix": "/v1/payments", "method": "POST", **fault})
    assert house.get("/v1/payments")["data"] == [], "a GET is not meant"
    if "500" in fault["kind"]:
        assert house.post("/v1/payments", house.body()).status_code == 500
    else:
        with pytest.raises(httpx.RemoteProtocolError):
            house.post("/v1/payments", house.body())
    assert len(house.get("/v1/payments")["data"]) == made
    house.create()


@pytest.mark.parametrize("key", [None, "wrong", "sk_test_of_the_tests_onl", "schlüssel"])
def test_without_the_key_nothing_is_told(house: House, key: str | None) -> None:
    headers = {} if key is None else {"Authorization": f"Bearer {key}".encode()}
    for path in ("/v1/payments", "/v1/ledger", "/v1/test/faults", "/v1/deliveries"):
        answer = httpx.get(house.base + path, headers=headers)
        assert (answer.status_code, answer.json()["error"]["code"]) == (401, "unauthorized")


@pytest.mark.parametrize(
    "raw",
    [
        b"", b"{", b"[]", b"\xff\xfe", b'{"amount": NaN}', b'{"amount": 1, "amount": 2}', b"[" * 30_000,
        b'{"amount": ' + b"9" * 5000 + b"}", b"null",
    ],
    ids=["empty", "cut", "array", "not-utf8", "nan", "repeated", "deep", "digits", "null"],
)  # fmt: skip
def test_what_is_not_a_json_object_is_refused(house: House, raw: bytes) -> None:
    answer = house.api.post("/v1/payments", content=raw)
    assert answer.status_code == (422 if raw == b"" else 400)
    assert house.get("/v1/payments")["data"] == []


def test_a_body_that_is_too_long_is_refused(house: House) -> None:
    assert house.api.post("/v1/payments", content=b" " * 70_000).status_code == 413


@pytest.mark.parametrize(
    ("field", "value"),
    [
        *[("amount", value) for value in ("2900", True, -1, 0, 29.0, 10**12, 10**30, None, [1])],
        *[("currency", value) for value in ("XXX", "eur", "EURO", "", 978, None)],
        *[("reference", value) for value in ("", "x" * 256, "a\x00b", "\ud800", 5, None)],
        *[
            ("return_url", value)
            for value in ("javascript:alert(1)", "/paid", "http://", "https://u:p@h/", "https://h/\r\nX: 1", None)
        ],
        *[("cancel_url", value) for value in ("data:text/html,x", "https://h; script-src *")],
        *[("email", value) for value in ("nobody", "@", 1)],
        *[("metadata", value) for value in ([], {"a": 1}, {"x" * 41: "y"}, {str(n): "y" for n in range(51)})],
        *[("expires_in", value) for value in (0, -5, "60", 10**9, 1.5)],
        ("ammount", 2900),
    ],
)
def test_a_wrong_field_is_named_and_nothing_is_made(house: House, field: str, value: Any) -> None:
    answer = house.api.post(
        "/v1/payments",
        content=json.dumps(house.body(**{field: value})).encode(),
        headers={"Content-Type": "application/json"},
    )
    assert answer.status_code == 422, answer.text
    assert answer.json()["error"]["code"] == "invalid_field"
    assert answer.json()["error"]["field"] == field
    assert house.get("/v1/payments")["data"] == []


@pytest.mark.parametrize("query", [{"limit": "0"}, {"limit": "x"}, {"cursor": "pay_no"}, {"created_after": "-1"}])
def test_a_wrong_query_is_refused(house: House, query: dict[str, str]) -> None:
    assert house.api.get("/v1/payments", params=query).status_code == 422


@pytest.mark.parametrize("path", ["/v1/payments/pay_no", "/v1/refunds/re_no", "/v1/disputes/dp_no"])
def test_what_is_not_there_is_404(house: House, path: str) -> None:
    assert house.api.get(path).json()["error"]["code"] == "not_found"
