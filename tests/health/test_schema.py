"""Migrations by branch: forward, whole or not at all, twice without a difference; on SQLite and on PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

import makegood.app  # noqa: F401 - has every model of the core
from makegood.kernel import schema
from makegood.kernel.absences import MigrationFailed, MigrationPending, SchemaAhead, SchemaDamaged
from makegood.kernel.database import NAMING, Database
from makegood.kernel.schema import CORE, Branch
from tests.postgres import Postgres

FIRST = """
import sqlalchemy as sa
from alembic import op

revision = "toys1"
down_revision = None
branch_labels = ("toys",)
depends_on = None


def upgrade() -> None:
    op.create_table("toys_box", sa.Column("id", sa.String(), primary_key=True))
    op.create_table(
        "toys_toy",
        sa.Column("id", sa.String(), primary_key=True),
        sa.Column("box_id", sa.String(), sa.ForeignKey("toys_box.id", name="fk_toys_toy_box_id"), nullable=False),
    )
"""
SECOND = """'''Boxes have a colour'''

import sqlalchemy as sa
from alembic import op

revision = "toys2"
down_revision = "toys1"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("toys_box") as box:
        box.add_column(sa.Column("colour", sa.String(), nullable=True))
        box.create_check_constraint(op.f("ck_toys_box_colour"), "colour <> ''")
