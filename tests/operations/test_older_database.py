"""A database of an older release is migrated by who is told to, and by nobody who only looks."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.script import ScriptDirectory
from typer.testing import CliRunner, Result

import makegood.app  # noqa: F401 - has every model of the core
from makegood.cli import app
from makegood.kernel import schema
from makegood.kernel.database import Database
from makegood.kernel.schema import CORE

KEPT = ("SELECT * FROM job WHERE id = ?", "SELECT * FROM job_output WHERE job_id = ?")
ADDING = (("operators", "add", "olga@example.com"), ("promotion", "SPRING", "--percent", "10"))


def run(home: Path, *arguments: str, **env: str) -> Result:
    """What a command says in this home."""
    return CliRunner().invoke(app, arguments, env={"MAKEGOOD_HOME": str(home), "MAKEGOOD_SANDBOX_URL": "", **env})


def revision(home: Path) -> str | None:
    """At which migration the home's database is; None if nothing was ever kept in it."""
    database = Database(f"sqlite:///{home / 'shop.db'}")
    try:
        return schema.examine(database).present
    finally:
        database.close()


def before_this_release() -> str:
    """The last migration of the release before."""
    script = ScriptDirectory(str(CORE.versions.parent), version_locations=[str(CORE.versions)])
    return str(script.get_revision(str(script.get_current_head())).down_revision)


@pytest.fixture
def older(tmp_path: Path) -> Path:
    """The home of a shop that was stopped under the release before."""
    database = Database(f"sqlite:///{tmp_path / 'shop.db'}")
    command.upgrade(schema._config(database, CORE), before_this_release())
    database.close()
    return tmp_path


def test_a_proof_leaves_a_database_of_an_older_release_as_it_is_and_names_it(older: Path) -> None:
    with sa.create_engine(f"sqlite:///{older / 'shop.db'}").connect() as connection:
        tables = sa.inspect(connection).get_table_names()

    done = run(older, "proof", "--json")

    report = json.loads(done.stdout)
    assert (done.exit_code, report["holds"], report["violations"]) == (1, False, [])
    assert any("makegood migrate" in line for line in report["unanswered"])
    assert revision(older) == before_this_release()
    with sa.create_engine(f"sqlite:///{older / 'shop.db'}").connect() as connection:
        assert sa.inspect(connection).get_table_names() == tables


def test_a_proof_names_a_database_of_a_newer_release(older: Path) -> None:
    with sa.create_engine(f"sqlite:///{older / 'shop.db'}").begin() as connection:
        connection.execute(sa.text("UPDATE alembic_version SET version_num = 'of tomorrow'"))

    done = run(older, "proof")

    assert (done.exit_code, "run the newer release" in " ".join(done.stdout.split())) == (1, True)


def test_a_proof_prepares_an_empty_home_even_where_nothing_is_migrated_at_a_start(tmp_path: Path) -> None:
    assert run(tmp_path / "new", "proof", MAKEGOOD_MIGRATE_AT_START="false").exit_code == 0


@pytest.mark.parametrize("adding", ADDING, ids=lambda adding: adding[0])
def test_what_adds_a_row_migrates_only_where_a_start_would(older: Path, adding: tuple[str, ...]) -> None:
    run(older, *adding, MAKEGOOD_MIGRATE_AT_START="false")
    assert revision(older) == before_this_release()

    done = run(older, *adding)

    assert done.exit_code == 0, done.output
    assert revision(older) != before_this_release()


@pytest.mark.parametrize("adding", [*ADDING, ("operators", "list")], ids=lambda adding: " ".join(adding[:2]))
def test_what_lacks_its_tables_is_said_in_a_sentence(tmp_path: Path, adding: tuple[str, ...]) -> None:
    done = run(tmp_path / "new", *adding, MAKEGOOD_MIGRATE_AT_START="false")

    assert (done.exit_code, isinstance(done.exception, SystemExit)) == (1, True)
    assert "makegood migrate" in done.output


def test_an_order_of_an_older_release_knows_the_promotion_that_it_may_give_back(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path / 'shop.db'}")
    command.upgrade(schema._config(database, CORE), "0010")
    ended = {"open": (None, None), "paid": ("2026-01-02", None), "closed": (None, "2026-01-02")}
    order = (
        'INSERT INTO "order" (id, number, email, currency, discount_minor, tax_minor, total_minor, test, created_at,'
        " paid_at, closed_at) VALUES (:id, :id, 'kim@example.com', 'USD', 50, 0, 50, 1, '2026-01-01', :paid, :closed)"
    )
    placed = (
        "INSERT INTO audit_event (id, at, event, order_id, subject, data)"
        " VALUES (:id, '2026-01-01', 'order.placed', :id, :id, '{\"promotion\": \"HALF\"}')"
    )
    with database.write() as session:
        for name, (paid, closed) in ended.items():
            session.execute(sa.text(order), {"id": name, "paid": paid, "closed": closed})
            session.execute(sa.text(placed), {"id": name})

    command.upgrade(schema._config(database, CORE), "0011")

    with database.read() as session:
        kept = dict(session.execute(sa.text('SELECT id, promotion FROM "order"')).all())
    database.close()
    assert kept == {"open": "HALF", "paid": "HALF", "closed": None}


def put(connection: sqlite3.Connection, table: str, **values: object) -> None:
    """A row of a table."""
    names, marks = ", ".join(values), ", ".join("?" * len(values))
    connection.execute(f'INSERT INTO "{table}" ({names}) VALUES ({marks})', list(values.values()))


def test_what_expired_drafts_and_their_jobs_still_said_goes_but_for_what_an_order_is_made_from(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path / 'shop.db'}")
    command.upgrade(schema._config(database, CORE), "0011")
    database.close()
    day, words = "2026-01-01 00:00:00", json.dumps({"text": "My words"})
    with sqlite3.connect(tmp_path / "shop.db") as connection:
        put(
            connection, "asset", id="a", key="a", sha256="a", size=1, media_type="audio/wav", file_name="a",
            created_at=day,
        )  # fmt: skip
        for name in ("forgotten", "ordered"):
            put(
                connection, "draft", id=name, product_id="tunes", visitor_id="v", version=0, options=words,
                created_at=day, expires_at=day,
            )  # fmt: skip
            put(
                connection, "job", id=name, draft_id=name, version=1, product_id="tunes", options=words, inputs="[]",
                seed=1, state="completed", attempt=1, done=1, doing="", error_text="My words", created_at=day,
                ended_at=day,
            )  # fmt: skip
            put(connection, "job_output", id=name, job_id=name, position=0, name="tune", asset_id="a", facts=words)
        put(
            connection, "order", id="o", number="ORD-1", email="a@example.com", currency="USD", discount_minor=0,
            tax_minor=0, total_minor=100, test=0, created_at=day,
        )  # fmt: skip
        put(
            connection, "order_line", id="l", order_id="o", position=0, product_id="tunes", description="Tune",
            options="{}", price="[]", quantity=1, amount_minor=100, untold=0, job_id="ordered",
        )  # fmt: skip
    connection.close()

    done = run(tmp_path, "migrate")

    assert done.exit_code == 0, done.output
    with sqlite3.connect(tmp_path / "shop.db") as connection:
        said = {
            name: "My words" in repr([connection.execute(query, [name]).fetchall() for query in KEPT])
            for name in ("forgotten", "ordered")
        }
        drafts = connection.execute("SELECT DISTINCT options FROM draft").fetchall()
    connection.close()
    assert (said, drafts) == ({"forgotten": False, "ordered": True}, [("{}",)])
