"""Money that is owed back stands on the start page, and in trouble among the dead letters, until it is back."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from tests.console.desk import Desk, boat_shop, change, delivered, order
from tests.console.test_lists import table
from tests.payments.boats import heal, refuse_refunds
from tests.payments.parts import Hands
from tests.shops import Shop, until

NOTHING = "Nothing is open"
PART = """
from makegood.orders.reading import by_number, obligations_of
[owed] = obligations_of(session, by_number(session, {number!r}).id)
said = shop.obligations.give_part(session, owed.id, {amount}, "It came late.", "late")
"""


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    with boat_shop(tmp_path_factory.mktemp("owed-back"), MAKEGOOD_RECONCILE_SECONDS="0.5") as running:
        yield running


@pytest.fixture(scope="module")
def desk(shop: Shop) -> Desk:
    return Desk(shop, "olga@example.com", "owner")


@pytest.fixture
def hands(shop: Shop) -> Iterator[Hands]:
    with Hands(shop) as parts:
        yield parts


@pytest.fixture(autouse=True)
def everything_is_back(shop: Shop, desk: Desk) -> Iterator[None]:
    yield
    heal(shop)
    until(lambda: NOTHING in desk.page("/console"), 30, "everything being back")


def tile(desk: Desk) -> str:
    """The figures of the tile about refunds, as one line."""
    found = re.search(r'<span class="tile-label">Refunds open</span>(.*?)</a>', desk.page("/console"), re.DOTALL)
    assert found
    return " ".join(re.sub(r"<[^>]+>", " ", found[1]).split())


def going_back(desk: Desk) -> list[tuple[str, str, str]]:
    """Order, state and amount of each row about money that goes back."""
    rows = table(desk, "/console?show=refunding&format=csv")
    return [(row["order"], row["trouble"], row["amount"]) for row in rows]


def ref_of(shop: Shop, desk: Desk, number: str) -> str:
    """The provider's id of an order's payment."""
    found = re.search(r"pay_\w+", desk.page(f"/console/orders/{number}"))
    assert found
    return found[0]


def test_a_part_that_is_owed_back_is_open_until_it_is_back(shop: Shop, desk: Desk, hands: Hands) -> None:
    _, number = delivered(shop)
    assert NOTHING in desk.page("/console")
    refuse_refunds(shop, ref_of(shop, desk, number))

    assert hands.do(PART.format(number=number, amount=100)) == 100

    assert NOTHING not in desk.page("/console")
    assert tile(desk) == "1 $1.00"
    until(lambda: going_back(desk) == [(number, "refund failing", "1.00")], 20, "the refusal")
    assert [row["order"] for row in table(desk, "/console?show=risk&format=csv")] == [number]
    assert "Paper boat" in desk.page("/console")


def test_a_unit_that_goes_back_whole_is_one_debt_whatever_parts_of_it_are_open(
    shop: Shop, desk: Desk, hands: Hands
) -> None:
    _, number = delivered(shop)
    refuse_refunds(shop, ref_of(shop, desk, number))
    assert hands.do(PART.format(number=number, amount=100)) == 100
    desk.act(number, "refund")

    until(lambda: going_back(desk) == [(number, "refund failing", "4.50")], 20, "the refusal")
    assert tile(desk) == "1 $4.50"


def stray_money(shop: Shop, desk: Desk, amount: int) -> str:
    """Money that the provider has and that belongs to no order, once it was found; the provider's id of it."""
    body = {
        "reference": "nobody", "amount": amount, "currency": "USD", "description": "lost",
        "return_url": "http://127.0.0.1/", "cancel_url": "http://127.0.0.1/",
    }  # fmt: skip
    ref = str(shop.provider.http.post("/v1/payments", json=body).json()["id"])
    shop.provider.act(ref, webhook="never")
    until(lambda: ref in desk.page("/console/dead-letters?kind=stray"), 20, "the money being found")
    return ref


def release(desk: Desk, ref: str) -> None:
    """Click on “Give back now”."""
    page = desk.page(f"/console/dead-letters?kind=stray&q={ref}")
    [button] = re.findall(r"/console/dead-letters/stray/[\w-]+", page)
    assert desk.http.post(button).headers["location"].endswith("?done=retried")


