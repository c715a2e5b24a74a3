"""The database."""

from __future__ import annotations

import sqlalchemy as sa

from makegood.kernel.database import Database
from makegood.product_api import Check
from makegood.proof.findings import Findings, found


class DatabaseAnswers:
    name = "database"
    keeps: float | None = 0.0
    needs_database = False

    def __init__(self, database: Database) -> None:
        self._database = database

    def look(self) -> Findings:
        try:
            with self._database.engine.connect() as connection:
                connection.execute(sa.text("SELECT 1"))
        except sa.exc.SQLAlchemyError as error:
            return found("database", [Check("database", f"{self._where} does not answer: {_first_line(error)}", MEND)])
        return found("database", [Check(f"database {self._where}")])

    @property
    def _where(self) -> str:
        return self._database.engine.url.render_as_string(hide_password=True)


MEND = "Start it, or check MAKEGOOD_DATABASE_URL (and the rights on MAKEGOOD_HOME). What is owed waits for it."


def _first_line(error: Exception) -> str:
    return str(getattr(error, "orig", error)).strip().splitlines()[0][:200]
