"""What happens later by itself, kept in the database so that a restart forgets none of it."""

from __future__ import annotations

import json
import sqlite3
from typing import Any

from makegood.payments.providers.sandbox.server.database import Tx


def set_timer(tx: Tx, at: float, kind: str, subject: str, **detail: Any) -> None:
    """Remember to do `kind` with `subject` at unix time `at`; `detail` must be JSON."""
    tx.sql.execute(
        "INSERT INTO timers (at, kind, subject, detail) VALUES (?, ?, ?, ?)", (at, kind, subject, json.dumps(detail))
    )


def take_due(tx: Tx, limit: int) -> list[sqlite3.Row]:
    """Take the timers that have run out off the list, in their order; they fire in this transaction or not at all."""
    rows = tx.sql.execute("SELECT * FROM timers WHERE at <= ? ORDER BY at, seq LIMIT ?", (tx.now, limit)).fetchall()
    tx.sql.executemany("DELETE FROM timers WHERE seq = ?", [(row["seq"],) for row in rows])
    return rows