"""
BROKEN = "    raise RuntimeError('the power went')\n"


@pytest.fixture(scope="module")
def postgres() -> Iterator[Postgres]:
    with Postgres() as server:
        yield server


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    """An empty database of either kind."""
    if request.param == "sqlite":
        url = f"sqlite:///{tmp_path}/shop.db"
    else:
        server: Postgres = request.getfixturevalue("postgres")
        url = server.create(f"d{abs(hash(tmp_path))}")
    found = Database(url)
    yield found
    found.close()


@pytest.fixture
def toys(tmp_path: Path) -> Branch:
    """A branch with its first migration; the model is already at its second."""
    versions = tmp_path / "versions"
    versions.mkdir()
    (versions / "1.py").write_text(FIRST)
    metadata = sa.MetaData(naming_convention=NAMING)
    sa.Table("toys_box", metadata, sa.Column("id", sa.String, primary_key=True), sa.Column("colour", sa.String))
    sa.Table(
        "toys_toy", metadata, sa.Column("id", sa.String, primary_key=True),
        sa.Column("box_id", sa.String, sa.ForeignKey("toys_box.id"), nullable=False),
    )  # fmt: skip
    return Branch("toys", metadata, versions)


def do(database: Database, *statements: str) -> list[sa.Row[tuple[object, ...]]]:
    with database.write() as session:
        results = [session.execute(sa.text(statement)) for statement in statements]
        return list(results[-1].all()) if results[-1].returns_rows else []


def test_the_core_and_a_product_are_migrated_beside_each_other_and_twice_changes_nothing(
    database: Database, toys: Branch
) -> None:
    (toys.versions / "2.py").write_text(SECOND)
    schema.require_branch(toys)
    for _ in range(2):
        for branch in (CORE, toys):
            schema.migrate(database, branch)
    for branch in (CORE, toys):
        assert schema.differences(database, branch) == []
        assert schema.examine(database, branch).problem is None
    # The plug-in is gone: the core is none the worse for it.
    schema.migrate(database)


def test_a_filled_table_that_others_refer_to_is_changed_without_losing_anything(
    database: Database, toys: Branch
) -> None:
    schema.migrate(database, toys)
    do(database, "INSERT INTO toys_box (id) VALUES ('a')", "INSERT INTO toys_toy (id, box_id) VALUES ('t', 'a')")
    (toys.versions / "2.py").write_text(SECOND)
    state = schema.examine(database, toys)
    assert isinstance(state.problem, MigrationPending)
    assert state.pending == ("toys2 Boxes have a colour",)

    schema.migrate(database, toys)

    assert [tuple(row) for row in do(database, "SELECT id, box_id FROM toys_toy")] == [("t", "a")]
    with pytest.raises(sa.exc.IntegrityError):
        do(database, "INSERT INTO toys_toy (id, box_id) VALUES ('u', 'nowhere')")


def test_a_migration_that_fails_leaves_nothing_of_itself_nor_of_those_before_it(
    database: Database, toys: Branch
) -> None:
    (toys.versions / "2.py").write_text(SECOND + BROKEN)

    with pytest.raises(MigrationFailed, match="the power went"):
        schema.migrate(database, toys)

    state = schema.examine(database, toys)
    assert (state.present, state.missing_tables) == (None, ("toys_box", "toys_toy"))
    (toys.versions / "2.py").write_text(SECOND)
    schema.migrate(database, toys)
    assert schema.examine(database, toys).problem is None


def test_a_table_that_was_dropped_is_never_made_anew_by_migrating(database: Database) -> None:
    schema.migrate(database)
    do(database, "DROP TABLE promotion")

    schema.migrate(database)

    state = schema.examine(database)
    assert state.missing_tables == ("promotion",)
    assert isinstance(state.problem, SchemaDamaged)
    with pytest.raises(SchemaDamaged, match="promotion"):
        do(database, "SELECT * FROM promotion")
    assert schema.recreate(database, CORE, "promotion")
    assert schema.examine(database).problem is None
    assert schema.differences(database) == []


def test_a_table_that_was_put_back_without_its_keys_is_not_whole(postgres: Postgres) -> None:
    name = "put_back"
    database = Database(postgres.create(name))
    schema.migrate(database)
    database.engine.dispose()
    backup, table = str(postgres.folder / "backup.dump"), str(postgres.folder / "mail.sql")
    at = ("--host=127.0.0.1", f"--port={postgres.port}", "--username=makegood")
    postgres.run("pg_dump", *at, "--format=custom", f"--file={backup}", name)

    do(database, "DROP TABLE mail")
    postgres.run("pg_restore", *at, "--table=mail", f"--dbname={name}", backup)
    problem = schema.examine(database).problem
    assert isinstance(problem, SchemaDamaged)
    assert "the index uq_mail_key" in problem.for_operator()

    # As docs/running-it.md says.
    do(database, "DROP TABLE mail")
    postgres.create("aside")
    postgres.run("pg_restore", *at, "--dbname=aside", backup)
    postgres.run("pg_dump", *at, "--table=mail", f"--file={table}", "aside")
    postgres.run("psql", *at, "--single-transaction", f"--file={table}", "--set=ON_ERROR_STOP=1", name)
    assert schema.examine(database).problem is None
    assert schema.differences(database, CORE) == []
    database.close()


def test_a_renamed_column_is_told_with_the_statement_that_undoes_it(database: Database) -> None:
    schema.migrate(database)
    do(database, 'ALTER TABLE "mail" RENAME COLUMN "subject" TO "topic"')
    state = schema.examine(database)
    assert state.missing_columns == ("mail.subject",)
    with pytest.raises(SchemaDamaged, match="subject"):
        do(database, "SELECT subject FROM mail")

    do(database, *state.renamed)

    assert schema.examine(database).problem is None


def test_a_database_of_a_newer_release_is_left_alone(database: Database) -> None:
    schema.migrate(database)
    do(database, "UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(SchemaAhead, match="9999"):
        schema.migrate(database)


def test_tables_whose_record_of_migrations_is_gone_are_not_run_into(database: Database) -> None:
    schema.migrate(database)
    do(database, "DROP TABLE alembic_version")
    with pytest.raises(SchemaDamaged, match="alembic_version"):
        schema.migrate(database)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda text: text.replace('("toys",)', "None"), "branch label"),
        (lambda text: text + "\nraise ImportError('gone')\n", "gone"),
    ],
)  # fmt: skip
def test_migrations_of_a_product_that_cant_be_read_are_named(toys: Branch, change: object, said: str) -> None:
    (toys.versions / "1.py").write_text(change(FIRST))  # type: ignore[operator]
    with pytest.raises(MigrationFailed, match=said):
        schema.require_branch(toys)
