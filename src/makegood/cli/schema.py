"""`makegood migrate` and `makegood openapi`."""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path

from makegood.app import build, create_app
from makegood.kernel import schema
from makegood.kernel.database import Database
from makegood.kernel.settings import Settings

OPENAPI = Path("docs/openapi.json")


def migrate(check: bool) -> int:
    """Apply what is pending, or with `check` compare models with migrations on an empty database."""
    if not check:
        settings = Settings()
        settings.home.mkdir(parents=True, exist_ok=True)
        schema.migrate(Database(settings.database))
        return 0
    with tempfile.TemporaryDirectory() as folder:
        database = Database(f"sqlite:///{folder}/check.db")
        schema.migrate(database)
        schema.migrate(database)
        differences = schema.differences(database)
        database.close()
    for difference in differences:
        print(difference, file=sys.stderr)
    return 1 if differences else 0


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
