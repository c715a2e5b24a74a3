"""A table of the shop's own that is gone, a column that was renamed: start-up, health, doctor and the pages name it;
nothing is lost, and what is paid meanwhile is delivered after the repair by itself."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from tests.health.toyshop import Toyshop, bought, payable
from tests.shops import until


@dataclass(frozen=True)
class Damage:
    """What is done to the database and undone, what is named, and whether the shop is started on it."""

    name: str
    do: str
    undo: str
    issue: str
    names: str
    at_start: bool


DAMAGES = [
    Damage(
        "a table is dropped", "ALTER TABLE artefact RENAME TO kept", "ALTER TABLE kept RENAME TO artefact",
        "missingTables", "artefact", at_start=False,
    ),
    Damage(
        "a column is renamed", 'ALTER TABLE "grant" RENAME COLUMN token TO tokem',
        'ALTER TABLE "grant" RENAME COLUMN tokem TO token', "missingColumns", "grant.token", at_start=False,
    ),
    Damage(
        "a table is gone when the shop starts", "ALTER TABLE artefact RENAME TO kept",
        "ALTER TABLE kept RENAME TO artefact", "missingTables", "artefact",
        at_start=True,
    ),
]  # fmt: skip


@pytest.mark.parametrize("damage", DAMAGES, ids=lambda damage: damage.name)
def test_what_is_gone_is_named_and_what_is_owed_waits_for_it(shop: Toyshop, damage: Damage) -> None:
    late, paid = payable(shop, "marbles")
    early, delivered = bought(shop, "marbles")
    mark = shop.log.stat().st_size
    if damage.at_start:
        shop.stop()
    shop.sql(damage.do)
    if damage.at_start:
        shop.start()
        until(lambda: f"the table {damage.names}" in shop.said_since(mark), 10, "the start naming it")
        assert "makegood migrate --recreate artefact" in shop.said_since(mark)

    # Health and doctor name it and say what to do; this process can't serve as it should.
    until(lambda: not shop.is_healthy(), 10, "the damage showing in /health")
    status, health = shop.health()
    assert (status, health["status"], health["database"]) == (503, "degraded", "connected")
    assert health["issues"][damage.issue] == [damage.names]
    assert shop.customer().http.get("/health/ready").status_code == 503
    assert shop.customer().http.get("/health/live").status_code == 200
    code, told = shop.run("doctor")
    assert code == 1
    assert damage.names in told
    assert "--recreate artefact" in told or 'RENAME COLUMN "tokem" TO "token"' in told

    # The customer's page says so too, in plain words, and what to do.
    page = early.http.get(f"/orders/{delivered['number']}")
    assert page.status_code == 503
    assert "SCHEMA_DAMAGED" in page.text
    assert "Nothing is lost" in page.text
    assert damage.names.split(".")[-1] in page.text
    early.refused(503, "SCHEMA_DAMAGED", "GET", f"/api/v1/orders/{delivered['number']}")
    assert early.http.get("/").status_code == 200

    # The money comes in and is not lost; nothing made the table anew behind anybody's back.
    shop.provider.act(paid["ref"])
    until(lambda: shop.provider.captures(paid["payment"]["id"]) == 1, 10, "the capture")
    if not damage.at_start:
        until(lambda: shop.sql("SELECT error_code FROM obligation WHERE error_code = 'SCHEMA_DAMAGED'"), 30, "the wait")
    assert shop.health()[1]["issues"][damage.issue] == [damage.names]

    shop.sql(damage.undo)
    assert late.at_rest(paid["number"])["state"] == "delivered"
    assert shop.provider.captures(paid["payment"]["id"]) == 1
    until(shop.is_healthy, 15, "health after the repair")
    assert early.http.get(f"/orders/{delivered['number']}").status_code == 200


def test_a_table_that_held_nothing_is_made_anew_only_when_an_operator_says_so(shop: Toyshop) -> None:
    shop.sql("DROP TABLE promotion")
    assert shop.run("migrate")[0] == 1
    assert shop.sql("SELECT name FROM sqlite_master WHERE name = 'promotion'") == []
    assert shop.run("migrate", "--recreate", "order")[0] == 1

    assert shop.run("migrate", "--recreate", "promotion")[0] == 0

    assert shop.run("migrate", "--pending") == (0, "")
    until(shop.is_healthy, 15, "health after the repair")
