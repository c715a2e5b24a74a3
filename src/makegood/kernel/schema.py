"""The schema gate: migrations are applied before anything serves, and what is behind or damaged is named.

The core's tables and each product's are branches of their own, each with its own record of what was applied, so that
a plug-in that is broken, or gone, keeps nobody else from being migrated.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import sqlalchemy as sa
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util.exc import CommandError

from makegood.kernel.absences import MigrationFailed, MigrationPending, SchemaAhead, SchemaDamaged
from makegood.kernel.database import Base, Database, advisory_lock
from makegood.kernel.errors import Misconfigured

MIGRATIONS = Path(__file__).parent.parent / "migrations"
MIGRATING = 5_381_409_775
"""PostgreSQL's advisory lock under which tables are migrated by one process at a time."""


@dataclass(frozen=True, slots=True)
class Branch:
    """Tables that are migrated together: their metadata, and the folder of their Alembic revisions, the first of
    which carries the branch's name as its label."""

    name: str
    metadata: sa.MetaData
    versions: Path

    @property
    def version_table(self) -> str:
        """Where the database keeps which revision was applied."""
        if self.name == CORE.name:
            return "alembic_version"
        return "alembic_version_" + re.sub(r"[^a-z0-9]", "_", self.name.lower())


CORE = Branch("core", Base.metadata, MIGRATIONS / "versions")


@dataclass(frozen=True, slots=True)
class SchemaState:
    """What a branch should be and what the database has of it. `pending` are the revisions to apply, with their
    titles; `missing_columns` are `table.column`; `renamed` are the statements that would undo a renaming."""

    branch: str
    present: str | None
    wanted: str | None
    is_ahead: bool
    pending: tuple[str, ...]
    missing_tables: tuple[str, ...]
    missing_columns: tuple[str, ...]
    renamed: tuple[str, ...]
    missing_indexes: tuple[str, ...] = ()

    @property
    def missing(self) -> str:
        """What the database lacks, in words."""
        tables = [f"the table {name}" for name in self.missing_tables]
        columns = [f"the column {name}" for name in self.missing_columns]
        indexes = [f"the index {name}" for name in self.missing_indexes]
        return ", ".join(tables + columns + indexes) or f"the migration {', '.join(self.pending)}"

    @property
    def problem(self) -> Misconfigured | None:
        """Why nothing that needs these tables can be done now, if so."""
        if self.is_ahead:
            return SchemaAhead(branch=self.branch, present=self.present)
        if self.pending:
            return MigrationPending(branch=self.branch, missing=self.missing)
        if self.missing_tables or self.missing_columns or self.missing_indexes:
            return SchemaDamaged(missing=self.missing)
        return None

    @property
    def mend(self) -> str:
        """What to do about it."""
        if self.is_ahead:
            return "Run the release that migrated it, or restore the backup that was made before."
        if self.pending:
            return f"Run `makegood migrate`: it applies {', '.join(self.pending)}. What waits then goes on by itself."
        steps = []
        if self.missing_tables:
            steps.append(
                "A table may have held data, so nothing makes it anew by itself: put it back from the last backup "
                "(docs/running-it.md, “A table is missing”); if it held nothing: "
                f"`makegood migrate --recreate {self.missing_tables[0]}`."
            )
        if self.renamed:
            steps.append(f"A column looks renamed. Undo that: `{'; '.join(self.renamed)}`.")
        elif self.missing_columns:
            steps.append("Put the column back from the last backup (docs/running-it.md, “A column is missing”).")
        if self.missing_indexes:
            steps.append(
                "An index keeps what must be there once from being there twice, so a table without it was not put back "
                "as a whole: do that (docs/running-it.md, “A table is missing”)."
            )
        return " ".join(steps)


def examine(database: Database, branch: Branch = CORE) -> SchemaState:
    """Compare the branch with the database. Reads only."""
    script = _script(branch)
    wanted = script.get_current_head()
    with database.engine.connect() as connection:
        inspector = sa.inspect(connection)
        present = _present(connection, branch)
        tables = set(inspector.get_table_names())
        missing = sorted(set(branch.metadata.tables) - tables)
        if present is None and len(missing) < len(branch.metadata.tables):
            # Tables without their record: who would migrate now would run into them.
            missing.append(branch.version_table)
        there = [table for name, table in sorted(branch.metadata.tables.items()) if name in tables]
        found = {table.name: {column["name"] for column in inspector.get_columns(table.name)} for table in there}
        indexes = _lost_indexes(connection, there) if branch is CORE else []
    lacks = {table.name: [c.name for c in table.columns if c.name not in found[table.name]] for table in there}
    known = present is None or _knows(script, present)
    pending = () if not known or branch.version_table in missing else tuple(_pending(script, present, wanted))
    return SchemaState(
        branch=branch.name,
        present=present,
        wanted=wanted,
        is_ahead=not known,
        pending=pending,
        missing_tables=tuple(missing),
        missing_columns=tuple(f"{table}.{column}" for table, columns in lacks.items() for column in columns),
        renamed=tuple(
            statement for table in there if (statement := _renaming(table, lacks[table.name], found[table.name]))
        ),
        missing_indexes=() if pending or not known else tuple(indexes),
    )


