"""Disputes: the cardholder's bank asks for the money back, and gets it or doesn't."""

from __future__ import annotations

import sqlite3
from typing import Any

from makegood.payments.providers.sandbox.server import events, payments
from makegood.payments.providers.sandbox.server.database import Tx
from makegood.payments.providers.sandbox.server.errors import DisputeConflict, NoSuchObject
from makegood.payments.providers.sandbox.server.events import Plan


def open_dispute(tx: Tx, payment: str, amount: int | None, reason: str, plan: Plan) -> sqlite3.Row:
    """Open a dispute over `amount` minor units (all that isn't returned, if None); that much is held back."""
    paid = payments.find(tx, payment)
    left = payments.left_to_return(tx, paid)
    amount = left if amount is None else amount
    if amount > left or amount < 1:
        raise DisputeConflict(id=payment, problem=f"at most {left} can be disputed")
    if _open_one(tx, payment) is not None:
        raise DisputeConflict(id=payment, problem="one is open already")
    dispute = events.new_object_id("dp")
    tx.sql.execute(
        "INSERT INTO disputes (id, payment, amount, currency, reason, status, created)"
        " VALUES (?, ?, ?, ?, ?, 'open', ?)",
        (dispute, payment, amount, paid["currency"], reason, tx.second),
    )
    events.announce(tx, "dispute.opened", payment, {"dispute": show(tx, find(tx, dispute))}, plan)
    return find(tx, dispute)


def close_dispute(tx: Tx, payment: str, outcome: str, plan: Plan) -> sqlite3.Row:
    """Close the open dispute as `won` (the shop keeps the money) or `lost` (it is charged back)."""
    row = _open_one(tx, payment)
    if row is None:
        raise DisputeConflict(id=payment, problem="none is open")
    tx.sql.execute("UPDATE disputes SET status = ?, closed = ? WHERE id = ?", (outcome, tx.second, row["id"]))
    if outcome == "lost":
        tx.sql.execute(
            "UPDATE payments SET amount_charged_back = amount_charged_back + ? WHERE id = ?", (row["amount"], payment)
        )
        tx.sql.execute(
            "INSERT INTO ledger (kind, payment, dispute, amount, currency, created)"
            " VALUES ('chargeback', ?, ?, ?, ?, ?)",
            (payment, row["id"], row["amount"], row["currency"], tx.second),
        )
    events.announce(tx, "dispute.closed", payment, {"dispute": show(tx, find(tx, row["id"]))}, plan)
    return find(tx, row["id"])


def _open_one(tx: Tx, payment: str) -> sqlite3.Row | None:
    row: sqlite3.Row | None = tx.sql.execute(
        "SELECT * FROM disputes WHERE payment = ? AND status = 'open'", (payment,)
    ).fetchone()
    return row


def find(tx: Tx, dispute: str) -> sqlite3.Row:
    """The dispute's row; `NoSuchObject` if there is none."""
    row: sqlite3.Row | None = tx.sql.execute("SELECT * FROM disputes WHERE id = ?", (dispute,)).fetchone()
    if row is None:
        raise NoSuchObject(kind="dispute", id=dispute)
    return row


def show(tx: Tx, row: sqlite3.Row) -> dict[str, Any]:
    """The dispute as it is on the wire."""
    return {
        "id": row["id"],
        "payment": row["payment"],
        "payment_reference": payments.find(tx, row["payment"])["reference"],
        "amount": row["amount"],
        "currency": row["currency"],
        "reason": row["reason"],
        "status": row["status"],
        "created": row["created"],
        "closed": row["closed"],
        "test": True,
    }
