"""A plug-in whose tables, models or code are broken: it is named everywhere, it can't be sold, what is owed of it
waits and is delivered after the repair without anyone touching the order; the other product sells on meanwhile."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import pytest

from tests.health.toyshop import NEXT, Toyshop, bought, payable, waiting_for
from tests.shops import until


@dataclass(frozen=True)
class Damage:
    """What breaks, what mends it, the code that customers see, and what every look at the shop names."""

    name: str
    code: str
    names: str
    do: Callable[[Toyshop], object]
    mend: Callable[[Toyshop], object]
    restarts: bool = False


def no_tail(shop: Toyshop) -> None:
    """A new release of the plug-in: its model has a column that only its new migration makes."""
    (shop.site / "kites" / "migrations" / "0002_tails.py").write_text(NEXT)
    with (shop.site / "kites" / "models.py").open("a") as models:
        models.write("    tail: Mapped[str | None]\n")


def broken_code(shop: Toyshop) -> None:
    """One plug-in can't be imported; of another, a relationship leads nowhere."""
    (shop.site / "kites" / "models.py").rename(shop.site / "kites" / "models.gone")
    with (shop.site / "tops.py").open("a") as tops:
        tops.write(BROKEN)


def mended_code(shop: Toyshop) -> None:
    (shop.site / "kites" / "models.gone").rename(shop.site / "kites" / "models.py")
    tops = shop.site / "tops.py"
    tops.write_text(tops.read_text().removesuffix(BROKEN))


BROKEN = """

class Base(DeclarativeBase):
    pass


class Top(Base):
    __tablename__ = "tops_top"

    id: Mapped[str] = mapped_column(primary_key=True)
    string: Mapped["Nowhere"] = relationship("Nowhere")
"""
DAMAGES = [
    Damage(
        "its table is gone", "SCHEMA_DAMAGED", "kites_kite",
        lambda shop: shop.sql("ALTER TABLE kites_kite RENAME TO gone"),
        lambda shop: shop.sql("ALTER TABLE gone RENAME TO kites_kite"),
    ),
    Damage(
        "its column is renamed", "SCHEMA_DAMAGED", "kites_kite.colour",
        lambda shop: shop.sql("ALTER TABLE kites_kite RENAME COLUMN colour TO color"),
        lambda shop: shop.sql("ALTER TABLE kites_kite RENAME COLUMN color TO colour"),
    ),
    Damage("it can't be imported", "PRODUCT_BROKEN", "kites.models", broken_code, mended_code, restarts=True),
    Damage(
        "its migration is not applied", "MIGRATION_PENDING", "kites_kite.tail", no_tail,
        lambda shop: shop.run("migrate"), restarts=True,
    ),
]  # fmt: skip


def test_health_names_what_is_gone_of_the_core_and_of_a_plug_in(shop: Toyshop) -> None:
    shop.sql("ALTER TABLE kites_kite RENAME TO gone", "ALTER TABLE artefact RENAME TO kept")
    try:
        gone = {"kites_kite", "artefact"}
        until(lambda: set(shop.health()[1]["issues"].get("missingTables", ())) == gone, 20, "both being named")
        told = " ".join(shop.health()[1]["issues"]["schema"])
        assert "kites_kite" in told
        assert "artefact" in told
    finally:
        shop.sql("ALTER TABLE gone RENAME TO kites_kite", "ALTER TABLE kept RENAME TO artefact")
    until(shop.is_healthy, 20, "its being well again")


