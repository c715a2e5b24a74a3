"""A term that has ended stays ended, whatever is still at work on it; and what it said goes with its customer."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.operations.plot_shop import SECONDS, Bought, PlotShop, delivered
from tests.race.test_money import paid_elsewhere
from tests.retention.test_renewed import erase
from tests.shops import until

NOW = "strftime('%Y-%m-%d %H:%M:%f000', 'now')"


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PlotShop]:
    with PlotShop(tmp_path_factory.mktemp("late")) as running:
        yield running


def says(bought: Bought, column: str, table: str = "commitment") -> object:
    """What the row of its obligation has there."""
    [[value]] = bought.shop.sql(f'SELECT {column} FROM "{table}" WHERE obligation_id = ?', bought.obligation)
    return value


def quiet(shop: PlotShop, email: str) -> None:
    """Wait until no mail to this address is to be sent."""
    waiting = "SELECT 1 FROM mail WHERE state = 'waiting' AND \"to\" = ?"
    until(lambda: not shop.sql(waiting, email), SECONDS, f"the mails to {email}")


def broken_while_restored(shop: PlotShop, name: str, email: str) -> Bought:
    """A plot whose term was broken off while a try at restoring it is still at work."""
    bought = delivered(shop, name=name, seconds=3600, email=email)
    shop.delay(name)
    bought.vanishes()
    again = "SELECT 1 FROM outside WHERE obligation_id = ? AND attempt = 2"
    until(lambda: shop.sql(again, bought.obligation), SECONDS, "the restoring")
    until(lambda: float(str(says(bought, "failing_seconds"))) > 0, SECONDS, "its failing")
    shop.sql(f"UPDATE commitment SET until = {NOW} WHERE obligation_id = ?", bought.obligation)
    until(lambda: says(bought, "state") == "broken", SECONDS, "its end")
    until(lambda: says(bought, "state", "refund") == "succeeded", SECONDS, "the money going back")
    until(lambda: not says(bought, "revoke_due"), SECONDS, "the plot being given up")
    return bought


def test_what_was_broken_off_is_not_told_to_work_again_and_erased_only_once_nobody_works_on_it(
    shop: PlotShop,
) -> None:
    email = "eve@example.com"
    bought = broken_while_restored(shop, "eve", email)
    held = bought.held()
    quiet(shop, email)
    assert "being delivered again" in str(erase(shop, email)["kept"][bought.number])

    with shop.edition(", second edition"):
        bought.takes_effect_late("eve")

    until(lambda: bought.number in erase(shop, email)["orders"], SECONDS, "the erasure")
    assert shop.sql("SELECT 1 FROM audit_event WHERE event = 'commitment.restored'") == []
    assert says(bought, "attempt", "grant") == 1
    assert held
    assert bought.held() == set()
    assert not shop.is_staked(bought.reference)


def test_how_patient_a_product_is_counts_also_while_a_file_is_missing(shop: PlotShop) -> None:
    bought = delivered(shop, name="pat", seconds=3600, grace=0)
    shop.refuse("pat")
    bought.lose("map.txt")

    until(lambda: int(str(says(bought, "restore_try"))) > 0, SECONDS, "a try at restoring it")

    shop.refuse("pat", refuses=False)


def test_the_money_for_an_erased_order_goes_back_at_once(shop: PlotShop) -> None:
    customer, email = shop.customer(), "mo@example.com"
    order = customer.payable(customer.checkout(customer.draft({}, "plots", name="mo"), email=email)["number"])
    shop.provider.http.post(f"/v1/payments/{order['ref']}/expire").raise_for_status()
    until(lambda: customer.order(order["number"])["state"] == "cancelled", SECONDS, "its end")
    assert erase(shop, email)["orders"] == [order["number"]]

    paid_elsewhere(shop, reference=order["payment"]["id"], amount=100)

    assert shop.provider.captures(order["payment"]["id"]) == 1
    until(lambda: shop.provider.kept(order["payment"]["id"]) == 0, SECONDS, "the money going back")
    of_it = 'SELECT count(*) FROM obligation WHERE order_id = (SELECT id FROM "order" WHERE number = ?)'
    assert shop.sql(of_it, order["number"]) == [(0,)]


def test_no_error_of_an_erased_order_quotes_its_customer(shop: PlotShop) -> None:
    email = "quote@example.com"
    bought = delivered(shop, name="mysecretname", later=True, email=email)
    quiet(shop, email)
    assert "mysecretname" in everything(shop)

    until(lambda: bought.number in erase(shop, email)["orders"], SECONDS, "the erasure")

    assert "mysecretname" not in everything(shop)


def everything(shop: PlotShop) -> str:
    """All that its database has in its own tables."""
    tables = [name for [name] in shop.sql("SELECT name FROM sqlite_master WHERE type = 'table'")]
    return "\n".join(repr(shop.sql(f'SELECT * FROM "{table}"')) for table in tables)
