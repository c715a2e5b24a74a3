"""`makegood migrate` and `makegood openapi`."""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path

from makegood.app import build, create_app
from makegood.catalog.products import Products
from makegood.kernel import logs, schema
from makegood.kernel.database import Database
from makegood.kernel.errors import MakegoodError
from makegood.kernel.schema import CORE, Branch
from makegood.kernel.settings import Settings

OPENAPI = Path("docs/openapi.json")


def migrate() -> int:
    """Bring the core's tables and each product's to this release. What can't be migrated is named, and the others are
    migrated all the same; 0 only if the database is then as this release needs it."""
    logs.configure(json=False, level="CRITICAL")
    settings, products = Settings(), Products.installed()
    settings.home.mkdir(parents=True, exist_ok=True)
    database = Database(settings.database)
    problems = [_broken(name, told) for name, told in products.broken.items()]
    for branch in _branches(products):
        try:
            schema.migrate(database, branch)
        except MakegoodError as error:
            problems.append(error.for_operator())
        else:
            problems += _wrong(database, branch)
    database.close()
    return _tell(problems)


def recreate(tables: list[str]) -> int:
    """Make missing tables anew, empty; 0 only if each of them was missing."""
    database, branches = Database(Settings().database), _branches(Products.installed())
    problems = [
        f"{table} is not a missing table of this release; nothing was done."
        for table in tables
        if not any(schema.recreate(database, branch, table) for branch in branches)
    ]
    database.close()
    return _tell(problems)


def check(only_database: bool) -> int:
    """Tell what is pending or damaged in the shop's database, if there is one, and (unless only that is asked for)
    whether models and migrations agree; 0 if all is well."""
    logs.configure(json=False, level="CRITICAL")
    settings, products = Settings(), Products.installed()
    problems = [_broken(name, told) for name, told in products.broken.items()]
    if settings.database_url or (settings.home / "shop.db").exists():
        database = Database(settings.database)
        for branch in _branches(products):
            problems += _wrong(database, branch)
        database.close()
    elif only_database:
        problems.append(f"There is no database in {settings.home.absolute()}, and MAKEGOOD_DATABASE_URL is not set.")
    if not only_database:
        problems += _disagreements(products)
    return _tell(problems)


def _branches(products: Products) -> list[Branch]:
    return [CORE, *products.branches]


def _broken(name: str, told: str) -> str:
    return f"The product {name} can't be used, so its tables can't be looked at: {told}"


def _wrong(database: Database, branch: Branch) -> list[str]:
    state = schema.examine(database, branch)
    problem = state.problem
    pending = [f"  pending: {branch.name} {revision}" for revision in state.pending]
    return [f"{problem.for_operator()} {state.mend}", *pending] if problem else []


def _disagreements(products: Products) -> list[str]:
    """What models and migrations say differently, by migrating an empty database, twice."""
    found = []
    with tempfile.TemporaryDirectory() as folder:
        database = Database(f"sqlite:///{folder}/check.db")
        for branch in _branches(products):
            try:
                schema.migrate(database, branch)
                schema.migrate(database, branch)
            except MakegoodError as error:
                found.append(error.for_operator())
            else:
                found += schema.differences(database, branch)
        database.close()
    return found


def _tell(problems: list[str]) -> int:
    for problem in problems:
        print(problem, file=sys.stderr)
    return 1 if problems else 0


def openapi(check: bool) -> int:
    """Write the API's description, or with `check` tell whether the written one is true."""
    with tempfile.TemporaryDirectory() as folder:
        running = build(Settings(home=Path(folder)))
        text = json.dumps(create_app(running).openapi(), indent=1, sort_keys=True) + "\n"
        running.isolated.stop()
    if not check:
        OPENAPI.write_text(text)
        return 0
    if OPENAPI.read_text() != text:
        print("The API and docs/openapi.json differ; run `makegood openapi` and look at the change.", file=sys.stderr)
        return 1
    return 0