def _lost_indexes(connection: sa.Connection, tables: list[sa.Table]) -> list[str]:
    """Keys and indexes of these tables that are not there: on PostgreSQL a table may be put back without them."""
    if connection.dialect.name != "postgresql":
        return []
    namer = connection.dialect.identifier_preparer
    unique = (sa.PrimaryKeyConstraint, sa.UniqueConstraint)
    wanted = {
        *(namer.format_constraint(one) for table in tables for one in table.constraints if isinstance(one, unique)),
        *(namer.format_index(one) for table in tables for one in table.indexes),
    }
    query = "SELECT indexname FROM pg_indexes WHERE schemaname = ANY (current_schemas(false))"
    return sorted({str(name).strip('"') for name in wanted if name} - set(connection.scalars(sa.text(query))))


def migrate(database: Database, branch: Branch = CORE) -> None:
    """Bring the branch's tables to this release, as a whole or not at all. Doing it again changes nothing.

    `SchemaAhead`: a newer release was here. `SchemaDamaged`: the record of what was applied is gone, so nobody knows
    what to apply. `MigrationFailed`: a migration raised something; nothing of it was kept.
    """
    with advisory_lock(database.engine, MIGRATING):
        _migrate(database, branch)


def _migrate(database: Database, branch: Branch) -> None:
    state = examine(database, branch)
    if state.is_ahead or branch.version_table in state.missing_tables:
        raise state.problem or SchemaDamaged(missing=state.missing)
    if not state.pending:
        return
    try:
        command.upgrade(_config(database, branch), "heads")
    except Exception as error:
        raise MigrationFailed(branch=branch.name, problem=f"{type(error).__name__}: {error}") from error


def recreate(database: Database, branch: Branch, table: str) -> bool:
    """Make a missing table anew, empty: for an operator who is sure that it held nothing. Returns whether it was
    missing; one that is there is left alone."""
    if table not in examine(database, branch).missing_tables or table not in branch.metadata.tables:
        return False
    branch.metadata.tables[table].create(database.engine.execution_options(writing=True))
    return True


def is_empty(database: Database) -> bool:
    """Whether nothing has ever been kept in this database."""
    return not sa.inspect(database.engine).get_table_names()


def differences(database: Database, branch: Branch = CORE) -> list[str]:
    """What the branch's models say and the migrated database lacks, or the other way round."""
    with database.engine.connect() as connection:
        context = MigrationContext.configure(
            connection,
            opts={
                "include_name": lambda name, kind, _parents: kind != "table" or name in branch.metadata.tables,
                "compare_type": True,
                "version_table": branch.version_table,
            },
        )
        return [f"{branch.name}: {difference}" for difference in compare_metadata(context, branch.metadata)]


def require_branch(branch: Branch) -> None:
    """Raise `MigrationFailed` unless the branch's revisions can be read, have one head, and carry its name."""
    try:
        script = _script(branch)
        bases = [script.get_revision(base) for base in script.get_bases()]
        heads = script.get_heads()
    except (CommandError, SyntaxError, ImportError, AttributeError) as error:
        raise MigrationFailed(branch=branch.name, problem=f"{type(error).__name__}: {error}") from error
    if len(heads) != 1:
        raise MigrationFailed(branch=branch.name, problem=f"{len(heads)} heads below {branch.versions}, not one")
    if not any(base is not None and branch.name in (base.branch_labels or ()) for base in bases):
        raise MigrationFailed(branch=branch.name, problem="its first revision lacks the branch label of that name")


def _script(branch: Branch) -> ScriptDirectory:
    return ScriptDirectory(str(MIGRATIONS), version_locations=[str(branch.versions)])


def _config(database: Database, branch: Branch) -> Config:
    config = Config()
    for name, value in (
        ("script_location", str(MIGRATIONS)),
        ("version_locations", str(branch.versions)),
        ("path_separator", "newline"),
    ):
        config.set_main_option(name, value.replace("%", "%%"))
    config.attributes.update(engine=database.engine, metadata=branch.metadata, version_table=branch.version_table)
    return config


def _present(connection: sa.Connection, branch: Branch) -> str | None:
    context = MigrationContext.configure(connection, opts={"version_table": branch.version_table})
    heads = context.get_current_heads()
    return heads[0] if heads else None


def _knows(script: ScriptDirectory, revision: str) -> bool:
    return revision in {known.revision for known in script.walk_revisions()}


def _pending(script: ScriptDirectory, present: str | None, wanted: str | None) -> list[str]:
    if present == wanted or wanted is None:
        return []
    steps = list(script.iterate_revisions(wanted, present or "base"))
    return [f"{step.revision} {(step.doc or '').partition(chr(10))[0]}".strip() for step in reversed(steps)]


def _renaming(table: sa.Table, lacks: list[str], found: set[str]) -> str | None:
    """The statement that undoes a renaming, where exactly one column is gone and one is there that nobody knows."""
    surplus = found - {column.name for column in table.columns}
    if len(lacks) != 1 or len(surplus) != 1:
        return None
    return f'ALTER TABLE "{table.name}" RENAME COLUMN "{surplus.pop()}" TO "{lacks[0]}"'
