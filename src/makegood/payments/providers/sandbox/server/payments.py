"""Payments: what the shop asks for, and every way in which one of them ends."""

from __future__ import annotations

import json
import sqlite3
from dataclasses import dataclass
from typing import Any

from makegood.kernel.ids import new_secret
from makegood.payments.providers.sandbox.server import events, timers
from makegood.payments.providers.sandbox.server.database import Tx
from makegood.payments.providers.sandbox.server.errors import NoSuchObject, PaymentNotOpen
from makegood.payments.providers.sandbox.server.events import NORMALLY, Plan


@dataclass(frozen=True, slots=True)
class PaymentRequest:
    """What the shop asks for, checked. `amount` is in minor units, `expires_in` in seconds."""

    reference: str
    amount: int
    currency: str
    description: str
    return_url: str
    cancel_url: str
    email: str | None
    metadata: dict[str, str]
    expires_in: int


def create(tx: Tx, request: PaymentRequest) -> sqlite3.Row:
    """Open a payment with a hosted page of its own; it expires by itself."""
    payment = events.new_object_id("pay")
    expires = tx.second + request.expires_in
    tx.sql.execute(
        "INSERT INTO payments (id, token, reference, amount, currency, description, return_url, cancel_url, email,"
        " metadata, status, created, expires) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 'open', ?, ?)",
        (
            payment,
            new_secret(),
            request.reference,
            request.amount,
            request.currency,
            request.description,
            request.return_url,
            request.cancel_url,
            request.email,
            json.dumps(request.metadata),
            tx.second,
            expires,
        ),
    )
    timers.set_timer(tx, expires, "expire", payment)
    return find(tx, payment)


def find(tx: Tx, payment: str) -> sqlite3.Row:
    """The payment's row; `NoSuchObject` if there is none."""
    row: sqlite3.Row | None = tx.sql.execute("SELECT * FROM payments WHERE id = ?", (payment,)).fetchone()
    if row is None:
        raise NoSuchObject(kind="payment", id=payment)
    return row


def show(tx: Tx, row: sqlite3.Row) -> dict[str, Any]:
    """The payment as it is on the wire."""
    disputed = tx.sql.execute("SELECT 1 FROM disputes WHERE payment = ? AND status = 'open'", (row["id"],)).fetchone()
    return {
        "id": row["id"],
        "reference": row["reference"],
        "amount": row["amount"],
        "currency": row["currency"],
        "description": row["description"],
        "email": row["email"],
        "status": row["status"],
        "final": bool(row["final"]),
        "decline_code": row["decline_code"],
        "card": row["card"],
        "amount_captured": row["amount_captured"],
        "amount_refunded": row["amount_refunded"],
        "amount_refund_pending": refund_pending(tx, row["id"]),
        "amount_charged_back": row["amount_charged_back"],
        "disputed": disputed is not None,
        "created": row["created"],
        "expires": row["expires"],
        "url": f"{tx.root}/pay/{row['id']}/{row['token']}",
        "metadata": json.loads(row["metadata"]),
        "test": True,
    }


def left_to_return(tx: Tx, row: sqlite3.Row) -> int:
    """Minor units that were captured and are neither returned nor on their way back."""
    going = row["amount_refunded"] + row["amount_charged_back"] + refund_pending(tx, row["id"])
    return int(row["amount_captured"] - going)


def refund_pending(tx: Tx, payment: str) -> int:
    """Minor units of refunds that are asked for and neither through nor refused."""
    query = "SELECT coalesce(sum(amount), 0) FROM refunds WHERE payment = ? AND status = 'pending'"
    return int(tx.sql.execute(query, (payment,)).fetchone()[0])


def is_payable(tx: Tx, row: sqlite3.Row) -> bool:
    """Whether a customer can pay it now: open, or declined and worth another card, and not past its time."""
    return row["status"] in ("open", "failed") and not row["final"] and tx.now < row["expires"]


def _announce(tx: Tx, kind: str, payment: str, plan: Plan) -> list[str]:
    return events.announce(tx, f"payment.{kind}", payment, {"payment": show(tx, find(tx, payment))}, plan)


def announce_late_processing(tx: Tx, payment: str, plan: Plan) -> list[str]:
    """Say "processing", but only after whatever comes of it has been delivered."""
    data = {"payment": {**show(tx, find(tx, payment)), "status": "processing"}}
    return events.announce(tx, "payment.processing", payment, data, plan, after_settlement=True)


def begin_processing(tx: Tx, payment: str, card: str | None) -> None:
    """The bank will tell later; until then the payment can neither be paid again nor expired."""
    tx.sql.execute(
        "UPDATE payments SET status = 'processing', decline_code = NULL, authenticating = NULL, card = ? WHERE id = ?",
        (card, payment),
    )


def announce_processing(tx: Tx, payment: str, plan: Plan) -> list[str]:
    """Tell the shop that the bank is still at it."""
    return _announce(tx, "processing", payment, plan)


def capture(tx: Tx, payment: str, card: str | None, plan: Plan) -> list[str]:
    """Take the money, once: the ledger's unique index refuses a second capture of the same payment."""
    tx.sql.execute(
        "UPDATE payments SET status = 'succeeded', amount_captured = amount, decline_code = NULL,"
        " authenticating = NULL, card = coalesce(?, card) WHERE id = ?",
        (card, payment),
    )
    tx.sql.execute(
        "INSERT INTO ledger (kind, payment, amount, currency, created)"
        " SELECT 'capture', id, amount, currency, ? FROM payments WHERE id = ?",
        (tx.second, payment),
    )
    return _announce(tx, "succeeded", payment, plan)


def decline(tx: Tx, payment: str, code: str, card: str | None, plan: Plan, *, final: bool) -> list[str]:
    """Take nothing. Unless it is `final`, the customer can try another card on the same page."""
    tx.sql.execute(
        "UPDATE payments SET status = 'failed', decline_code = ?, authenticating = NULL, final = ?,"
        " card = coalesce(?, card) WHERE id = ?",
        (code, final, card, payment),
    )
    return _announce(tx, "failed", payment, plan)


def cancel(tx: Tx, payment: str, plan: Plan) -> list[str]:
    """The customer turned back; this payment can't be paid any more."""
    tx.sql.execute(
        "UPDATE payments SET status = 'cancelled', final = 1, authenticating = NULL WHERE id = ?", (payment,)
    )
    return _announce(tx, "cancelled", payment, plan)


def expire(tx: Tx, payment: str, plan: Plan = NORMALLY) -> list[str]:
    """Close the payment for ever. Does nothing if that is so already; `PaymentNotOpen` if money is under way."""
    row = find(tx, payment)
    if row["final"]:
        return []
    if row["status"] not in ("open", "failed"):
        raise PaymentNotOpen(id=payment, state=row["status"])
    tx.sql.execute("UPDATE payments SET status = 'expired', final = 1, authenticating = NULL WHERE id = ?", (payment,))
    return _announce(tx, "expired", payment, plan)


def expire_if_overdue(tx: Tx, payment: str) -> None:
    """What the timer does when a payment's time is over; one that is being paid is left alone."""
    row = find(tx, payment)
    if not row["final"] and row["status"] in ("open", "failed") and tx.now >= row["expires"]:
        expire(tx, payment)
