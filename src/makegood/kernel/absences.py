"""What the database lacks, as typed errors: one mapping for every statement of every part."""

from __future__ import annotations

import re

from sqlalchemy.engine import ExceptionContext

from makegood.kernel.errors import MakegoodError, Misconfigured

WAITING = (
    "A part of the shop's database is not in place, so this can't be shown or done just now. "
    "Nothing is lost and nothing was charged; what is paid is delivered once this is mended."
)


class MigrationPending(Misconfigured):
    """The tables of a branch are older than this release."""

    code = "MIGRATION_PENDING"
    customer = WAITING
    operator = "The tables of {branch} lack {missing}: run `makegood migrate`."


class SchemaDamaged(Misconfigured):
    """Every migration is applied and a table or column is gone all the same."""

    code = "SCHEMA_DAMAGED"
    customer = WAITING
    operator = "The database lacks {missing}, which was there once: `makegood doctor` says how to bring it back."


class SchemaAhead(Misconfigured):
    """The database was migrated by a newer release."""

    code = "SCHEMA_AHEAD"
    customer = WAITING
    operator = "The tables of {branch} are at {present}, which this release does not know: run the newer release."


class MigrationFailed(MakegoodError):
    """Nothing of a migration that fails is kept."""

    code = "MIGRATION_FAILED"
    operator = "The migration of {branch} failed and was undone as a whole: {problem}"


class CoreTablesOnly(MakegoodError):
    """One broken relationship keeps every model of its base from loading, so a plug-in has a base of its own."""

    code = "CORE_TABLES_ONLY"
    operator = "{model} is a model on the core's Base: a product declares its models on a DeclarativeBase of its own."


SQLITE = (
    (re.compile(r"no such table: (?:main\.)?(\S+)"), "the table {}"),
    (re.compile(r"no such column: (\S+)"), "the column {}"),
    (re.compile(r"table (\S+) has no column named (\S+)"), "the column {}.{}"),
)
UNDEFINED_TABLE, UNDEFINED_COLUMN = "42P01", "42703"


def what_is_missing(error: BaseException) -> str | None:
    """The table or column that the database driver says does not exist, or None if that is not what it says."""
    text = str(error)
    if getattr(error, "sqlstate", None) in (UNDEFINED_TABLE, UNDEFINED_COLUMN):
        # PostgreSQL: relation "mail" does not exist
        return text.splitlines()[0].removesuffix(" does not exist").replace("relation", "the table").replace('"', "")
    for pattern, words in SQLITE:
        if found := pattern.search(text):
            return words.format(*found.groups())
    return None


def name_what_is_missing(context: ExceptionContext) -> None:
    """Listens to an engine's errors: a missing table or column becomes `SchemaDamaged`, which work waits for."""
    error = context.original_exception
    missing = what_is_missing(error)
    if missing is not None:
        raise SchemaDamaged(missing=missing) from error