@pytest.mark.parametrize("damage", DAMAGES, ids=lambda damage: damage.name)
def test_a_broken_plug_in_is_named_and_what_it_owes_is_delivered_after_the_repair(
    shop: Toyshop, damage: Damage
) -> None:
    late, paid = payable(shop, "kites")
    early, delivered = bought(shop, "kites")
    assert shop.is_healthy()
    mark = shop.log.stat().st_size
    damage.do(shop)
    if damage.restarts:
        shop.stop()
        shop.start(MAKEGOOD_MIGRATE_AT_START="false")

    # Start-up, health and doctor name it and say what to do.
    until(lambda: not shop.is_healthy(), 10, "the damage showing in /health")
    status, health = shop.health()
    assert (status, health["status"], health["database"]) == (503, "degraded", "connected")
    assert damage.names in str(health["issues"])
    code, told = shop.run("doctor", MAKEGOOD_MIGRATE_AT_START="false")
    assert code == 1
    [line] = [line for line in told.splitlines() if "✗" in line and "kites" in line]
    assert damage.names in line
    assert "→" in told
    if damage.restarts:
        until(lambda: damage.names in shop.said_since(mark), 10, "the start naming it")
        assert "✗" in shop.said_since(mark)

    # Its pages and its API say so; nothing of it is sold.
    visitor = shop.customer()
    page = visitor.http.get("/kites")
    assert page.status_code == 503
    assert damage.code in page.text
    assert "Nothing is lost" in page.text or "Nothing was charged" in page.text
    visitor.refused(503, damage.code, "GET", "/api/v1/kites/offer")
    visitor.refused(503, damage.code, "POST", "/api/v1/drafts", json={"product": "kites"})
    assert "kites" not in [product["id"] for product in visitor.expect(200, "GET", "/api/v1/products")]

    # What is paid waits and says why; the page of it and of what was delivered stay.
    shop.provider.act(paid["ref"])
    assert waiting_for(late, paid["number"]) == damage.code
    waits = late.http.get(f"/orders/{paid['number']}")
    assert (waits.status_code, "missing in our workshop" in waits.text) == (200, True)
    url = early.order(delivered["number"])["units"][0]["artefacts"][0]["url"]
    assert early.http.get(url).text == "Kite: "

    # The other product sells on.
    bought(shop, "marbles")
    assert visitor.http.get("/").status_code == 200

    # After the repair all of it goes on.
    damage.mend(shop)
    if damage.restarts and damage.code == "PRODUCT_BROKEN":
        shop.stop()
        shop.start()
    assert late.at_rest(paid["number"])["state"] == "delivered"
    assert shop.provider.captures(paid["payment"]["id"]) == 1
    until(shop.is_healthy, 15, "health after the repair")
    assert visitor.http.get("/kites").text == "Buy a Kite!"


def test_a_relationship_that_leads_nowhere_breaks_only_its_own_plug_in(shop: Toyshop) -> None:
    broken_code(shop)
    try:
        code, told = shop.run("doctor")
        pending, missing = shop.run("migrate", "--pending")
    finally:
        mended_code(shop)
    assert (code, pending) == (1, 1)
    assert {line.split()[2].rstrip(":,") for line in told.splitlines() if "✗" in line} == {"kites", "tops"}
    assert "'Nowhere'" in told
    assert "✓ core models" in told
    assert "✓ product marbles" in told
    assert "tops" in missing
    assert shop.run("doctor")[0] == 0
    assert shop.run("proof")[0] == 0


def test_a_plug_in_on_the_cores_own_base_is_refused_before_it_can_break_a_core_model(shop: Toyshop) -> None:
    (shop.site / "toys.py").rename(shop.site / "toys.kept")
    text = (shop.site / "toys.kept").read_text()
    (shop.site / "toys.py").write_text(
        text + "\nfrom makegood.kernel.database import Base\nfrom sqlalchemy.orm import Mapped, mapped_column\n\n\n"
        'class Marble(Base):\n    __tablename__ = "order"\n    id: Mapped[str] = mapped_column(primary_key=True)\n'
    )
    try:
        code, told = shop.run("doctor")
    finally:
        (shop.site / "toys.kept").rename(shop.site / "toys.py")
    assert code == 1
    assert "✓ core models" in told
    assert "a product declares its models on a DeclarativeBase of its own" in told
