"""An order's whole story: every row that belongs to it, what the provider says, and what the engine does about it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from itertools import pairwise
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from makegood.engine import Engine
from makegood.fulfillment.outside import discard_work_id
from makegood.fulfillment.redelivering import redelivery_work_id
from makegood.fulfillment.restoring import restore_work_id
from makegood.kernel import audit
from makegood.kernel.audit import AuditEvent
from makegood.kernel.database import Base
from makegood.kernel.errors import MakegoodError
from makegood.notify.mails import mail_work_id
from makegood.orders.models import Order, work_id
from makegood.orders.obligations import refund_work_id
from makegood.orders.reversals import pay_back_work_id
from makegood.payments.inbox import handle_work_id
from makegood.payments.provider import PaymentProvider
from makegood.payments.requesting import request_work_id

OTHERS = {
    "session", "api_key", "sign_in_link", "visitor", "customer", "rate_event", "idempotent_request", "audit_event",
    "operator", "operator_link", "operator_recovery_code", "operator_session",
}  # fmt: skip
"""Tables that say who somebody is, or are told elsewhere."""
REFERRING = {"surplus_of", "holder", "subject"}
"""Columns that refer to something without saying so by their name."""
MOST_ROWS = 2000
ROUNDS = 4
"""How many references away from the order a row may be."""
NOT_SHOWN = {("mail", "html"), ("unit_code", "code")}
"""Twice the same, and what opens a page."""

MOST_TRIES = 20
WORKS: tuple[tuple[str, str, str, Callable[[str, int], str]], ...] = (
    ("obligation", "id", "attempt", work_id),
    ("obligation", "id", "refund_try", refund_work_id),
    ("payment", "id", "request_try", request_work_id),
    ("payment_event", "id", "handle_try", handle_work_id),
    ("refund", "id", "tries", pay_back_work_id),
    ("mail", "id", "tries", mail_work_id),
    ("redelivery", "id", "tries", redelivery_work_id),
    ("commitment", "id", "restore_try", restore_work_id),
    ("outside", "obligation_id", "undo_try", discard_work_id),
)
"""The table, its column of what the work is about, its column of tries, and the work's identity."""

Rows = dict[str, list[dict[str, Any]]]


def rows_of(session: Session, order: Order) -> Rows:
    """Every row that belongs to the order, by table: found by following what refers to it, so that a table that is
    added later is in the story as well."""
    columns = Order.__table__.columns
    rows: Rows = {"order": [{column.name: getattr(order, column.name) for column in columns}]}
    known, assets, seen = {order.id}, set[str](), {("order", order.id)}
    for _ in range(ROUNDS):
        before = len(seen)
        for table in Base.metadata.sorted_tables:
            if table.name in OTHERS:
                continue
            for row in _referring(session, table, assets if table.name == "asset" else known):
                identity = (table.name, "/".join(str(row[column.name]) for column in table.primary_key))
                if identity not in seen:
                    seen.add(identity)
                    shown = {name: value for name, value in row.items() if (table.name, name) not in NOT_SHOWN}
                    rows.setdefault(table.name, []).append(shown)
                    known |= {str(row["id"])} if "id" in row and table.name != "asset" else set()
                    # Another order may be made from the same file: through it nothing else is followed.
                    assets |= {str(row["asset_id"])} if row.get("asset_id") else set()
        if len(seen) == before:
            break
    rows["payment_event"] = _events(session, rows.get("payment", []))
    return {name: found for name, found in rows.items() if found}


def _referring(session: Session, table: sa.Table, known: set[str]) -> Iterator[dict[str, Any]]:
    texts = [column for column in table.columns if isinstance(column.type, sa.String)]
    if table.name == "asset":
        mine = [table.c.id.in_(known)]
    else:
        mine = [c.in_(known) for c in texts if c.name.endswith("_id") or c.foreign_keys or c.name in REFERRING]
    if not mine:
        return
    for row in session.execute(sa.select(table).where(sa.or_(*mine)).limit(MOST_ROWS)).mappings():
        yield dict(row)


def _events(session: Session, payments: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    table = Base.metadata.tables["payment_event"]
    refs = [payment["provider_ref"] for payment in payments if payment["provider_ref"]]
    query = sa.select(table).where(table.c.provider_ref.in_(refs)).order_by(table.c.received_at)
    return [dict(row) for row in session.execute(query).mappings()]


def timeline(session: Session, order_id: str) -> list[dict[str, Any]]:
    """The order's audit events, each with the seconds until the next one about the same thing."""
    story = audit.of_order(session, order_id)
    lasted: dict[str, float] = {}
    for subject in {event.subject for event in story}:
        own: list[AuditEvent] = [event for event in story if event.subject == subject]
        for event, following in pairwise(own):
            lasted[event.id] = (following.at - event.at).total_seconds()
    return [
        {
            "at": event.at.isoformat(), "event": event.event, "subject": event.subject,
            "seconds": lasted.get(event.id), **event.data,
        }
        for event in story
    ]  # fmt: skip


def provider_view(providers: Mapping[str, PaymentProvider], payments: Sequence[Mapping[str, Any]]) -> list[Any]:
    """What each payment's provider says of it now, or why it can't be asked."""
    said: list[Any] = []
    for payment in payments:
        provider = providers.get(str(payment["provider"]))
        if provider is None:
            said.append({"payment": payment["id"], "problem": f"{payment['provider']} is not set up"})
            continue
        try:
            ref = payment["provider_ref"]
            seen = provider.retrieve(ref) if ref else provider.find(str(payment["id"]))
            said.append({"payment": payment["id"], "seen": asdict(seen) if seen else None})
        except MakegoodError as error:
            said.append({"payment": payment["id"], "problem": error.for_operator()})
    return said


def work_states(engine: Engine, rows: Rows) -> dict[str, str]:
    """What the engine knows of every workflow that this order lately asked for."""
    wanted = {str(row["work"]) for row in rows.get("obligation", [])}
    for table, subject, tries, identity in WORKS:
        for row in rows.get(table, []):
            last = int(row[tries])
            wanted |= {identity(str(row[subject]), number) for number in range(max(1, last - MOST_TRIES), last + 1)}
    return {name: str(state) for name, state in engine.states(sorted(wanted)).items()}


def as_text(order: Mapping[str, Any], events: Sequence[Mapping[str, Any]]) -> str:
    """The story for reading: one line an event, with how long it took."""
    lines = [f"{order['number']}, placed {order['created_at']:%Y-%m-%d %H:%M:%S} UTC", ""]
    for event in events:
        at = datetime.fromisoformat(str(event["at"]))
        facts = " ".join(
            f"{name}={value}" for name, value in event.items()
            if name not in ("at", "event", "subject", "seconds") and value is not None
        )  # fmt: skip
        took = f"{event['seconds']:8.2f} s" if event["seconds"] is not None else " " * 10
        lines.append(f"{at:%Y-%m-%d %H:%M:%S.%f}  {took}  {event['event']:<28} {facts[:300]}")
    return "\n".join(lines) + "\n"
