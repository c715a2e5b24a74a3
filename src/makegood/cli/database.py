"""The database for a command that works beside the shop or without it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from makegood.kernel import schema
from makegood.kernel.database import Database
from makegood.kernel.errors import MakegoodError
from makegood.kernel.settings import Settings


@contextmanager
def migrated(settings: Settings) -> Iterator[Database]:
    """The home's database for who writes into it: migrated as at a start, and where a start doesn't, only if it is of
    this release. Else `MigrationPending`, `SchemaAhead`."""
    settings.home.mkdir(parents=True, exist_ok=True)
    database = Database(settings.database)
    try:
        if settings.migrate_at_start:
            schema.migrate(database)
        elif (problem := other_release(database)) is not None:
            raise problem
        yield database
    finally:
        database.close()


def other_release(database: Database) -> MakegoodError | None:
    """`MigrationPending` or `SchemaAhead` if the core's tables are not those of this release."""
    state = schema.examine(database)
    return state.problem if state.is_ahead or state.pending else None
