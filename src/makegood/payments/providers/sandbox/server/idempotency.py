"""Idempotency keys: the first answer to a key is kept for a day, in the transaction that made it true."""

from __future__ import annotations

import hashlib
import json
from typing import Any

from makegood.payments.providers.sandbox.server.database import Tx
from makegood.payments.providers.sandbox.server.errors import IdempotencyConflict

KEPT_FOR = 24 * 3600
"""Seconds after which a key is forgotten and the same request is made anew."""


def recall(tx: Tx, key: str, path: str, body: bytes) -> tuple[int, dict[str, Any]] | None:
    """The status and answer that were given to this key and body; `IdempotencyConflict` for another body."""
    tx.sql.execute("DELETE FROM idempotency WHERE created <= ?", (tx.second - KEPT_FOR,))
    row = tx.sql.execute("SELECT * FROM idempotency WHERE key = ? AND path = ?", (key, path)).fetchone()
    if row is None:
        return None
    if row["digest"] != _digest(body):
        raise IdempotencyConflict(key=key)
    return row["status"], json.loads(row["answer"])


def keep(tx: Tx, key: str, path: str, body: bytes, status: int, answer: dict[str, Any]) -> None:
    """Remember what was answered. Refusals aren't kept: they changed nothing and may be tried again."""
    tx.sql.execute(
        "INSERT INTO idempotency (key, path, digest, status, answer, created) VALUES (?, ?, ?, ?, ?, ?)",
        (key, path, _digest(body), status, json.dumps(answer), tx.second),
    )


def _digest(body: bytes) -> str:
    return hashlib.sha256(body).hexdigest()
