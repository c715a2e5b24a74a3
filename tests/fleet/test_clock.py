"""Several hosts, one time: whose clock is off does nothing too early, and is told so."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.postgres import Postgres
from tests.samples.post_office import PostOffice
from tests.shops import SAMPLES, Shop, until

TWO_HOURS = "7200"


@pytest.fixture
def office(tmp_path: Path) -> Iterator[PostOffice]:
    office = PostOffice(tmp_path)
    office.start()
    yield office
    office.stop()


def test_a_host_whose_clock_is_ahead_ends_no_term_too_early_and_is_told_so(tmp_path: Path, office: PostOffice) -> None:
    with Postgres() as postgres:
        postgres.create("shop")
        env = {"MAILBOX_SERVER": office.url, "MAKEGOOD_PROBE_SECONDS": "0.3"}
        with Shop(tmp_path / "shop", sells=SAMPLES, MAKEGOOD_DATABASE_URL=postgres.url("shop"), **env) as shop:
            customer = shop.customer()
            number = customer.checkout(customer.draft({}, "mailboxes", seconds=3600))["number"]
            shop.provider.act(customer.payable(number)["ref"])
            assert customer.at_rest(number)["state"] == "delivered"
            [reference] = office.ledger()

            shop.restart(MAKEGOOD_TEST_CLOCK_SECONDS=TWO_HOURS)
            before = len(office.looks()[reference])
            until(lambda: len(office.looks()[reference]) >= before + 3 or not office.ledger()[reference]["alive"], 30,
                  "looks at the mailbox")  # fmt: skip

            assert office.ledger()[reference]["alive"]
            [term] = customer.order(number)["units"][0]["commitments"]
            assert term["state"] == "standing"
            env = {**shop.env, "MAKEGOOD_TEST_CLOCK_SECONDS": TWO_HOURS}
            command = [sys.executable, "-m", "makegood.cli", "doctor", "--json"]
            said = subprocess.run(command, env=env, capture_output=True, text=True, check=False).stdout
            wrong = {line["name"]: line["problem"] for line in json.loads(said)["checks"] if not line["ok"]}
            assert list(wrong) == ["clock, beside the database's"]
            assert wrong["clock, beside the database's"].startswith("it is +7200 s off")
