"""What operators do, done to a real shop: what the customer, the provider and the audit log say afterwards."""

from __future__ import annotations

import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from makegood.kernel.ids import new_id
from tests.console.desk import Desk, boat_shop, change, delivered, failing, makegood, order
from tests.shops import Customer, MailServer, Shop, until


def kept(shop: Shop, customer: Customer, number: str) -> int:
    return shop.provider.kept(customer.order(number)["payment"]["id"])


def newest_mail(customer: Customer) -> str:
    """The newest mail of the shop as its reader sees it."""
    found = until(lambda: re.search(r"/outbox/([0-9a-f-]{36})", customer.http.get("/outbox").text), 10, "a mail")
    return customer.http.get(f"/outbox/{found[1]}/html").text


def test_retry_heals_what_waits_long_for_its_next_try(shop: Shop, desk: Desk) -> None:
    customer, number = failing(shop, attempts=5)
    (shop.home / "plug").touch()
    try:
        assert "No money moves: $4.50 stays paid and owed." in desk.page(f"/console/orders/{number}/retry")
        answer = desk.act(number, "retry", "the plug is in")
        assert answer.headers["location"].endswith("?done=retry&units=1")
        assert customer.at_rest(number)["state"] == "delivered"
    finally:
        (shop.home / "plug").unlink()
    assert "the plug is in" in desk.page(f"/console/audit?order={number}&event=obligation.restarted")
    log = desk.page(f"/console/audit?order={number}&by=kim@")
    assert "the plug is in" in log
    assert "kim@example.com" in log


def test_refund_gives_back_the_whole_and_tells_why(shop: Shop, desk: Desk) -> None:
    customer, number = failing(shop, attempts=1)
    page = desk.page(f"/console/orders/{number}/refund")
    assert "$4.50 goes back to kim@example.com" in page
    desk.act(number, "refund", "We ran out of plugs, sorry.")
    assert customer.at_rest(number)["state"] == "refunded"
    assert kept(shop, customer, number) == 0
    assert ">We ran out of plugs, sorry.<" in newest_mail(customer)
    assert "We ran out of plugs, sorry." in desk.page(f"/console/audit?order={number}")


def test_what_cost_nothing_is_ended_without_a_word_of_its_money(shop: Shop, desk: Desk) -> None:
    makegood(shop, "promotion", "NOTHING", "--percent", "100")
    customer = shop.customer()
    draft = customer.draft({}, product="paper-boat", fate="leaks")
    number = customer.checkout(draft, promotion="NOTHING")["number"]
    until(lambda: customer.order(number)["units"][0]["attempt"], 30, "the making")

    page = desk.page(f"/console/orders/{number}/refund")
    assert "Give the money back" not in page
    assert ">End it</button>" in page
    answer = desk.act(number, "refund", "We ran out of plugs, sorry.")

    assert "It has ended, and no money moves." in desk.page(answer.headers["location"])
    assert customer.at_rest(number)["units"][0]["delivery"] == "abandoned"


def test_one_unit_of_an_order_is_refunded_and_the_others_stay(shop: Shop, desk: Desk) -> None:
    customer, number = delivered(shop, quantity=3)
    page = desk.page(f"/console/orders/{number}")
    units = re.findall(rf"/console/orders/{number}/refund\?unit=([0-9a-f-]+)", page)
    assert len(units) == 3
    desk.act(number, "refund", **desk.confirm(number, "refund", units[1]))
    order = until(lambda: (o := customer.order(number))["at_rest"] and o, 20, "rest")
    assert [unit["money"] for unit in order["units"]].count("refunded") == 1
    assert kept(shop, customer, number) == 900


def test_a_reason_is_needed(shop: Shop, desk: Desk) -> None:
    customer, number = failing(shop, attempts=1)
    for reason in ("", "   ", "x" * 501):
        answer = desk.act(number, "refund", reason)
        assert (answer.status_code, "Please say why" in answer.text) == (422, True)
    assert kept(shop, customer, number) == 450


