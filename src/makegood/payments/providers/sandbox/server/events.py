"""Events and what becomes of them: each is frozen as bytes once, and delivered as its webhook behaviour says."""

from __future__ import annotations

import json
import sqlite3
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from makegood.kernel.ids import crockford
from makegood.payments.providers.sandbox.server.database import Tx
from makegood.payments.providers.sandbox.server.errors import NoSuchObject

BACKOFF = (1, 2, 4, 8, 15, 30, 60, 120, 300, 600, 1800, 3600)
"""Seconds between tries; the last one repeats."""

GIVE_UP_AFTER = 3 * 24 * 3600
"""Seconds after its creation in which a delivery is retried."""


class Webhook(StrEnum):
    """How the webhooks of one attempt to pay behave."""

    NORMAL = "normal"
    TWICE = "twice"
    BEFORE_REDIRECT = "before_redirect"
    AFTER = "after"
    OUT_OF_ORDER = "out_of_order"
    BAD_SIGNATURE = "bad_signature"
    NEVER = "never"


@dataclass(frozen=True, slots=True)
class Plan:
    """A webhook behaviour; `delay` is in seconds and counts for `after` only."""

    webhook: Webhook = Webhook.NORMAL
    delay: float = 3.0


NORMALLY = Plan()


def new_object_id(prefix: str) -> str:
    """An id as the sandbox hands it out: a prefix and 100 random bits."""
    return f"{prefix}_{crockford(20).lower()}"


def announce(
    tx: Tx, kind: str, payment: str, data: dict[str, Any], plan: Plan = NORMALLY, *, after_settlement: bool = False
) -> list[str]:
    """Record the event `kind` about `payment` and its deliveries; answers the deliveries' ids.

    `after_settlement` holds the deliveries back until a later payment event has been delivered.
    """
    event_id = new_object_id("evt")
    event = {"id": event_id, "type": kind, "created": tx.second, "data": data}
    tx.sql.execute(
        "INSERT INTO events (id, type, payment, body, created) VALUES (?, ?, ?, ?, ?)",
        (event_id, kind, payment, json.dumps(event, separators=(",", ":")).encode(), tx.second),
    )
    count = 2 if plan.webhook is Webhook.TWICE else 1
    first_try = tx.now + (plan.delay if plan.webhook is Webhook.AFTER else 0)
    return [_deliver(tx, event_id, plan.webhook, first_try, after_settlement) for _ in range(count)]


def _deliver(tx: Tx, event: str, behaviour: str, first_try: float, after_settlement: bool) -> str:
    delivery = new_object_id("dlv")
    suppressed = behaviour == Webhook.NEVER
    tx.sql.execute(
        "INSERT INTO deliveries (id, event, behaviour, status, well_signed, after_settlement, next_try, created)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        (
            delivery,
            event,
            str(behaviour),
            "suppressed" if suppressed else "pending",
            behaviour != Webhook.BAD_SIGNATURE,
            after_settlement,
            None if suppressed else first_try,
            tx.second,
        ),
    )
    return delivery


def replay(tx: Tx, delivery: str) -> sqlite3.Row:
    """Deliver the same event once more, at once and well signed, as a delivery of its own; answers that."""
    again = _deliver(tx, find_delivery(tx, delivery)["event"], "replay", tx.now, False)
    return find_delivery(tx, again)


def find_delivery(tx: Tx, delivery: str) -> sqlite3.Row:
    """The delivery with its event's type, payment and body; `NoSuchObject` if there is none."""
    row: sqlite3.Row | None = tx.sql.execute(
        "SELECT d.*, e.type, e.payment, e.body FROM deliveries d JOIN events e ON e.id = d.event WHERE d.id = ?",
        (delivery,),
    ).fetchone()
    if row is None:
        raise NoSuchObject(kind="delivery", id=delivery)
    return row


def due(tx: Tx, limit: int) -> list[sqlite3.Row]:
    """Deliveries whose next try is due and which nothing holds back, the longest waiting first."""
    return tx.sql.execute(
        "SELECT d.id, d.event, d.behaviour, d.tries FROM deliveries d JOIN events e ON e.id = d.event"
        " WHERE d.status = 'pending' AND d.next_try <= ? AND (d.after_settlement = 0 OR EXISTS ("
        "  SELECT 1 FROM events later JOIN deliveries done ON done.event = later.id"
        "  WHERE later.payment = e.payment AND later.seq > e.seq AND later.type LIKE 'payment.%'"
        "  AND done.status IN ('delivered', 'given_up')))"
        " ORDER BY d.next_try LIMIT ?",
        (tx.now, limit),
    ).fetchall()


def record_try(tx: Tx, delivery: str, at: float, status: int | None, error: str | None, duration_ms: int) -> None:
    """Note how a try went, and when the next one is due unless it was the last."""
    row = find_delivery(tx, delivery)
    number = row["tries"] + 1
    tx.sql.execute(
        "INSERT INTO tries (delivery, no, at, status, error, duration_ms) VALUES (?, ?, ?, ?, ?, ?)",
        (delivery, number, at, status, error, duration_ms),
    )
    pause = BACKOFF[min(number, len(BACKOFF)) - 1]
    if error is None:
        state, next_try = "delivered", None
    elif tx.now + pause > row["created"] + GIVE_UP_AFTER:
        state, next_try = "given_up", None
    else:
        state, next_try = "pending", tx.now + pause
    tx.sql.execute(
        "UPDATE deliveries SET tries = ?, status = ?, next_try = ? WHERE id = ?", (number, state, next_try, delivery)
    )


def show_delivery(tx: Tx, row: sqlite3.Row) -> dict[str, Any]:
    """The delivery as it is on the wire, with each of its tries."""
    tries = tx.sql.execute("SELECT * FROM tries WHERE delivery = ? ORDER BY no", (row["id"],)).fetchall()
    return {
        "id": row["id"],
        "event": row["event"],
        "type": row["type"],
        "payment": row["payment"],
        "behaviour": row["behaviour"],
        "status": row["status"],
        "next_try": row["next_try"],
        "created": row["created"],
        "tries": [
            {"at": a_try["at"], "status": a_try["status"], "error": a_try["error"], "duration_ms": a_try["duration_ms"]}
            for a_try in tries
        ],
    }
