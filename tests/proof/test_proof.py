"""`makegood proof` finds nothing in a healthy shop and names the order of whatever contradicts the promise."""

from __future__ import annotations

import json
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.shops import Shop


@dataclass
class Settled:
    """A shop that has been stopped, with one delivered and one unpaid order; its provider still answers."""

    shop: Shop
    delivered: str
    unpaid: str


@pytest.fixture(scope="module")
def settled(tmp_path_factory: pytest.TempPathFactory, poster_files: dict[str, Path]) -> Iterator[Settled]:
    with Shop(tmp_path_factory.mktemp("proof")) as shop:
        customer = shop.customer()
        delivered = customer.checkout(customer.draft(poster_files, title="One"))["number"]
        shop.provider.act(customer.payable(delivered)["ref"])
        customer.at_rest(delivered)
        unpaid = customer.checkout(customer.draft(poster_files, title="Two"))["number"]
        customer.payable(unpaid)
        shop.stop()
        yield Settled(shop, delivered, unpaid)


def prove(shop: Shop, home: Path, **env: str) -> tuple[int, dict[str, Any]]:
    command = [sys.executable, "-m", "makegood.cli", "proof", "--json"]
    env = {**shop.env, "MAKEGOOD_HOME": str(home), **env}
    done = subprocess.run(command, env=env, capture_output=True, check=False)
    assert done.stdout, done.stderr.decode()[-2000:]
    return done.returncode, json.loads(done.stdout)


def test_a_healthy_shop_keeps_its_promise_and_so_does_an_empty_one(settled: Settled, tmp_path: Path) -> None:
    code, report = prove(settled.shop, settled.shop.home)
    assert (code, report["violations"], report["unanswered"], report["orders"]) == (0, [], [], 2)
    # With a provider of its own: in the other shop's list there is money that this one has never met.
    code, report = prove(settled.shop, tmp_path / "new", MAKEGOOD_SANDBOX_URL="")
    assert (code, report["violations"], report["unanswered"], report["orders"]) == (0, [], [], 0)


TAMPERED = {
    "every paid unit is owed, once": "DELETE FROM obligation",
    "every captured cent is allocated or goes back": "UPDATE obligation SET allocated_minor = 100",
    "what is delivered exists, unchanged, and its customer can reach it": 'DELETE FROM "grant"',
    "no more goes back than was allocated, and every unit's share of it adds up": (
        "UPDATE obligation SET money = 'refunded'"
    ),
    "what is owed comes to rest by its deadline": (
        "UPDATE obligation SET delivery = 'made', delivered_at = NULL, deadline_at = '2020-01-01 00:00:00.000000'"
    ),
    "what is owed back goes back within a day": (
        "UPDATE obligation SET money = 'refunding', owed_at = '2020-01-01 00:00:00.000000'"
    ),
    "inputs are kept as long as anything is owed from them": (
        "UPDATE obligation SET delivery = 'making', delivered_at = NULL, money = 'disputed'"
    ),
    "what stays owed after delivery has an end": "UPDATE commitment SET until = since",
    "what was promised until a date is over after it": (
        "UPDATE commitment SET since = '2020-01-01 00:00:00.000000', until = '2020-02-01 00:00:00.000000'"
    ),
    "the payment providers' own word is the same as ours": "UPDATE payment SET captured_minor = 1 WHERE paid_at > ''",
}


@pytest.mark.parametrize("clause", TAMPERED)
def test_each_clause_finds_what_contradicts_it(settled: Settled, tmp_path: Path, clause: str) -> None:
    home = tmp_path / "home"
    shutil.copytree(settled.shop.home, home)
    with sqlite3.connect(home / "shop.db") as database:
        database.execute(TAMPERED[clause])

    code, report = prove(settled.shop, home)

    assert code == 1
    assert (clause, settled.delivered) in {(found["clause"], found["order"]) for found in report["violations"]}


def test_a_paid_file_that_was_damaged_and_an_unpaid_one_that_is_gone_are_found(
    settled: Settled, tmp_path: Path
) -> None:
    home = tmp_path / "home"
    shutil.copytree(settled.shop.home, home)
    [pdf] = [path for path in (home / "objects" / "artefacts").glob("*/poster.pdf/*") if path.is_file()]
    pdf.write_bytes(b"%PDF-" + b"0" * (pdf.stat().st_size - 5))
    for upload in (home / "objects" / "uploads").glob("*/*"):
        upload.unlink()

    code, report = prove(settled.shop, home)

    assert code == 1
    assert {found["order"] for found in report["violations"]} == {settled.delivered, settled.unpaid}


DERIVED = """SELECT i.slot || '/' || each.key, each.value, a.key FROM "order" o
    JOIN order_line l ON l.order_id = o.id JOIN order_input i ON i.order_line_id = l.id, json_each(i.derived) each
    JOIN asset a ON a.id = each.value WHERE o.number = ? ORDER BY 1"""


@pytest.mark.parametrize("loss", ["hold", "bytes"])
def test_what_was_derived_from_an_open_orders_files_is_an_input_too(
    settled: Settled, tmp_path: Path, loss: str
) -> None:
    home = tmp_path / "home"
    shutil.copytree(settled.shop.home, home)
    with sqlite3.connect(home / "shop.db") as database:
        derived = database.execute(DERIVED, [settled.unpaid]).fetchall()
        if loss == "hold":
            database.executemany("DELETE FROM hold WHERE asset_id = ?", [(asset_id,) for _, asset_id, _ in derived])
    for _, _, key in derived if loss == "bytes" else ():
        path = home / "objects" / key
        path.write_bytes(bytes(path.stat().st_size))

    code, report = prove(settled.shop, home)

    assert code == 1
    assert {found["order"] for found in report["violations"]} == {settled.unpaid}
    problems = sorted(found["problem"] for found in report["violations"])
    assert [name for name, _, _ in derived] == ["photo/proxy", "sound/peaks"]
    assert len(problems) == 2
    assert all(f"its {name}" in problem for (name, _, _), problem in zip(derived, problems, strict=True)), problems


def test_a_provider_that_can_not_be_asked_is_no_proof(settled: Settled, tmp_path: Path) -> None:
    home = tmp_path / "home"
    shutil.copytree(settled.shop.home, home)
    away = Shop(tmp_path)
    away.env = {**settled.shop.env, "MAKEGOOD_SANDBOX_URL": away.provider.url}

    code, report = prove(away, home)

    assert (code, report["violations"]) == (1, [])
    assert len({line.partition(": ")[0] for line in report["unanswered"]}) == 3
