"""Refunds: by the shop, or made in the dashboard behind its back."""

from __future__ import annotations

import sqlite3
from typing import Any

from makegood.payments.providers.sandbox.server import events, payments, timers
from makegood.payments.providers.sandbox.server.database import Tx
from makegood.payments.providers.sandbox.server.errors import NoSuchObject, OverRefund, PaymentDisputed
from makegood.payments.providers.sandbox.server.events import NORMALLY, Plan


def create(
    tx: Tx, payment: str, *, amount: int | None, reference: str | None, reason: str | None, source: str, plan: Plan
) -> sqlite3.Row:
    """Give `amount` minor units back (all that is left, if None).

    Nothing here compares references: two requests with one reference are two refunds, as at real providers.
    Raises `OverRefund` or `PaymentDisputed` when that much can't be returned.
    """
    paid = payments.find(tx, payment)
    left = payments.left_to_return(tx, paid)
    amount = left if amount is None else amount
    if amount > left or amount < 1:
        raise OverRefund(id=payment, amount=amount, left=left)
    held = tx.sql.execute(
        "SELECT coalesce(sum(amount), 0) FROM disputes WHERE payment = ? AND status = 'open'", (payment,)
    ).fetchone()[0]
    if amount > left - held:
        raise PaymentDisputed(id=payment)
    refund = events.new_object_id("re")
    tx.sql.execute(
        "INSERT INTO refunds (id, payment, reference, amount, currency, reason, status, source, created)"
        " VALUES (?, ?, ?, ?, ?, ?, 'pending', ?, ?)",
        (refund, payment, reference, amount, paid["currency"], reason, source, tx.second),
    )
    outcome, delay = _next_outcome(tx)
    if delay:
        timers.set_timer(tx, tx.now + delay, "settle_refund", refund, outcome=outcome, webhook=plan.webhook)
    else:
        settle(tx, refund, outcome, plan)
    return find(tx, refund)


def _next_outcome(tx: Tx) -> tuple[str, float]:
    row = tx.sql.execute("SELECT * FROM refund_outcomes WHERE remaining > 0 ORDER BY seq LIMIT 1").fetchone()
    if row is None:
        return "succeeded", 0.0
    tx.sql.execute("UPDATE refund_outcomes SET remaining = remaining - 1 WHERE seq = ?", (row["seq"],))
    return row["outcome"], row["delay"]


def settle(tx: Tx, refund: str, outcome: str, plan: Plan = NORMALLY) -> None:
    """End a pending refund as `succeeded` (it enters the ledger) or `failed` (the bank sent it back)."""
    row = find(tx, refund)
    failure = "account_closed" if outcome == "failed" else None
    tx.sql.execute("UPDATE refunds SET status = ?, failure_code = ? WHERE id = ?", (outcome, failure, refund))
    if outcome == "succeeded":
        tx.sql.execute(
            "UPDATE payments SET amount_refunded = amount_refunded + ? WHERE id = ?", (row["amount"], row["payment"])
        )
        tx.sql.execute(
            "INSERT INTO ledger (kind, payment, refund, amount, currency, created) VALUES ('refund', ?, ?, ?, ?, ?)",
            (row["payment"], refund, row["amount"], row["currency"], tx.second),
        )
    events.announce(tx, f"refund.{outcome}", row["payment"], {"refund": show(tx, find(tx, refund))}, plan)


def find(tx: Tx, refund: str) -> sqlite3.Row:
    """The refund's row; `NoSuchObject` if there is none."""
    row: sqlite3.Row | None = tx.sql.execute("SELECT * FROM refunds WHERE id = ?", (refund,)).fetchone()
    if row is None:
        raise NoSuchObject(kind="refund", id=refund)
    return row


def show(tx: Tx, row: sqlite3.Row) -> dict[str, Any]:
    """The refund as it is on the wire."""
    return {
        "id": row["id"],
        "reference": row["reference"],
        "payment": row["payment"],
        "payment_reference": payments.find(tx, row["payment"])["reference"],
        "amount": row["amount"],
        "currency": row["currency"],
        "reason": row["reason"],
        "status": row["status"],
        "failure_code": row["failure_code"],
        "source": row["source"],
        "created": row["created"],
        "test": True,
    }
