"""Code and tables that were half there when the shop opened."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pytest

import makegood.app  # noqa: F401 - has every model of the core
from makegood.kernel.database import Base
from makegood.product_api import Artefact, MakeContext
from makegood.testing import Example, problems
from tests.health.toyshop import NEXT, Toyshop, bought, payable
from tests.samples.notes import Notes
from tests.shops import until

SECONDS = 20
NOWHERE = """

class Base(DeclarativeBase):
    pass


class Top(Base):
    __tablename__ = "tops_top"

    id: Mapped[str] = mapped_column(primary_key=True)
    string: Mapped["Nowhere"] = relationship("Nowhere")
"""


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Toyshop]:
    """A shop whose products are damaged and mended one after the other."""
    with Toyshop(tmp_path_factory.mktemp("schema")) as running:
        yield running


def test_one_broken_relationship_keeps_every_model_from_loading(shop: Toyshop) -> None:
    tops = shop.site / "tops.py"
    whole = tops.read_text()
    tops.write_text(whole + NOWHERE)
    shop.restart()
    try:
        bought(shop, "marbles")
        bought(shop, "kites")
        shop.customer().refused(503, "PRODUCT_BROKEN", "POST", "/api/v1/drafts", json={"product": "tops"})
        status, health = shop.health()
        assert (status, "Nowhere" in str(health["issues"])) == (503, True)
    finally:
        tops.write_text(whole)


class OtherNotes(Notes):
    """Made by a renderer that was written beside the notes' own, and has all of its methods but one."""

    def make(self, ctx: MakeContext) -> Sequence[Artefact]:
        return ctx.step("write", lambda: [self.convert_pdf_to_image(ctx)])  # type: ignore[attr-defined]


def test_a_renderer_that_lacks_a_method_which_its_sibling_has() -> None:
    assert problems(Notes(), Example({"text": "hello"})) == {}

    found = problems(OtherNotes(), Example({"text": "hello"}))

    # Its author is told before anybody can buy it.
    assert "convert_pdf_to_image" in str(found)


def test_a_migration_that_exists_and_was_never_applied(shop: Toyshop) -> None:
    models = shop.site / "kites" / "models.py"
    whole = models.read_text()
    late, paid = payable(shop, "kites")
    (shop.site / "kites" / "migrations" / "0002_tails.py").write_text(NEXT)
    models.write_text(whole + "    tail: Mapped[str | None]\n")
    assert shop.run("migrate", "--pending")[0] == 1
    shop.kill()
    shop.start(MAKEGOOD_MIGRATE_AT_START="false")

    late.refused(503, "MIGRATION_PENDING", "POST", "/api/v1/drafts", json={"product": "kites"})
    until(lambda: "kites_kite.tail" in str(shop.health()), SECONDS, "health naming it")
    shop.provider.act(paid["ref"])
    bought(shop, "marbles")
    assert late.order(paid["number"])["at_rest"] is False

    code, said = shop.run("migrate")
    assert code == 0, said
    assert late.at_rest(paid["number"])["state"] == "delivered"
    until(shop.is_healthy, SECONDS, "health after it")
    assert shop.run("migrate", "--pending") == (0, "")


def test_a_column_that_two_tables_spell_differently(shop: Toyshop) -> None:
    for table in Base.metadata.tables.values():
        for column in table.columns:
            for key in column.foreign_keys:
                assert column.name.endswith(f"{key.column.table.name}_id"), f"{column} refers to {key.column}"
                assert type(column.type) is type(key.column.type), f"{column} is not what {key.column} is"

    # And one that is spelled otherwise in the database than in the models is told, not read as empty.
    shop.sql('ALTER TABLE "grant" RENAME COLUMN token TO tokem')
    try:
        until(lambda: not shop.is_healthy(), SECONDS, "health naming it")
        assert shop.health()[1]["issues"]["missingColumns"] == ["grant.token"]
    finally:
        shop.sql('ALTER TABLE "grant" RENAME COLUMN tokem TO token')
    until(shop.is_healthy, SECONDS, "health after the repair")


def test_a_deployment_that_starts_and_logs_that_half_of_it_cannot_work(shop: Toyshop) -> None:
    shop.sql("ALTER TABLE artefact RENAME TO kept")
    try:
        # Told to whoever deploys, before and after: no log has to be read.
        code, told = shop.run("migrate", "--pending")
        assert (code, "artefact" in told) == (1, True)
        shop.restart()
        assert shop.customer().http.get("/health/live").status_code == 200
        assert shop.customer().http.get("/health/ready").status_code == 503
        assert shop.run("doctor")[0] == 1
    finally:
        shop.sql("ALTER TABLE kept RENAME TO artefact")
    until(shop.is_healthy, SECONDS, "health after the repair")
    bought(shop, "marbles")