def test_two_operators_at_once_do_it_once(shop: Shop, desk: Desk, other: Desk) -> None:
    customer, number = failing(shop, attempts=1)
    forms = [(who, {**who.confirm(number, "refund"), "reason": f"from {who.email}"}) for who in (desk, other)]
    with ThreadPoolExecutor(2) as pool:
        answers = list(
            pool.map(lambda each: each[0].http.post(f"/console/orders/{number}/refund", data=each[1]), forms)
        )
    done = [answer for answer in answers if "done=refund" in answer.headers.get("location", "")]
    assert len(done) == 1, [answer.headers for answer in answers]
    customer.at_rest(number)
    payment = customer.order(number)["payment"]["id"]
    entries = shop.provider.http.get("/v1/ledger").json()["entries"]
    mine = [entry for entry in entries if entry["payment"] == shop.provider.payments(payment)[0]["id"]]
    assert [entry["amount"] for entry in mine if entry["kind"] == "refund"] in ([450], [-450])
    assert desk.page(f"/console/audit?order={number}&event=operator.refunded").count("<code>operator.refunded") == 1


def test_a_page_that_was_overtaken_by_a_colleague_does_nothing(shop: Shop, desk: Desk, other: Desk) -> None:
    customer, number = failing(shop, attempts=1)
    seen = desk.confirm(number, "refund")
    other.act(number, "retry", "one more try")
    answer = desk.act(number, "refund", **seen)
    assert (answer.status_code, "lee@example.com has acted on this order" in answer.text) == (422, True)
    assert kept(shop, customer, number) == 450
    desk.act(number, "refund")
    assert customer.at_rest(number)["state"] == "refunded"


@pytest.fixture
def posting(tmp_path: Path) -> Iterator[Shop]:
    """A shop whose mails a server takes."""
    server = MailServer().start()
    with boat_shop(tmp_path, mail=server) as shop:
        yield shop
    server.stop()


def test_what_a_mail_server_answers_is_nobodys_act(posting: Shop) -> None:
    desk, post = Desk(posting, "kim@example.com"), posting.mail
    assert post is not None
    post.answers["buyer@example.com"] = ["451 later"] * 100
    customer, number = failing(posting, attempts=1, email="buyer@example.com")
    seen = desk.confirm(number, "refund")
    post.answers["buyer@example.com"] = ["250 queued by kim@mx.example.com"]
    events = f"/console/audit?order={number}&event=mail.accepted"
    until(lambda: "queued by kim@mx.example.com" in desk.page(events), 30, "the mail being taken")

    answer = desk.act(number, "refund", **seen)

    assert answer.headers.get("location", "").endswith("?done=refund&units=1"), answer.text
    assert customer.at_rest(number)["state"] == "refunded"
    # As earlier releases wrote it.
    change(
        posting,
        "UPDATE audit_event SET data = json_object('by', json_extract(data, '$.server')) WHERE event = 'mail.accepted'",
    )
    assert "queued by kim@mx.example.com" in desk.page(events)
    acts = desk.page(f"/console/audit?order={number}&by=kim")
    assert "operator.refunded" in acts
    assert "mail.accepted" not in acts


def test_what_a_worker_ends_and_a_file_that_is_read_overtake_nobody(shop: Shop, desk: Desk, other: Desk) -> None:
    customer, number = delivered(shop)
    seen = desk.confirm(number, "refund")
    [artefact] = set(re.findall(r"/console/artefacts/[\w-]+", other.page(f"/console/orders/{number}")))
    other.page(artefact)
    change(
        shop,
        "INSERT INTO audit_event (id, at, event, order_id, subject, data) SELECT ?, strftime('%Y-%m-%d %H:%M:%f000'),"
        " 'obligation.redelivered', o.id, o.id, ? FROM \"order\" o WHERE o.number = ?",
        new_id(), '{"by": "lee@example.com", "reason": "lost the mail", "rebuilt": []}', number,
    )  # fmt: skip

    answer = desk.act(number, "refund", **seen)

    assert answer.headers.get("location", "").endswith("?done=refund&units=1"), answer.text
    until(lambda: kept(shop, customer, number) == 0, 20, "the refund")


