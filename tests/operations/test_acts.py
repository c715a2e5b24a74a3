"""What an operator does helps, once, and leaves a trace; and what must not be done is not."""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import pytest

from makegood.app import Running
from makegood.fulfillment.opening import FileDoesNotOpen
from makegood.fulfillment.operating import NotAbandoned, ReasonMissing
from makegood.kernel import audit
from tests.operations.note_shop import NoteShop, buy_note, mails, obligation
from tests.shops import Customer, until

ANN = "ann@shop.example"
BOB = "bob@shop.example"


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[NoteShop]:
    with NoteShop(tmp_path_factory.mktemp("acts")) as running:
        yield running


@pytest.fixture(scope="module")
def office(shop: NoteShop) -> Iterator[Running]:
    """The operators' parts of the shop, in this process."""
    with shop.beside() as running:
        yield running


@pytest.fixture(autouse=True)
def nothing_goes_wrong(shop: NoteShop) -> Iterator[None]:
    yield
    shop.goes_well()


def delivered(shop: NoteShop, customer: Customer) -> tuple[str, str]:
    """A delivered note: its order's number and the address of its file."""
    number = buy_note(shop, customer)
    order = customer.at_rest(number)
    assert order["state"] == "delivered"
    return number, str(order["units"][0]["artefacts"][0]["url"])


def refused_for_ever(shop: NoteShop, customer: Customer, office: Running) -> str:
    """A note that was given up and given back; its order's number."""
    (shop.control / "fail").touch()
    number = buy_note(shop, customer)
    assert office.services.operating.refund(obligation(office, number).id, ANN, "It can't be written.")
    assert customer.at_rest(number)["state"] == "refunded"
    (shop.control / "fail").unlink()
    return number


def acts(office: Running, number: str, event: str) -> list[dict[str, object]]:
    """The data of an order's audit events of one kind."""
    with office.services.database.read() as session:
        return [e.data for e in audit.of_order(session, obligation(office, number).order_id) if e.event == event]


def at_once(*works: object) -> list[object]:
    """What each returns when all of them begin at the same moment."""
    barrier = Barrier(len(works))

    def run(work: object) -> object:
        barrier.wait()
        return work()  # type: ignore[operator]

    with ThreadPoolExecutor(len(works)) as pool:
        return list(pool.map(run, works))


def test_retry_begins_anew_at_once_whatever_went_wrong_before(shop: NoteShop, office: Running) -> None:
    customer = shop.customer()
    (shop.control / "fail").touch()
    number = buy_note(shop, customer)
    until(lambda: obligation(office, number).attempt >= 4, 30, "the fourth attempt")

    code, said = shop.cli("orders", "retry", number, "--reason", "There will be ink.")
    (shop.control / "fail").unlink()

    assert (code, said.strip()) == (0, f"{number}: 1 unit begun again")
    assert customer.at_rest(number)["state"] == "delivered"
    owed = obligation(office, number)
    [told] = acts(office, number, "operator.retried")
    assert (told["by"], told["reason"]) == ("cli", "There will be ink.")
    assert 4 < told["attempt"] <= owed.attempt
    assert office.services.operating.retry(owed.id, ANN, "Once more") is False


def test_two_operators_who_retry_at_once_begin_one_attempt(shop: NoteShop, office: Running) -> None:
    customer = shop.customer()
    (shop.control / "wait").touch()
    number = buy_note(shop, customer)
    until((shop.control / "waiting").exists, 20, "the making")
    owed, operating = obligation(office, number), office.services.operating

    done = at_once(*[lambda who=who: operating.retry(owed.id, who, "It hangs") for who in (ANN, BOB) * 4])
    (shop.control / "wait").unlink()

    assert sum(map(bool, done)) == 1
    assert customer.at_rest(number)["state"] == "delivered"
    assert obligation(office, number).attempt == owed.attempt + 1
    assert mails(shop, office, number).count("delivered") == 1


