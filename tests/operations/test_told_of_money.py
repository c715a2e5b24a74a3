"""What an order's page says of money is what happened to it, however many have moved it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from makegood.app import Running
from makegood.notify.models import of_order
from makegood.orders.reading import by_number
from tests.operations.note_shop import NoteShop, buy_note, obligation, order_note, page
from tests.payments.boats import dispute, heal, refund_in_dashboard, refuse_refunds
from tests.shops import Customer, until

ANN = "ann@shop.example"
SORRY = "We are sorry"


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[NoteShop]:
    with NoteShop(tmp_path_factory.mktemp("told"), MAKEGOOD_RECONCILE_SECONDS="0.5") as running:
        yield running


@pytest.fixture(scope="module")
def office(shop: NoteShop) -> Iterator[Running]:
    with shop.beside() as running:
        yield running


@pytest.fixture(autouse=True)
def nothing_goes_wrong(shop: NoteShop) -> Iterator[None]:
    yield
    heal(shop)
    shop.goes_well()


def paid_by(shop: NoteShop, customer: Customer, number: str) -> str:
    """The provider's id of the payment."""
    return str(shop.provider.payments(customer.order(number)["payment"]["id"])[0]["id"])


def happened(customer: Customer, number: str) -> list[str]:
    """The entries below "Everything that happened"."""
    return [str(entry["text"]) for entry in customer.order(number)["timeline"]]


def told(office: Running, number: str, kind: str) -> list[str]:
    """What the mails of a kind say."""
    with office.services.database.read() as session:
        mails = of_order(session, obligation(office, number).order_id)
        return [" ".join(mail.text.split()) for mail in mails if mail.key.startswith(f"{kind}/")]


def is_untold(office: Running, number: str) -> bool:
    """Whether what became of its lines is still to be told."""
    with office.services.database.read() as session:
        return any(line.untold for line in by_number(session, number).lines)


def apologies(office: Running, number: str) -> list[str]:
    """What the mails say that tell of something that is not made."""
    return told(office, number, "apology")


def test_goodwill_hides_no_refund_that_is_still_on_its_way(shop: NoteShop, office: Running) -> None:
    customer = shop.customer()
    (shop.control / "fail").touch()
    number = buy_note(shop, customer)
    refuse_refunds(shop, paid_by(shop, customer, number))
    owed = obligation(office, number)
    assert office.services.operating.refund(owed.id, ANN, "It can't be written.")
    (shop.control / "fail").unlink()
    assert office.services.operating.goodwill(owed.id, ANN, SORRY)
    until(lambda: customer.order(number)["units"][0]["delivery"] == "delivered", 30, "the delivery")

    [unit], at_rest = (order := customer.order(number))["units"], order["at_rest"]
    assert (unit["money"], unit["returned"]["minor"], at_rest) == ("refunding", 0, False)
    said = page(customer, number)
    assert "is going back to you. We have made it once more, and it costs you nothing." in said
    assert unit["artefacts"][0]["file_name"] in said
    assert "downloads are closed" not in said

    heal(shop)
    assert customer.at_rest(number)["units"][0]["money"] == "refunded"
    assert "has gone back to you. We have made it once more" in page(customer, number)


def test_goodwill_that_is_given_up_gives_no_money_back_a_second_time(shop: NoteShop, office: Running) -> None:
    customer = shop.customer()
    (shop.control / "never").touch()
    number = buy_note(shop, customer)
    customer.at_rest(number)
    office.services.operating.goodwill(obligation(office, number).id, ANN, SORRY)

    def given_up() -> bool:
        entries = happened(customer, number)
        return "It could not be made" in entries and customer.order(number)["at_rest"]

    until(given_up, 30, "the goodwill being given up")
    assert customer.order(number)["units"][0]["money"] == "refunded"
    entries = happened(customer, number)
    assert entries.count("$1.00 was given back to you") == entries.count("Your money is on its way back") == 1
    assert len([entry for entry in entries if "back" in entry]) == 2
    [before, again] = apologies(office, number)
    assert "You have paid nothing" not in before + again
    assert "once more, at no price" in again