def test_nothing_is_offered_that_does_not_apply(shop: Shop, desk: Desk) -> None:
    customer, number = delivered(shop, fate="sinks")
    page = desk.page(f"/console/orders/{number}")
    assert f"/console/orders/{number}/retry" not in page
    assert f"/console/orders/{number}/refund" not in page
    assert "There is nothing to refund" in desk.page(f"/console/orders/{number}/refund")
    answer = desk.act(number, "refund", unit="", seen="")
    assert answer.headers["location"].endswith("?done=nothing&units=0")
    assert kept(shop, customer, number) == 0


def test_a_refund_that_failed_is_tried_again_from_the_dead_letters_and_given_once(shop: Shop, desk: Desk) -> None:
    customer, number, ref = order(shop, fate="sinks")
    fault = {"next": 5000, "kind": "500", "path_prefix": f"/v1/payments/{ref}/refunds", "method": "POST"}
    assert shop.provider.http.post("/v1/test/faults", json=fault).status_code == 201
    shop.provider.act(ref)
    find = f"/console/dead-letters?kind=refund&q={ref}"
    found = until(lambda: re.search(r"/console/dead-letters/refund/[\w-]+", desk.page(find)), 20, "the dead letter")
    assert "refund failing" in desk.page("/console?show=risk")
    # While the provider still refuses: the shop itself might be faster otherwise.
    assert desk.http.post(found[0]).headers["location"].endswith("?done=retried")
    shop.provider.http.delete("/v1/test/faults")
    assert customer.at_rest(number)["units"][0]["money"] == "refunded"
    assert kept(shop, customer, number) == 0
    assert shop.provider.http.get(f"/v1/payments/{ref}").json()["amount_refunded"] == 450
    assert "No dead letter looks like this" in desk.page(find) or "Nothing is dead" in desk.page(find)
    assert desk.http.post(found[0]).headers["location"].endswith("?done=faster")


def test_a_refund_that_the_bank_sent_back_is_asked_for_anew_when_an_operator_tries_again(
    shop: Shop, desk: Desk
) -> None:
    customer, number, ref = order(shop, fate="sinks")
    sent_back = {"next": 1, "outcome": "failed", "delay": 0.3}
    assert shop.provider.http.post("/v1/test/refund_outcomes", json=sent_back).status_code == 201
    shop.provider.act(ref)
    find = f"/console/dead-letters?kind=refund&q={number}"
    [button] = until(
        lambda: set(re.findall(r"/console/dead-letters/refund/[\w-]+", desk.page(find))), 20, "the dead letter"
    )
    assert "the provider says failed" in desk.page(find)
    assert kept(shop, customer, number) == 450

    with ThreadPoolExecutor(4) as pool:
        answers = [answer.headers["location"] for answer in pool.map(desk.http.post, [button] * 4)]

    assert any(answer.endswith("?done=retried") for answer in answers)
    assert customer.at_rest(number)["units"][0]["money"] == "refunded"
    assert kept(shop, customer, number) == 0
    refunds = shop.provider.http.get("/v1/refunds", params={"payment": ref}).json()["data"]
    assert sorted(refund["status"] for refund in refunds) == ["failed", "succeeded"]
    assert "No dead letter looks like this" in desk.page(find) or "Nothing is dead" in desk.page(find)
    assert desk.http.post(button).headers["location"].endswith("?done=faster")


