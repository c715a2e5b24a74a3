"""What an attempt left outside is undone once nobody has it, and never what somebody has."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from makegood.fulfillment.outside import AT_A_TIME
from tests.operations.plot_shop import ANN, SECONDS, Bought, Office, PlotShop, delivered, office_of, ordered
from tests.retention.test_renewed import erase
from tests.shops import until

CROWD = AT_A_TIME + 5


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PlotShop]:
    with PlotShop(tmp_path_factory.mktemp("left"), MAKEGOOD_RETRY_SECONDS="60") as running:
        yield running


@pytest.fixture(scope="module")
def office(shop: PlotShop) -> Iterator[Office]:
    with office_of(shop) as working:
        yield working


@pytest.fixture
def deed(tmp_path: Path) -> Path:
    written = tmp_path / "deed.txt"
    written.write_text("by hand")
    return written


def begun(shop: PlotShop, name: str, **more: str) -> Bought:
    """A plot that one attempt has staked, and that can't be delivered."""
    shop.refuse(name)
    bought = ordered(shop, name=name, **more)
    until(lambda: attempts(bought) == 2, SECONDS, "the first attempt failing")
    return bought


def attempts(bought: Bought) -> int:
    [[attempt]] = bought.shop.sql("SELECT attempt FROM obligation WHERE id = ?", bought.obligation)
    return int(attempt)


def is_given_up(bought: Bought) -> None:
    """Its plot is undone, once."""
    until(lambda: bought.shop.undone(bought.reference), SECONDS, f"the plot of {bought.number} being given up")
    assert not bought.shop.is_staked(bought.reference)


def test_what_the_only_attempt_left_is_undone_once_the_unit_is_completed_by_hand(
    shop: PlotShop, office: Office, deed: Path
) -> None:
    bought = begun(shop, "ed")

    assert office.parts.operating.complete(bought.obligation, [deed], ANN, "The registry is closed.")

    is_given_up(bought)
    assert bought.fetch("deed.txt").content == b"by hand"


def test_what_is_left_is_undone_however_many_others_were_tried_again(
    shop: PlotShop, office: Office, deed: Path
) -> None:
    crowd = delivered(shop, name="crowd", quantity=CROWD)
    # As if an earlier attempt had staked the same.
    shop.sql(
        "INSERT INTO outside (id, obligation_id, attempt, name, reference, recorded_at, undo_try) "
        "SELECT 'earlier-' || id, obligation_id, 0, name, reference, recorded_at, 0 FROM outside "
        "WHERE undone_at IS NULL"
    )
    refunded, by_hand = begun(shop, "dora"), begun(shop, "gus")
    operating = office.parts.operating
    assert operating.retry(by_hand.obligation, ANN, "Perhaps it is open again.")
    until(lambda: attempts(by_hand) == 4, SECONDS, "the second attempt failing")

    assert operating.refund(refunded.obligation, ANN, "It can't be had.")
    assert operating.complete(by_hand.obligation, [deed], ANN, "The registry is closed.")

    is_given_up(refunded)
    is_given_up(by_hand)
    of_the_crowd = 'SELECT o.id FROM obligation o JOIN "order" r ON r.id = o.order_id WHERE r.number = ?'
    assert sum(shop.is_staked(f"{owed}-plot") for [owed] in shop.sql(of_the_crowd, crowd.number)) == CROWD


def test_what_takes_effect_outside_after_its_order_was_given_back_is_undone_too(shop: PlotShop, office: Office) -> None:
    shop.refuse("hal")
    shop.delay("hal")
    bought = ordered(shop, name="hal")
    until(lambda: shop.sql("SELECT 1 FROM outside WHERE obligation_id = ?", bought.obligation), SECONDS, "the staking")
    assert office.parts.operating.refund(bought.obligation, ANN, "It takes too long.")
    until(lambda: shop.undone(bought.reference), SECONDS, "what is not there yet being undone")

    bought.takes_effect_late("hal")


def test_erasing_waits_for_what_is_left_outside_of_a_delivered_order(
    shop: PlotShop, office: Office, deed: Path
) -> None:
    email = "ida@example.com"
    bought = begun(shop, "ida", email=email)
    shop.keep("ida")
    assert office.parts.operating.complete(bought.obligation, [deed], ANN, "The registry is closed.")
    left = "SELECT 1 FROM outside WHERE obligation_id = ? AND problem IS NOT NULL AND undone_at IS NULL"
    until(lambda: shop.sql(left, bought.obligation), SECONDS, "its undoing failing")

    assert "still being undone" in str(erase(shop, email)["kept"][bought.number])

    shop.keep("ida", keeps=False)
    shop.sql("UPDATE outside SET next_try_at = NULL WHERE obligation_id = ?", bought.obligation)
    is_given_up(bought)
    until(lambda: bought.number in erase(shop, email)["orders"], SECONDS, "the erasure")
