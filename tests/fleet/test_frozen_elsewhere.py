"""A process that stands still in the middle of a change, and is no worker that others watch, keeps nobody waiting."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from makegood.kernel import database as databases
from makegood.kernel import schema
from makegood.kernel.database import Database
from tests.postgres import Postgres


def test_what_a_frozen_process_has_locked_is_let_go(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(databases, "FROZEN_SECONDS", 1)
    change = sa.text("UPDATE alembic_version SET version_num = version_num")
    with Postgres() as server:
        url = server.create("shop")
        frozen, working = Database(url), Database(url)
        schema.migrate(frozen)
        with frozen.engine.connect() as connection:
            connection.execute(change)
            # It does nothing more, and holds the row.
            with working.engine.begin() as other:
                other.execute(sa.text("SET LOCAL lock_timeout = '20s'"))
                assert other.execute(change).rowcount == 1
            connection.invalidate()
        working.close()
        frozen.close()