def test_a_mail_that_failed_is_sent_again(shop: Shop, desk: Desk) -> None:
    _, number = delivered(shop, email="bounced@example.com")
    until(lambda: desk.page(f"/console/orders/{number}").count(">accepted<") == 2, 20, "both mails going out")
    change(
        shop,
        "UPDATE mail SET state = 'failed', accepted_at = NULL, last_error = '550 no such user' WHERE \"to\" = ?",
        "bounced@example.com",
    )
    page = desk.page("/console/dead-letters?kind=mail&q=bounced")
    assert "550 no such user" in page
    for address in re.findall(r"/console/dead-letters/mail/[\w-]+", page):
        assert desk.http.post(address).headers["location"].endswith("?done=retried")
    until(lambda: "bounced" not in desk.page("/console/dead-letters?kind=mail"), 20, "the mails going out")
    assert "kim@example.com" in desk.page(f"/console/audit?order={number}&event=mail.queued")


def test_replaying_a_notification_handles_it_once_more_and_moves_no_money(shop: Shop, desk: Desk) -> None:
    customer, number = delivered(shop)
    reference = customer.order(number)["payment"]["id"]
    search = f"/console/inbox?q={shop.provider.payments(reference)[0]['id']}"
    seen = re.compile(r"/console/inbox/[0-9a-f-]{36}")
    [event] = until(lambda: set(seen.findall(desk.page(search))), 20, "the notification")
    assert number in desk.page(event)

    def times_handled() -> int:
        return desk.page(f"/console/audit?order={number}&event=payment.notified").count("<code>payment.notified")

    until(lambda: times_handled() == 1, 20, "the notification being handled")
    assert desk.http.post(f"{event}/replay").headers["location"].endswith("?done=replayed")

    until(lambda: times_handled() == 2, 20, "the notification being handled again")
    until(lambda: ">handled</span>" in desk.page(event), 10, "the page saying so")
    assert (kept(shop, customer, number), shop.provider.captures(reference)) == (450, 1)
    assert "operator.replayed" in desk.page(f"/console/audit?order={number}&by=kim")


def test_completing_by_hand_delivers_the_operators_own_file_and_keeps_the_money(shop: Shop, desk: Desk) -> None:
    customer, number = failing(shop, attempts=1)
    hidden = desk.confirm(number, "complete")
    boat = b"\\__|__/ folded by hand \xe2\x80\x94 " + b"-" * 3_000_000
    form = {**hidden, "reason": "folded it myself"}
    # More bytes than a file system takes.
    name = "船" * 100 + ".txt"
    nothing = {"files": ("", b"", "application/octet-stream")}
    answer = desk.http.post(f"/console/complete/{number}", data=form, files=nothing)
    assert (answer.status_code, "Please choose the files" in answer.text) == (422, True)
    answer = desk.http.post(f"/console/complete/{number}", data=form, files=[("files", (name, boat, "text/plain"))])
    assert answer.headers["location"].endswith("?done=complete&units=1"), answer.text
    order = customer.at_rest(number)
    assert (order["state"], kept(shop, customer, number)) == ("delivered", 450)
    assert customer.http.get(order["units"][0]["artefacts"][0]["url"]).content == boat
    assert "folded it myself" in desk.page(f"/console/audit?order={number}&by=kim")


def test_redelivering_sends_the_mail_again_and_moves_no_money(shop: Shop, desk: Desk) -> None:
    customer, number = delivered(shop)
    until(lambda: desk.page(f"/console/orders/{number}").count(">accepted<") == 2, 20, "both mails")
    assert desk.act(number, "redeliver", "lost the mail").headers["location"].endswith("?done=redeliver&units=1")
    until(lambda: desk.page(f"/console/orders/{number}").count(">accepted<") == 3, 20, "the mail, again")
    assert kept(shop, customer, number) == 450


def test_goodwill_after_a_refund_delivers_for_nothing(shop: Shop, desk: Desk) -> None:
    customer, number = failing(shop, attempts=1)
    desk.act(number, "refund", "too slow")
    customer.at_rest(number)
    (shop.home / "plug").touch()
    try:
        assert desk.act(number, "goodwill", "they were so patient").status_code == 303
        until(
            lambda: 'class="tag good">delivered' in desk.page(f"/console/orders/{number}"), 20, "the goodwill delivery"
        )
    finally:
        (shop.home / "plug").unlink()
    assert kept(shop, customer, number) == 0