def test_a_retry_while_it_is_being_made_delivers_once(shop: NoteShop, office: Running) -> None:
    customer = shop.customer()
    (shop.control / "wait").touch()
    number = buy_note(shop, customer)
    until((shop.control / "waiting").exists, 20, "the making")

    assert office.services.operating.retry(obligation(office, number).id, ANN, "Too slow")
    (shop.control / "wait").unlink()

    order = customer.at_rest(number)
    assert [e["event"] for e in order["timeline"]].count("obligation.delivered") == 1
    assert mails(shop, office, number).count("delivered") == 1


def test_a_refund_while_it_is_being_made_gives_back_and_delivers_nothing(shop: NoteShop, office: Running) -> None:
    customer = shop.customer()
    (shop.control / "wait").touch()
    number = buy_note(shop, customer)
    until((shop.control / "waiting").exists, 20, "the making")
    owed, operating = obligation(office, number), office.services.operating

    done = at_once(*[lambda who=who: operating.refund(owed.id, who, "You asked for it.") for who in (ANN, BOB) * 3])
    (shop.control / "wait").unlink()

    assert sum(map(bool, done)) == 1
    order = customer.at_rest(number)
    assert (order["state"], order["units"][0]["delivery"], order["units"][0]["artefacts"]) == (
        "refunded", "abandoned", [],
    )  # fmt: skip
    assert shop.provider.kept(order["payment"]["id"]) == 0
    assert operating.retry(owed.id, ANN, "After all") is False


def test_a_retry_and_a_refund_at_once_end_in_one_of_the_two(shop: NoteShop, office: Running) -> None:
    customer = shop.customer()
    (shop.control / "fail").touch()
    numbers = [buy_note(shop, customer) for _ in range(3)]
    commands = [shop.begin("orders", act, numbers[0], "--reason", "At once.") for act in ("retry", "refund")]
    operating = office.services.operating
    for number in numbers[1:]:
        owed = obligation(office, number)
        at_once(
            lambda owed=owed: operating.retry(owed.id, ANN, "At once."),
            lambda owed=owed: operating.refund(owed.id, BOB, "At once."),
        )
    assert {command.wait(100) for command in commands} <= {0, 1}
    (shop.control / "fail").unlink()

    for number in numbers:
        order = customer.at_rest(number)
        kept = shop.provider.kept(order["payment"]["id"])
        assert (order["state"], kept) in (("delivered", 100), ("refunded", 0))
        assert (order["units"][0]["artefacts"] != []) == (order["state"] == "delivered")


def test_a_lost_file_is_made_again_and_the_old_link_goes_on_working(shop: NoteShop, office: Running) -> None:
    customer = shop.customer()
    number, old = delivered(shop, customer)
    before = customer.http.get(old).content
    for stored in (shop.home / "objects" / "artefacts" / obligation(office, number).id).rglob("note.txt/*"):
        stored.write_text("not a note")

    code, said = shop.cli("orders", "redeliver", number, "--reason", "The file was damaged.")

    assert (code, said.strip()) == (0, f"{number}: 1 unit looked at and sent again")
    until(lambda: "redelivered" in mails(shop, office, number), 30, "the mail")
    order = customer.order(number)
    fresh = order["units"][0]["artefacts"][0]["url"]
    assert order["state"] == "delivered"
    assert fresh != old
    assert customer.http.get(fresh).content == customer.http.get(old).content == before
    [told] = acts(office, number, "obligation.redelivered")
    assert (told["by"], told["rebuilt"]) == ("cli", ["note.txt"])


def test_what_is_missing_when_somebody_fetches_it_comes_back_by_itself(shop: NoteShop, office: Running) -> None:
    customer = shop.customer()
    number, url = delivered(shop, customer)
    before = customer.http.get(url).content
    for stored in (shop.home / "objects" / "artefacts" / obligation(office, number).id).rglob("note.txt/*"):
        stored.unlink()

    assert customer.http.get(url).status_code == 503

    until(lambda: customer.http.get(url).status_code == 200, 30, "the file")
    assert customer.http.get(url).content == before
    assert "redelivered" not in mails(shop, office, number)


