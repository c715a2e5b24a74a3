"""The engine's records of ended work are forgotten in time, and whoever ordered notices nothing."""

from __future__ import annotations

from pathlib import Path

from makegood.engine import WorkState
from tests.operations.note_shop import NoteShop, buy_note, obligation
from tests.shops import until


def test_the_engine_forgets_what_ended_and_nothing_is_made_or_paid_back_for_it(tmp_path: Path) -> None:
    with NoteShop(tmp_path, MAKEGOOD_ENGINE_DAYS="0", MAKEGOOD_HOUSEKEEPING_SECONDS="0.2") as shop:
        customer = shop.customer()
        number = buy_note(shop, customer)
        order = customer.at_rest(number)
        with shop.beside() as office:
            work, engine = obligation(office, number).work, office.services.engine
            until(lambda: engine.state(work) == WorkState.ABSENT, 10, "the engine forgetting it")
            office.services.operating.redeliver(obligation(office, number).id, "ann@shop.example", "asked for")

        customer.at_rest(number)
        code, said = shop.cli("proof")
        assert code == 0, said
        assert customer.http.get(order["units"][0]["artefacts"][0]["url"]).status_code == 200
        assert obligation(office, number).attempt == order["units"][0]["attempt"]
        assert shop.provider.captures(order["payment"]["id"]) == 1
        assert shop.provider.kept(order["payment"]["id"]) == order["total"]["minor"]
