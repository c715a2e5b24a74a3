"""Orders: found by whatever somebody has at hand, filtered by state, as pages and as CSV."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from fastapi import APIRouter, Request
from fastapi.responses import Response
from sqlalchemy.orm import Session

from makegood.console import lists
from makegood.console.access import Viewer
from makegood.console.lists import Column, Filter, Kind, Listing, Tag
from makegood.console.rendering import STATES
from makegood.kernel.money import Money
from makegood.orders.models import Obligation, Order
from makegood.orders.reading import read_number
from makegood.orders.states import OPEN_DELIVERY, Delivery, OrderState, order_state
from makegood.orders.states import Money as MoneyState
from makegood.payments.models import Payment
from makegood.web.services import services

router = APIRouter(include_in_schema=False)

SHORTEST_PART = 4
"""Characters of an e-mail address, an id or a reference that are enough to look for."""

FILTERS = (
    Filter("q", "Number, e-mail, payment reference or id"),
    Filter("state", "State", (("", "any state"), *STATES.items())),
)
COLUMNS = (
    Column("number", "Order", Kind.ORDER),
    Column("created", "Ordered", Kind.MOMENT, "created"),
    Column("email", "Customer"),
    Column("what", "What"),
    Column("total", "Total", Kind.MONEY, "total"),
    Column("state", "State", Kind.TAG),
    Column("paid", "Paid", Kind.MOMENT, "paid"),
)
SORTS: dict[str, Any] = {"created": Order.created_at, "total": Order.total_minor, "paid": Order.paid_at}
TONES = {"delivered": "good", "partly_delivered": "notice", "refunded": "notice"}


def _paid_obligation(*more: sa.ColumnElement[bool]) -> sa.Exists:
    return sa.exists().where(Obligation.order_id == Order.id, Obligation.number == 0, *more)


def in_state(state: OrderState) -> sa.ColumnElement[bool]:
    """What holds in the database of orders in this state; the same as `orders.states.order_state` says of one."""
    any_owed = _paid_obligation()
    is_open = _paid_obligation(Obligation.delivery.in_(OPEN_DELIVERY))
    has_it = sa.and_(
        Obligation.delivery == Delivery.DELIVERED, Obligation.money.in_((MoneyState.KEPT, MoneyState.DISPUTED))
    )
    kept, lost = _paid_obligation(has_it), _paid_obligation(~has_it)
    match state:
        case OrderState.AWAITING_PAYMENT:
            return ~any_owed & Order.closed_at.is_(None)
        case OrderState.CANCELLED:
            return ~any_owed & Order.closed_at.is_not(None)
        case OrderState.IN_PROGRESS:
            return is_open
        case OrderState.DELIVERED:
            return any_owed & ~is_open & ~lost
        case OrderState.PARTLY_DELIVERED:
            return any_owed & ~is_open & kept & lost
        case OrderState.REFUNDED:
            return any_owed & ~is_open & ~kept


def looked_for(text: str) -> sa.ColumnElement[bool]:
    """The orders that `text` may mean: a number in any writing, an address or a part of it, an id or its beginning, of
    the order or of a payment, ours or the provider's."""
    found: list[sa.ColumnElement[bool]] = [Order.number == read_number(text), Order.id == text]
    if len(text) >= SHORTEST_PART:
        by_payment = Payment.id.startswith(text, autoescape=True) | Payment.provider_ref.startswith(
            text, autoescape=True
        )
        found += [
            sa.func.lower(Order.email).contains(text.lower(), autoescape=True),
            Order.id.startswith(text.lower(), autoescape=True),
            Order.number.startswith(read_number(text), autoescape=True),
            sa.exists().where(Payment.order_id == Order.id, by_payment),
        ]
    return sa.or_(*found)


@router.get("/console/orders")
def orders(request: Request, who: Viewer) -> Response:
    """Every order, newest first."""
    shop, wanted = services(request), lists.read(request, FILTERS, tuple(SORTS), "-created")
    wheres: list[sa.ColumnElement[bool]] = []
    if wanted.filters["q"]:
        wheres.append(looked_for(wanted.filters["q"]))
    if wanted.filters["state"]:
        wheres.append(in_state(OrderState(wanted.filters["state"])))
    column = SORTS[wanted.sort.lstrip("-")]
    order_by = column.desc().nulls_last() if wanted.descending else column.asc().nulls_last()
    query = sa.select(Order).where(*wheres).order_by(order_by, Order.id.desc())
    with shop.database.read() as session:
        total = session.scalar(sa.select(sa.func.count()).select_from(Order).where(*wheres)) or 0
        found = list(session.scalars(query.offset(wanted.offset).limit(wanted.limit)))
        states = _states(session, found)
        rows = [_row(order, states[order.id]) for order in found]
    empty = "No order looks like this." if any(wanted.filters.values()) else "Nobody has ordered anything yet."
    listing = Listing("orders", COLUMNS, FILTERS, rows, total, wanted, empty)
    return lists.answer(request, who, "list.html", listing, heading="Orders")


def _states(session: Session, orders: Sequence[Order]) -> dict[str, OrderState]:
    """The derived states of many orders in few queries."""
    pairs: dict[str, list[tuple[str, str]]] = {order.id: [] for order in orders}
    ids = list(pairs)
    for part in range(0, len(ids), 500):
        query = sa.select(Obligation.order_id, Obligation.delivery, Obligation.money).where(
            Obligation.number == 0, Obligation.order_id.in_(ids[part : part + 500])
        )
        for order_id, delivery, money in session.execute(query):
            pairs[order_id].append((delivery, money))
    return {order.id: order_state(pairs[order.id], closed=order.closed_at is not None) for order in orders}


def _row(order: Order, state: OrderState) -> dict[str, Any]:
    return {
        "number": order.number,
        "created": order.created_at,
        "email": order.email,
        "what": ", ".join(
            f"{line.quantity} × {line.description}" if line.quantity > 1 else line.description for line in order.lines
        ),
        "total": Money(order.total_minor, order.currency),
        "state": Tag(STATES[state], TONES.get(state, "")),
        "paid": order.paid_at,
    }