def test_goodwill_hides_nothing_that_is_still_made_for_its_money(shop: NoteShop, office: Running) -> None:
    customer = shop.customer()
    (shop.control / "fail").touch()
    number = buy_note(shop, customer, quantity=2)
    owed = obligation(office, number)
    assert office.services.operating.refund(owed.id, ANN, "It can't be written.")
    assert office.services.operating.goodwill(owed.id, ANN, SORRY)

    until(lambda: sum(unit["goodwill"] for unit in customer.order(number)["units"]) == 1, 30, "the goodwill")
    paid = f"{number} Still being made Your payment of $2.00 has arrived."
    until(lambda: paid in page(customer, number), 30, "the word of what is still made")
    said = page(customer, number)
    assert "What could not be made at first is made once more, at no price." in said
    assert said.count("At no price: what you paid for it") == 1

    (shop.control / "fail").unlink()
    until(lambda: customer.order(number)["at_rest"], 60, "the end")
    assert customer.order(number)["state"] == "partly_delivered"


@pytest.mark.parametrize("gone", [1, 2])
def test_what_others_gave_back_is_promised_to_nobody_once_more(shop: NoteShop, office: Running, gone: int) -> None:
    customer = shop.customer()
    (shop.control / "fail").touch()
    number = buy_note(shop, customer, quantity=2)
    until(lambda: all(unit["attempt"] > 1 for unit in customer.order(number)["units"]), 30, "failed attempts")
    refund_in_dashboard(shop, paid_by(shop, customer, number), 100 * gone)
    until(lambda: customer.order(number)["returned"]["minor"] == 100 * gone, 30, "its being counted")
    shop.goes_well()
    customer.at_rest(number)

    if gone == 1:
        [said] = until(lambda: told(office, number, "delivered"), 30, "the mail")
        assert "1 of 2 is ready. One is no longer part of it; the order's page says what became of its money." in said
        assert "on its way back" not in said
    else:
        until(lambda: not is_untold(office, number), 30, "the line having been looked at")
        assert apologies(office, number) == []


def test_an_order_that_cost_nothing_gives_no_money_back(shop: NoteShop) -> None:
    assert shop.cli("promotion", "GIFT", "--percent", "100")[0] == 0
    customer = shop.customer()
    (shop.control / "never").touch()
    number = order_note(shop, customer, promotion="GIFT")

    assert customer.at_rest(number)["state"] == "refunded"

    said = page(customer, number)
    assert "Nothing was charged, so no money has to move. We could not make it." in said
    assert "Your money" not in said
    assert "Money given back" not in said + customer.http.get("/orders").text
    assert not [entry for entry in happened(customer, number) if "back" in entry or "ayment" in entry]


@pytest.mark.parametrize("quantity", [1, 2])
def test_who_paid_nothing_reads_why_an_operator_ended_it(shop: NoteShop, office: Running, quantity: int) -> None:
    assert shop.cli("promotion", f"PRESENT-{quantity}", "--percent", "100")[0] == 0
    customer = shop.customer()
    (shop.control / "wait").touch()
    number = order_note(shop, customer, promotion=f"PRESENT-{quantity}", quantity=quantity)
    until((shop.control / "waiting").exists, 30, "the making")
    assert shop.cli("orders", "refund", number, "--reason", "There is no more ink.")[0] == 0
    (shop.control / "wait").unlink()
    customer.at_rest(number)

    [text] = until(lambda: apologies(office, number), 30, "the mail")
    assert "There is no more ink." in text
    assert "Your money" not in page(customer, number)


def test_a_bank_is_said_to_have_given_back_what_it_has_and_not_what_we_have(shop: NoteShop) -> None:
    customer = shop.customer()
    number = buy_note(shop, customer)
    order = customer.at_rest(number)
    total, ref = order["total"]["minor"], paid_by(shop, customer, number)
    refund_in_dashboard(shop, ref, 30)
    until(lambda: customer.order(number)["returned"]["minor"] == 30, 30, "the part being counted")

    dispute(shop, ref, action="open")
    dispute(shop, ref, action="close", outcome="lost")

    until(lambda: customer.order(number)["state"] == "refunded", 30, "the charge-back")
    assert customer.order(number)["charged_back"]["minor"] == total - 30
    said = page(customer, number)
    total_text, by_bank = order["total"]["text"], customer.order(number)["charged_back"]["text"]
    assert f"Of {total_text} your bank has given you back {by_bank}; the rest has gone back to you." in said
    assert f"given you back {total_text}" not in said
    assert {"$0.30 was given back to you", "Your bank has given $0.70 back to you"} <= {*happened(customer, number)}