def test_stray_money_is_open_until_it_is_back(shop: Shop, desk: Desk) -> None:
    ref = stray_money(shop, desk, 777)

    assert (NOTHING in desk.page("/console"), tile(desk)) == (False, "1 $7.77")
    assert going_back(desk) == [("", "refunding", "7.77")]
    assert ref in desk.page("/console")
    release(desk, ref)


def test_a_refused_refund_of_stray_money_can_be_tried_again_and_breaks_no_page(shop: Shop, desk: Desk) -> None:
    ref = stray_money(shop, desk, 888)
    stray, refused = (f"/console/dead-letters?kind={kind}&q={ref}" for kind in ("stray", "refund"))
    assert "It goes back by itself at" in desk.page(stray)
    refuse_refunds(shop, ref)
    release(desk, ref)
    [retry] = until(lambda: re.findall(r"/console/dead-letters/refund/[\w-]+", desk.page(refused)), 20, "the refusal")

    assert desk.http.post(retry).headers["location"].endswith("?done=retried")

    page = desk.page(stray)
    assert ("It goes back now" in page, "Give back now" in page) == (True, False)
    # As a release that forgot the moment has left it.
    change(shop, "UPDATE refund SET due_at = NULL WHERE surplus_of IS NOT NULL")
    page = desk.page(stray)
    assert ("It goes back now" in page, "Give back now" in page) == (True, False)


def test_asking_again_does_not_make_a_debt_younger_or_older(shop: Shop, desk: Desk, hands: Hands) -> None:
    _, number = delivered(shop)
    refuse_refunds(shop, ref_of(shop, desk, number))
    assert hands.do(PART.format(number=number, amount=100)) == 100
    change(shop, "UPDATE refund SET due_at = '2026-01-01 00:00:00.000000', created_at = '2025-01-01 00:00:00.000000'")
    search = "/console/dead-letters?kind=refund"
    [retry] = until(lambda: re.findall(r"/console/dead-letters/refund/[\w-]+", desk.page(search)), 20, "the refusal")

    assert desk.http.post(retry).headers["location"].endswith("?done=retried")

    [row] = table(desk, "/console/dead-letters?kind=refund&format=csv")
    assert row["since"].startswith("2026-01-01")


def test_a_refund_that_nobody_asks_for_is_a_dead_letter_after_an_hour(shop: Shop, desk: Desk, hands: Hands) -> None:
    _, number = delivered(shop)
    shop.restart(MAKEGOOD_WORK="false")
    hands.give_back(number)
    assert going_back(desk) == [(number, "refunding", "4.50")]
    assert number not in desk.page("/console/dead-letters")

    change(shop, "UPDATE audit_event SET at = datetime(at, '-2 hours') WHERE event = 'obligation.refunding'")

    assert going_back(desk) == [(number, "refund failing", "4.50")]
    assert number in desk.page("/console/dead-letters?kind=refund")
    shop.restart()


def test_a_refund_that_the_provider_is_at_is_no_trouble(shop: Shop, desk: Desk, hands: Hands) -> None:
    _, number = delivered(shop)
    pends = {"next": 1, "outcome": "succeeded", "delay": 25}
    assert shop.provider.http.post("/v1/test/refund_outcomes", json=pends).is_success

    hands.give_back(number)

    def said() -> list[dict[str, str]]:
        return table(desk, "/console/refunds?state=open&format=csv")

    [row] = until(lambda: [row for row in said() if row["problem"]], 10, "the provider being at it")
    assert (row["order"], row["state"]) == (number, "on its way")
    assert going_back(desk) == [(number, "refunding", "4.50")]
    assert number not in desk.page("/console/refunds?state=failing")
    assert number not in desk.page("/console/dead-letters")


def test_money_that_cant_be_booked_is_a_dead_letter_until_it_is(shop: Shop, desk: Desk) -> None:
    customer, number, ref = order(shop)
    # Nobody can be written to at such an address, so the receipt can't be posted.
    change(shop, 'UPDATE "order" SET email = ? WHERE number = ?', "nobody", number)
    shop.provider.act(ref, webhook="never")

    def differing() -> list[dict[str, str]]:
        return table(desk, "/console/dead-letters?kind=books&format=csv")

    [row] = until(differing, 20, "the dead letter")
    assert (row["order"], ref in row["what"]) == (number, True)
    assert "can't be booked" in row["problem"]

    change(shop, 'UPDATE "order" SET email = ? WHERE number = ?', "kim@example.com", number)
    assert customer.at_rest(number)["state"] == "delivered"
    until(lambda: not differing(), 20, "the end of it")
