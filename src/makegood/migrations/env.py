"""Runs the migrations of one branch on the engine that the caller hands over, as one transaction."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Literal

import sqlalchemy as sa
from alembic import context

from makegood.kernel.database import UtcDateTime


def render_item(kind: str, item: Any, _autogen: Any) -> str | Literal[False]:
    """A migration stands for itself: it must not change when our types do."""
    return "sa.DateTime()" if kind == "type" and isinstance(item, UtcDateTime) else False


@contextmanager
def free_of_references(connection: sa.Connection) -> Iterator[None]:
    """SQLite changes a table by making it anew, which references from filled tables would forbid. They are looked at
    when all is done."""
    yield
    if connection.dialect.name != "sqlite":
        return
    broken = connection.exec_driver_sql("PRAGMA foreign_key_check").all()
    if broken:
        raise sa.exc.IntegrityError(f"references left hanging: {broken[:5]}", None, ValueError("foreign keys"))


def run(connection: sa.Connection) -> None:
    """Apply what is pending of the branch in the configuration's attributes."""
    attributes = context.config.attributes
    context.configure(
        connection=connection,
        target_metadata=attributes["metadata"],
        version_table=attributes["version_table"],
        render_as_batch=True,
        render_item=render_item,
        # Our connections begin their transactions themselves, so SQLite's DDL is part of them.
        transactional_ddl=True,
    )
    with context.begin_transaction(), free_of_references(connection):
        context.run_migrations()


with context.config.attributes["engine"].execution_options(writing=True).connect() as connection:
    raw = connection.connection.driver_connection
    is_sqlite = connection.dialect.name == "sqlite"
    if is_sqlite:
        # Within a transaction this would be without effect.
        raw.execute("PRAGMA foreign_keys=OFF")
    try:
        run(connection)
    finally:
        if is_sqlite:
            connection.rollback()
            raw.execute("PRAGMA foreign_keys=ON")
