"""Lists: oldest first, in pages whose cursor is the last object's id."""

from __future__ import annotations

import sqlite3
from typing import Any, Final

from makegood.payments.providers.sandbox.server.database import Tx
from makegood.payments.providers.sandbox.server.errors import InvalidField

_LISTS: Final = {
    "payments": (
        (
            "SELECT t.* FROM payments t WHERE (:reference IS NULL OR t.reference = :reference)"
            " AND :payment IS NULL AND (:created_after IS NULL OR t.created >= :created_after)"
            " AND t.seq > :after ORDER BY t.seq LIMIT :n"
        ),
        "SELECT seq FROM payments WHERE id = ?",
    ),
    "refunds": (
        (
            "SELECT t.* FROM refunds t WHERE (:reference IS NULL OR t.reference = :reference)"
            " AND (:payment IS NULL OR t.payment = :payment)"
            " AND (:created_after IS NULL OR t.created >= :created_after)"
            " AND t.seq > :after ORDER BY t.seq LIMIT :n"
        ),
        "SELECT seq FROM refunds WHERE id = ?",
    ),
    "disputes": (
        (
            "SELECT t.* FROM disputes t WHERE :reference IS NULL AND (:payment IS NULL OR t.payment = :payment)"
            " AND (:created_after IS NULL OR t.created >= :created_after)"
            " AND t.seq > :after ORDER BY t.seq LIMIT :n"
        ),
        "SELECT seq FROM disputes WHERE id = ?",
    ),
    "deliveries": (
        (
            "SELECT t.*, e.type, e.payment, e.body FROM deliveries t JOIN events e ON e.id = t.event"
            " WHERE :reference IS NULL AND (:payment IS NULL OR e.payment = :payment)"
            " AND (:created_after IS NULL OR t.created >= :created_after)"
            " AND t.seq > :after ORDER BY t.seq LIMIT :n"
        ),
        "SELECT seq FROM deliveries WHERE id = ?",
    ),
}


def page(
    tx: Tx,
    kind: str,
    *,
    limit: int,
    reference: str | None = None,
    payment: str | None = None,
    created_after: int | None = None,
    cursor: str | None = None,
) -> tuple[list[sqlite3.Row], str | None]:
    """At most `limit` rows of `kind` and the cursor of the next page, None on the last.

    `created_after` is in unix seconds and includes its own second, so that a poller with overlap misses nothing.
    """
    statement, position = _LISTS[kind]
    after = 0
    if cursor is not None:
        row = tx.sql.execute(position, (cursor,)).fetchone()
        if row is None:
            raise InvalidField(field="cursor", problem="is unknown")
        after = row["seq"]
    values: dict[str, Any] = {
        "reference": reference,
        "payment": payment,
        "created_after": created_after,
        "after": after,
        "n": limit + 1,
    }
    rows = tx.sql.execute(statement, values).fetchall()
    more = len(rows) > limit
    rows = rows[:limit]
    return rows, rows[-1]["id"] if more else None
