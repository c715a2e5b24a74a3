"""The payment inbox: what providers told us, what came of it, and telling it to ourselves again."""

from __future__ import annotations

import json
from typing import Any

import sqlalchemy as sa
from fastapi import APIRouter, Request
from fastapi.responses import RedirectResponse, Response
from sqlalchemy.orm import Session

from makegood.accounts.operator_models import Role
from makegood.console import lists
from makegood.console.access import Acting, Viewer
from makegood.console.lists import Column, Filter, Kind, Link, Listing, Tag
from makegood.console.rendering import pages_of
from makegood.kernel.errors import NotFound
from makegood.orders.models import Order
from makegood.payments.models import Payment, PaymentEvent
from makegood.web.services import services

router = APIRouter(include_in_schema=False)

MOST_SHOWN = 20_000
"""Characters of a body."""
FILTERS = (
    Filter("state", "Show", (("", "all"), ("unhandled", "unhandled"), ("not_ours", "not ours"))),
    Filter("q", "Event id, reference or kind"),
)
COLUMNS = (
    Column("event", "Event", Kind.LINK),
    Column("kind", "Kind", Kind.CODE),
    Column("provider", "Provider"),
    Column("order", "Order", Kind.ORDER),
    Column("received", "Received", Kind.MOMENT, "received"),
    Column("state", "State", Kind.TAG),
    Column("tries", "Tries", Kind.NUMBER, "tries"),
)
SORTS: dict[str, Any] = {"received": PaymentEvent.received_at, "tries": PaymentEvent.handle_try}
PAYMENT_OF = sa.and_(Payment.provider == PaymentEvent.provider, Payment.provider_ref == PaymentEvent.provider_ref)


@router.get("/console/inbox")
def inbox(request: Request, who: Viewer) -> Response:
    """Every notification, newest first."""
    shop, wanted = services(request), lists.read(request, FILTERS, tuple(SORTS), "-received")
    wheres: list[sa.ColumnElement[bool]] = []
    if wanted.filters["state"] == "unhandled":
        wheres.append(PaymentEvent.handled_at.is_(None))
    if wanted.filters["state"] == "not_ours":
        wheres.append(PaymentEvent.outcome == "not_ours")
    if text := wanted.filters["q"]:
        columns = (PaymentEvent.event_id, PaymentEvent.provider_ref, PaymentEvent.kind)
        wheres.append(sa.or_(*(column.contains(text, autoescape=True) for column in columns)))
    column = SORTS[wanted.sort.lstrip("-")]
    query = (
        sa.select(PaymentEvent, Order.number)
        .join(Payment, PAYMENT_OF, isouter=True).join(Order, Order.id == Payment.order_id, isouter=True)
        .where(*wheres).order_by(column.desc() if wanted.descending else column.asc(), PaymentEvent.id.desc())
    )  # fmt: skip
    with shop.database.read() as session:
        total = session.scalar(sa.select(sa.func.count()).select_from(PaymentEvent).where(*wheres)) or 0
        rows = [
            {
                "event": Link(event.event_id, f"/console/inbox/{event.id}"),
                "kind": event.kind,
                "provider": event.provider,
                "order": number,
                "received": event.received_at,
                "state": state_of(event),
                "tries": event.handle_try,
            }
            for event, number in session.execute(query.offset(wanted.offset).limit(wanted.limit))
        ]
    empty = "No notification looks like this." if any(wanted.filters.values()) else "No provider has told us anything."
    listing = Listing("inbox", COLUMNS, FILTERS, rows, total, wanted, empty)
    return lists.answer(request, who, "list.html", listing, heading="Payment inbox")


@router.get("/console/inbox/{row_id}")
def show(request: Request, who: Viewer, row_id: str) -> Response:
    """One notification, with its body as text."""
    with services(request).database.read() as session:
        event = _event(session, row_id)
        number = session.scalar(sa.select(Order.number).join(Payment).where(
            Payment.provider == event.provider, Payment.provider_ref == event.provider_ref))  # fmt: skip
    return pages_of(request).page(
        request, "event.html", who, event=event, state=state_of(event), number=number, body=readable(event.raw),
        may_replay=who.may(Role.OPERATOR), done=request.query_params.get("done", ""),
    )  # fmt: skip


@router.post("/console/inbox/{row_id}/replay")
def replay(request: Request, who: Acting, row_id: str) -> Response:
    """Handle the notification again."""
    done = services(request).inbox.replay(row_id, who.email)
    return RedirectResponse(f"/console/inbox/{row_id}?done={'replayed' if done else 'faster'}", 303)


def state_of(event: PaymentEvent) -> Tag:
    """What has become of a notification."""
    if event.handled_at is None:
        return Tag("unhandled", "notice")
    return Tag("not ours") if event.outcome == "not_ours" else Tag("handled", "good")


def readable(raw: bytes) -> str:
    """A body as text: indented if it is JSON, else as it came, with what is no text escaped."""
    text = raw.decode("utf-8", "backslashreplace")
    try:
        text = json.dumps(json.loads(text), indent=2, ensure_ascii=False)
    except ValueError:
        text = "".join(sign if sign.isprintable() or sign in "\n\t" else repr(sign)[1:-1] for sign in text)
    return text if len(text) <= MOST_SHOWN else f"{text[:MOST_SHOWN]}\n… {len(text) - MOST_SHOWN} more characters"


def _event(session: Session, row_id: str) -> PaymentEvent:
    event = session.get(PaymentEvent, row_id)
    if event is None:
        raise NotFound(notification=row_id)
    return event