def test_two_operators_who_deliver_again_at_once_send_one_mail(shop: NoteShop, office: Running) -> None:
    customer = shop.customer()
    number, _ = delivered(shop, customer)
    owed, operating = obligation(office, number), office.services.operating

    done = at_once(*[lambda who=who: operating.redeliver(owed.id, who, "They lost it.") for who in (ANN, BOB) * 3])

    assert sum(map(bool, done)) == 1
    until(lambda: "redelivered" in mails(shop, office, number), 30, "the mail")
    assert operating.redeliver(owed.id, BOB, "They lost it.") is False
    assert mails(shop, office, number).count("redelivered") == 1


def test_what_was_made_by_hand_is_delivered_like_anything_else(shop: NoteShop, office: Running, tmp_path: Path) -> None:
    customer = shop.customer()
    (shop.control / "fail").touch()
    number = buy_note(shop, customer)
    by_hand, broken = tmp_path / "my note.txt", tmp_path / "broken.png"
    by_hand.write_text("Written by hand")
    broken.write_bytes(b"\x89PNG no picture")
    owed, operating = obligation(office, number), office.services.operating
    with pytest.raises(FileDoesNotOpen):
        operating.complete(owed.id, [by_hand, broken], ANN, "The pen is dry.")
    assert customer.order(number)["state"] == "in_progress"

    code, said = shop.cli("orders", "complete", number, "--file", str(by_hand), "--reason", "The pen is dry.")

    assert (code, said.strip()) == (0, f"{number}: 1 unit delivered")
    order = customer.at_rest(number)
    assert order["state"] == "delivered"
    assert customer.http.get(order["units"][0]["artefacts"][0]["url"]).text == "Written by hand"
    assert mails(shop, office, number).count("delivered") == 1
    assert operating.complete(owed.id, [by_hand], ANN, "Again") is False
    assert shop.cli("proof")[0] == 0


def test_completing_by_hand_while_it_is_made_delivers_one_of_the_two(
    shop: NoteShop, office: Running, tmp_path: Path
) -> None:
    customer = shop.customer()
    (shop.control / "wait").touch()
    number = buy_note(shop, customer)
    until((shop.control / "waiting").exists, 20, "the making")
    by_hand = tmp_path / "note.txt"
    by_hand.write_text("By hand")
    owed, operating = obligation(office, number), office.services.operating

    done = at_once(*[lambda who=who: operating.complete(owed.id, [by_hand], who, "Too slow") for who in (ANN, BOB)])
    (shop.control / "wait").unlink()

    order = customer.at_rest(number)
    assert sum(map(bool, done)) == 1
    assert customer.http.get(order["units"][0]["artefacts"][0]["url"]).text == "By hand"
    assert mails(shop, office, number).count("delivered") == 1


def test_goodwill_makes_once_more_at_no_price_what_was_given_up(shop: NoteShop, office: Running) -> None:
    customer = shop.customer()
    number = refused_for_ever(shop, customer, office)
    old, operating = obligation(office, number), office.services.operating

    made = at_once(*[lambda who=who: operating.goodwill(old.id, who, "We are sorry") for who in (ANN, BOB) * 2])

    assert len(set(made)) == 1
    until(lambda: customer.order(number)["units"][0]["delivery"] == "delivered", 30, "the delivery")
    order = customer.order(number)
    assert (order["state"], shop.provider.kept(order["payment"]["id"])) == ("refunded", 0)
    assert customer.http.get(order["units"][0]["artefacts"][0]["url"]).status_code == 200
    with pytest.raises(NotAbandoned):
        operating.goodwill(made[0], ANN, "Again")  # type: ignore[arg-type]
    assert shop.cli("proof")[0] == 0


def test_goodwill_that_can_not_be_made_either_is_completed_by_hand(
    shop: NoteShop, office: Running, tmp_path: Path
) -> None:
    customer = shop.customer()
    number = refused_for_ever(shop, customer, office)
    (shop.control / "fail").touch()
    try:
        assert office.services.operating.goodwill(obligation(office, number).id, ANN, "We are sorry")
        made = tmp_path / "note.txt"
        made.write_text("by hand")
        code, said = shop.cli("orders", "complete", number, "--file", str(made), "--reason", "The pen is dry")
    finally:
        (shop.control / "fail").unlink()

    assert code == 0, said
    until(lambda: customer.order(number)["units"][0]["delivery"] == "delivered", 30, "the delivery")
    [file] = customer.order(number)["units"][0]["artefacts"]
    assert customer.http.get(file["url"]).text == "by hand"


