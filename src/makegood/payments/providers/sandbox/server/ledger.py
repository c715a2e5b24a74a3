"""What really happened to the money: every capture, refund and chargeback in order, for an outsider's verdict."""

from __future__ import annotations

from typing import Any

from makegood.payments.providers.sandbox.server.database import Tx

_TOTAL = {"capture": "captured", "refund": "refunded", "chargeback": "charged_back"}


def show(tx: Tx) -> dict[str, Any]:
    """All entries, oldest first, and the sums of each currency in minor units."""
    rows = tx.sql.execute(
        "SELECT l.*, p.reference, r.reference AS refund_reference FROM ledger l"
        " JOIN payments p ON p.id = l.payment LEFT JOIN refunds r ON r.id = l.refund ORDER BY l.seq"
    ).fetchall()
    entries = [
        {
            "seq": row["seq"],
            "kind": row["kind"],
            "payment": row["payment"],
            "reference": row["reference"],
            "refund": row["refund"],
            "refund_reference": row["refund_reference"],
            "dispute": row["dispute"],
            "amount": row["amount"],
            "currency": row["currency"],
            "created": row["created"],
        }
        for row in rows
    ]
    return {"entries": entries, "sums": sums(tx)}


def sums(tx: Tx) -> dict[str, dict[str, int]]:
    """Captured, refunded, charged back and net, by currency."""
    found: dict[str, dict[str, int]] = {}
    for row in tx.sql.execute("SELECT currency, kind, sum(amount) AS total FROM ledger GROUP BY currency, kind"):
        of_currency = found.setdefault(row["currency"], dict.fromkeys((*_TOTAL.values(), "net"), 0))
        of_currency[_TOTAL[row["kind"]]] = row["total"]
        of_currency["net"] += row["total"] if row["kind"] == "capture" else -row["total"]
    return found
