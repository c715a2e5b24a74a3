"""The audit log: every change of state and every act, by order, event and actor."""

from __future__ import annotations

import json

import sqlalchemy as sa
from fastapi import APIRouter, Request
from fastapi.responses import Response

from makegood.console import lists
from makegood.console.access import Viewer
from makegood.console.lists import Column, Filter, Kind, Listing
from makegood.kernel.audit import AuditEvent
from makegood.orders.models import Order
from makegood.orders.reading import read_number
from makegood.web.services import services

router = APIRouter(include_in_schema=False)

LONGEST_FACTS = 400
FILTERS = (
    Filter("order", "Order number"),
    Filter("event", "Event begins with", hint="operator., payment., mail.failed"),
    Filter("by", "Actor"),
)
COLUMNS = (
    Column("at", "When", Kind.MOMENT, "at"),
    Column("event", "Event", Kind.CODE),
    Column("order", "Order", Kind.ORDER),
    Column("by", "By"),
    Column("facts", "Facts"),
    Column("subject", "About", Kind.CODE),
)


@router.get("/console/audit")
def audit_log(request: Request, who: Viewer) -> Response:
    """Everything that happened, newest first."""
    shop, wanted = services(request), lists.read(request, FILTERS, ("at",), "-at")
    wheres: list[sa.ColumnElement[bool]] = []
    if wanted.filters["order"]:
        wheres.append(Order.number == read_number(wanted.filters["order"]))
    if wanted.filters["event"]:
        wheres.append(AuditEvent.event.startswith(wanted.filters["event"], autoescape=True))
    if wanted.filters["by"]:
        actor = sa.func.lower(AuditEvent.data["by"].as_string())
        wheres.append(is_by_somebody() & actor.contains(wanted.filters["by"].lower(), autoescape=True))
    base = sa.select(AuditEvent, Order.number).join(Order, Order.id == AuditEvent.order_id, isouter=True).where(*wheres)
    newest = (AuditEvent.at.desc(), AuditEvent.id.desc())
    query = base.order_by(*(newest if wanted.descending else (AuditEvent.at, AuditEvent.id)))
    with shop.database.read() as session:
        total = session.scalar(sa.select(sa.func.count()).select_from(base.subquery())) or 0
        rows = [
            {
                "at": event.at,
                "event": event.event,
                "order": number,
                "by": actor_of(event),
                "facts": facts_of(event),
                "subject": event.subject,
            }
            for event, number in session.execute(query.offset(wanted.offset).limit(wanted.limit))
        ]
    empty = "Nothing like this has happened." if any(wanted.filters.values()) else "Nothing has happened yet."
    listing = Listing("audit", COLUMNS, FILTERS, rows, total, wanted, empty)
    return lists.answer(request, who, "list.html", listing, heading="Audit log")


BY_A_SERVER = "mail.accepted"
"""Rows of earlier releases say in `by` what the mail server answered, in which there may be an @."""


def actor_of(event: AuditEvent) -> str:
    """Who did it: an operator's address or `cli`; empty where the shop did it by itself."""
    by = "" if event.event == BY_A_SERVER else str(event.data.get("by") or "")
    return by if "@" in by or by == "cli" else ""


def is_by_somebody() -> sa.ColumnElement[bool]:
    """What holds in the database of events that have an actor."""
    by = AuditEvent.data["by"].as_string()
    return sa.and_(AuditEvent.event != BY_A_SERVER, sa.or_(by.contains("@"), by == "cli"))


def facts_of(event: AuditEvent) -> str:
    """An event's facts in one line."""
    facts = [
        f"{name} {value if isinstance(value, str | int | float) else json.dumps(value, ensure_ascii=False)}"
        for name, value in event.data.items()
        if value not in (None, "", [], {}) and (name != "by" or not actor_of(event))
    ]
    line = " · ".join(facts)
    return line if len(line) <= LONGEST_FACTS else f"{line[: LONGEST_FACTS - 1]}…"