def test_goodwill_for_one_of_several_is_told_with_its_link(shop: NoteShop, office: Running) -> None:
    customer = shop.customer()
    (shop.control / "never").touch()
    number = buy_note(shop, customer, quantity=2)
    customer.at_rest(number)
    (shop.control / "never").unlink()

    assert office.services.operating.goodwill(obligation(office, number).id, ANN, "We are sorry")

    until(lambda: mails(shop, office, number).count("delivered") == 1, 30, "the mail")


def test_however_a_reason_is_written_the_money_goes_back(shop: NoteShop, office: Running) -> None:
    customer = shop.customer()
    number, _ = delivered(shop, customer)
    reason = 'He said:\n\t"It is too long".\x00 ' * 60

    assert office.services.operating.refund(obligation(office, number).id, ANN, reason)

    order = customer.order(number)
    until(lambda: shop.provider.kept(order["payment"]["id"]) == 0, 30, "the money going back")


def test_nothing_is_done_without_a_reason(shop: NoteShop, office: Running) -> None:
    customer = shop.customer()
    number, _ = delivered(shop, customer)
    owed, operating = obligation(office, number), office.services.operating

    for by, reason in ((ANN, ""), (ANN, "  "), ("", "Because")):
        with pytest.raises(ReasonMissing):
            operating.refund(owed.id, by, reason)
    assert shop.cli("orders", "redeliver", number)[0] == 2
    assert shop.cli("orders", "refund", number, "--reason", " ")[0] == 1
    assert customer.order(number)["state"] == "delivered"


def test_an_order_is_found_by_whatever_is_at_hand(shop: NoteShop, office: Running) -> None:
    customer = shop.customer()
    number = buy_note(shop, customer, email="found@example.com")
    order = customer.at_rest(number)
    ref = shop.provider.payments(order["payment"]["id"])[0]["id"]
    owed = obligation(office, number)
    for wanted in (number.lower(), number[:9], order["payment"]["id"], ref, owed.order_id[:14], "Found@Example.com"):
        code, said = shop.cli("orders", "show", wanted, "--json")
        assert (code, json.loads(said)["number"]) == (0, number), wanted
    other = buy_note(shop, customer, email="found@example.com")

    code, said = shop.cli("orders", "show", "found@example.com")

    assert code == 1
    assert number in said
    assert other in said
    assert shop.cli("orders", "show", "ORD-0000000000")[0] == 1


def test_who_fetched_what_stands_in_the_orders_log(shop: NoteShop) -> None:
    customer = shop.customer()
    number, url = delivered(shop, customer)
    customer.http.get(url, headers={"User-Agent": "Reader/1"})
    shop.customer().http.get(url, headers={"User-Agent": "Friend/2"})

    _, told = shop.cli("orders", "logs", number, "--json")

    fetched = [json.loads(line) for line in told.splitlines() if "artefact.fetched" in line]
    assert [(one["name"], one["via"], one["agent"]) for one in fetched] == [
        ("note.txt", "session", "Reader/1"), ("note.txt", "link", "Friend/2"),
    ]  # fmt: skip
    assert "127.0.0.1" not in json.dumps([one["from"] for one in fetched])


def test_recover_begins_again_what_nothing_works_on(shop: NoteShop, office: Running) -> None:
    customer = shop.customer()
    number = buy_note(shop, customer)
    customer.at_rest(number)
    (shop.control / "fail").touch()
    second = buy_note(shop, customer)
    shop.stop()
    with office.services.database.write() as session:
        # Its workflow is gone, as after a restored backup of the domain's tables alone.
        owed = obligation(office, second)
        session.merge(owed).work = f"{owed.id}/lost"
    (shop.control / "fail").unlink()

    code, said = shop.cli("recover", "--order", second)

    assert code == 0, said
    assert f"{second}  making, try {owed.attempt + 1}" in said
    assert number not in said
    shop.start()
    assert customer.at_rest(second)["state"] == "delivered"
