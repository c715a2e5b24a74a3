"""A chunk is one workflow for many units: a kill within it mixes up nobody's things."""

from __future__ import annotations

import re
from pathlib import Path

from tests.crash.labels import NO_INK
from tests.shops import Shop


def test_what_was_recorded_for_one_unit_is_never_another_ones(tmp_path: Path) -> None:
    with Shop(tmp_path, sells=["tests.crash.labels"]) as shop:
        customer = shop.customer()
        number = customer.checkout(customer.draft({}, "labels", motif="moon"), quantity=3)["number"]
        no_ink = shop.home / NO_INK
        no_ink.touch()
        # The first fails before its step, so what is recorded first is the second's.
        shop.die_at("labels.print:recorded")
        shop.provider.act(customer.payable(number)["ref"])
        shop.wait_for_death()
        no_ink.unlink()

        shop.start()

        order = customer.at_rest(number)
        assert order["state"] == "delivered"
        urls = [artefact["url"] for unit in order["units"] for artefact in unit["artefacts"]]
        drawn = [re.findall(r">moon (\d) ", customer.http.get(url).text) for url in urls]
        assert drawn == [["1"], ["2"], ["3"]]
