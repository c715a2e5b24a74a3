"""What is lost is made good whatever comes out of the making: the same, something else, or at first nothing."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from makegood.fulfillment.redelivering import AT_A_TIME
from tests.operations.plot_shop import ANN, SECONDS, Bought, Office, PlotShop, delivered, office_of
from tests.payments.boats import dispute
from tests.shops import until

A_DAY_AND_MORE = 1.5
CROWD = AT_A_TIME + 5
SOME_SWEEPS = 2.0
"""Seconds in which whatever is to be undone would be."""


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PlotShop]:
    with PlotShop(tmp_path_factory.mktemp("plots")) as running:
        yield running


@pytest.fixture(scope="module")
def office(shop: PlotShop) -> Iterator[Office]:
    with office_of(shop) as working:
        yield working


def made_anew(bought: Bought) -> bytes:
    """Its deed, lost and written again with other words."""
    bought.lose("deed.txt")
    with bought.shop.edition(", second edition"):
        deed = bought.comes_back("deed.txt")
    assert deed.endswith(b", second edition")
    return deed


def test_a_file_that_comes_out_the_same_is_kept_when_another_comes_out_anew(shop: PlotShop, office: Office) -> None:
    bought = delivered(shop)
    before = bought.fetch("map.txt").content

    deed = made_anew(bought)
    office.cleans_up()

    assert bought.fetch("map.txt").content == before
    assert bought.fetch("deed.txt").content == deed
    assert {key.split("/")[2] for key in bought.held()} == {"map.txt", "deed.txt"}
    assert len(bought.held()) == 2
    assert bought.obligation not in office.missed()


def test_what_a_job_made_comes_back_though_it_comes_out_in_another_place(shop: PlotShop, office: Office) -> None:
    bought = delivered(shop, "tunes", notes=7)
    before = bought.fetch("tune.wav").content
    [[key]] = [[key] for key in bought.held()]

    bought.lose("tune.wav", below=key.partition("/tune.wav")[0])

    assert bought.comes_back("tune.wav") == before
    assert key not in bought.held()
    # Its draft would like to have it too, for as long as there is one.
    office.cleans_up(A_DAY_AND_MORE)
    assert key not in office.missed()
    assert bought.fetch("tune.wav").content == before
    bought.lose("tune.wav")
    assert bought.comes_back("tune.wav") == before


def test_what_was_restored_comes_back_once_when_it_is_lost_too(shop: PlotShop, office: Office) -> None:
    bought = delivered(shop, seconds=3600)
    bought.vanishes()
    until(lambda: bought.events("commitment.restored"), SECONDS, "the restored plot")
    # From now on nobody looks whether there is something to be restored.
    bought.term_ends()
    [again] = [key for key in bought.held() if "/again-" in key and "/map.txt/" in key]
    before = bought.fetch("map.txt").content

    bought.lose("map.txt", below=again.partition("/map.txt")[0])

    assert bought.comes_back("map.txt") == before
    time.sleep(SOME_SWEEPS)
    assert bought.made_good() == 1
    assert not [key for key in bought.held() if "/again-" in key]
    assert bought.obligation not in office.missed()


def test_what_is_outside_stays_in_use_when_the_files_come_out_anew(shop: PlotShop) -> None:
    bought = delivered(shop, later=True)

    made_anew(bought)
    time.sleep(SOME_SWEEPS)

    assert bought.attempt() == 3
    assert shop.is_staked(bought.reference)
    assert shop.undone(bought.reference) == 0


def test_what_is_outside_is_given_back_after_its_term_though_the_files_came_out_anew(shop: PlotShop) -> None:
    bought = delivered(shop, seconds=3600, grace=3600)

    made_anew(bought)
    assert shop.is_staked(bought.reference)

    bought.term_ends()
    assert not shop.is_staked(bought.reference)


def test_a_file_comes_back_though_attempts_to_restore_the_unit_have_failed(shop: PlotShop) -> None:
    bought = delivered(shop, name="bea", seconds=3600)
    shop.refuse("bea")
    for _ in range(2):
        bought.vanishes()
        until(lambda: shop.is_staked(bought.reference), SECONDS, "an attempt to restore it")
    bought.term_ends()
    shop.refuse("bea", refuses=False)
    [[failed]] = shop.sql("SELECT attempt FROM obligation WHERE id = ?", bought.obligation)
    assert failed > bought.attempt() == 1

    made_anew(bought)
    until(lambda: not shop.is_staked(bought.reference), SECONDS, "the end of what came back after its term")

    outside = shop.sql(
        "SELECT name FROM outside WHERE obligation_id = ? AND attempt = ?", bought.obligation, failed + 1
    )
    assert (bought.attempt(), outside) == (failed + 1, [("plot",)])


def test_a_file_comes_back_once_a_dispute_about_it_is_won(shop: PlotShop) -> None:
    bought = delivered(shop, name="cy")
    before = bought.fetch("deed.txt").content
    shop.refuse("cy")
    bought.lose("deed.txt")
    assert bought.fetch("deed.txt").status_code == 503
    until(bought.problems, SECONDS, "a try that fails")

    dispute(shop, bought.ref, action="open")
    until(lambda: any("disputed" in one for one in bought.problems()), SECONDS, "a try during the dispute")
    shop.refuse("cy", refuses=False)
    dispute(shop, bought.ref, action="close", outcome="won")

    assert bought.is_back("deed.txt") == before


def test_a_file_comes_back_once_its_product_is_installed_again(shop: PlotShop) -> None:
    bought = delivered(shop)
    before = bought.fetch("deed.txt").content
    [points] = (shop.home.parent / "site").glob("*/entry_points.txt")
    whole = points.read_text()
    points.write_text("\n".join(line for line in whole.splitlines() if not line.startswith("plots")))
    shop.restart()
    bought.lose("deed.txt")
    assert bought.fetch("deed.txt").status_code == 503
    until(lambda: any("PRODUCT_UNKNOWN" in one for one in bought.problems()), SECONDS, "a try without the product")

    points.write_text(whole)
    shop.restart()

    assert bought.is_back("deed.txt") == before


def test_a_lost_file_comes_back_however_many_others_can_not_be_made_again(shop: PlotShop, office: Office) -> None:
    crowd = delivered(shop, name="crowd", quantity=CROWD)
    alone = delivered(shop)
    of_the_crowd = 'SELECT o.id FROM obligation o JOIN "order" r ON r.id = o.order_id WHERE r.number = ?'
    shop.refuse("crowd")
    for [owed] in shop.sql(of_the_crowd, crowd.number):
        for stored in (shop.home / "objects" / "artefacts" / owed).rglob("deed.txt/*"):
            stored.unlink()
    office.parts.orphans.run()
    under_way = "SELECT count(*) FROM redelivery WHERE open_for IS NOT NULL AND tries > 1"
    until(lambda: shop.sql(under_way)[0][0] >= AT_A_TIME, SECONDS, "the others failing")

    alone.lose("deed.txt")

    alone.comes_back("deed.txt")


def test_what_is_restored_while_its_money_goes_back_is_taken_back(shop: PlotShop, office: Office) -> None:
    bought = delivered(shop, name="dan", seconds=3600)
    shop.delay("dan")
    bought.vanishes()
    again = "SELECT 1 FROM outside WHERE obligation_id = ? AND attempt = 2"
    until(lambda: shop.sql(again, bought.obligation), SECONDS, "the restoring")
    assert office.parts.operating.refund(bought.obligation, ANN, "It keeps failing.")
    until(lambda: shop.undone(bought.reference), SECONDS, "what is not there yet being given up")

    bought.takes_effect_late("dan")


def test_a_term_that_had_failed_when_its_time_was_up_is_paid_back_in_part_once_its_dispute_is_won(
    shop: PlotShop,
) -> None:
    bought = delivered(shop, name="eve", seconds=3600)
    of = "FROM commitment WHERE obligation_id = ?"
    shop.delay("eve")
    # Some of the term is kept, however short the clock will make it.
    time.sleep(1)
    bought.vanishes()
    until(lambda: shop.sql(f"SELECT failing_seconds {of}", bought.obligation)[0][0] > 0, SECONDS, "the failing")
    dispute(shop, bought.ref, action="open")
    until(lambda: bought.money() == "disputed", SECONDS, "the dispute")
    now = "strftime('%Y-%m-%d %H:%M:%f000', 'now')"
    shop.sql(f"UPDATE commitment SET until = {now} WHERE obligation_id = ?", bought.obligation)
    time.sleep(SOME_SWEEPS)
    assert shop.sql(f"SELECT state {of}", bought.obligation) == [("standing",)]

    dispute(shop, bought.ref, action="close", outcome="won")

    until(lambda: shop.sql(f"SELECT state {of}", bought.obligation) == [("broken",)], SECONDS, "its end")
    payment = bought.customer.order(bought.number)["payment"]["id"]
    until(lambda: 0 < shop.provider.kept(payment) < 100, SECONDS, "a part of its money going back")
    shop.delay("eve", delays=False)


def test_a_failing_term_whose_product_is_gone_when_its_time_is_up_waits_for_it(shop: PlotShop) -> None:
    bought = delivered(shop, name="flo", seconds=3600)
    state = "SELECT state FROM commitment WHERE obligation_id = ?"
    shop.delay("flo")
    bought.vanishes()
    failing = "SELECT failing_seconds FROM commitment WHERE obligation_id = ?"
    until(lambda: shop.sql(failing, bought.obligation)[0][0] > 0, SECONDS, "the failing")
    [points] = (shop.home.parent / "site").glob("*/entry_points.txt")
    whole = points.read_text()
    points.write_text("\n".join(line for line in whole.splitlines() if not line.startswith("plots")))
    shop.restart()
    now = "strftime('%Y-%m-%d %H:%M:%f000', 'now')"
    shop.sql(f"UPDATE commitment SET until = {now} WHERE obligation_id = ?", bought.obligation)
    time.sleep(SOME_SWEEPS)
    waited = shop.sql(state, bought.obligation)
    points.write_text(whole)
    shop.restart()

    assert waited == [("standing",)]
    until(lambda: shop.sql(state, bought.obligation) == [("broken",)], SECONDS, "its end")
    shop.delay("flo", delays=False)
