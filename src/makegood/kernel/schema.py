"""The schema gate: migrations are applied before anything serves, and a schema that is behind is named."""

from __future__ import annotations

from pathlib import Path

import sqlalchemy as sa
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

from makegood.kernel.database import Base, Database
from makegood.kernel.errors import Misconfigured

MIGRATIONS = Path(__file__).parent.parent / "migrations"


class MigrationPending(Misconfigured):
    code = "MIGRATION_PENDING"
    operator = "The schema is at {present}, this release needs {wanted}: run `makegood migrate`."


def _config(database: Database) -> Config:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.attributes["engine"] = database.engine
    return config


def migrate(database: Database) -> None:
    """Bring the core's tables to this release. Doing it again changes nothing."""
    command.upgrade(_config(database), "heads")


def require_current(database: Database) -> None:
    """Raise `MigrationPending` unless the database is at this release's schema."""
    wanted = ScriptDirectory.from_config(_config(database)).get_current_head()
    with database.engine.connect() as connection:
        present = MigrationContext.configure(connection).get_current_revision()
    if present != wanted:
        raise MigrationPending(present=present or "nothing", wanted=wanted)


def differences(database: Database) -> list[str]:
    """What the models say and the migrated database lacks, or the other way round; the engine's tables aside."""
    with database.engine.connect() as connection:
        ours = set(Base.metadata.tables) | {"alembic_version"}
        context = MigrationContext.configure(
            connection,
            opts={
                "include_name": lambda name, kind, _parents: kind != "table" or name in ours,
                "compare_type": True,
            },
        )
        return [str(difference) for difference in compare_metadata(context, Base.metadata)]


def missing_tables(database: Database) -> list[str]:
    """The tables that this release needs and the database doesn't have."""
    return sorted(set(Base.metadata.tables) - set(sa.inspect(database.engine).get_table_names()))
