"""Refunds: all money that went back, is on its way, or can't be given back yet."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from fastapi import APIRouter, Request
from fastapi.responses import Response

from makegood.console import lists
from makegood.console.access import Viewer
from makegood.console.lists import Column, Filter, Kind, Listing, Tag
from makegood.kernel.money import Money
from makegood.orders.models import Order, Refund
from makegood.orders.states import RefundState
from makegood.payments.debts import TAKES_LONG
from makegood.payments.models import Payment
from makegood.web.services import services

router = APIRouter(include_in_schema=False)

FILTERS = (
    Filter(
        "state", "State",
        (("", "all"), ("open", "open"), ("failing", "failing"), ("succeeded", "given back")),
    ),
    Filter("reason", "Reason contains"),
)  # fmt: skip
COLUMNS = (
    Column("order", "Order", Kind.ORDER),
    Column("amount", "Amount", Kind.MONEY),
    Column("state", "State", Kind.TAG),
    Column("asked", "Since", Kind.MOMENT, "asked"),
    Column("settled", "Given back", Kind.MOMENT, "settled"),
    Column("provider", "Provider"),
    Column("reason", "Reason"),
    Column("problem", "What the provider said"),
)
SORTS: dict[str, Any] = {"asked": Refund.created_at, "settled": Refund.settled_at}


@router.get("/console/refunds")
def refunds(request: Request, who: Viewer) -> Response:
    """Every refund, newest first."""
    shop, wanted = services(request), lists.read(request, FILTERS, tuple(SORTS), "-asked")
    now = shop.clock.now()
    wheres: list[sa.ColumnElement[bool]] = []
    if wanted.filters["state"]:
        wheres.append(_states(now)[wanted.filters["state"]])
    if wanted.filters["reason"]:
        wheres.append(sa.func.lower(Refund.reason).contains(wanted.filters["reason"].lower(), autoescape=True))
    column = SORTS[wanted.sort.lstrip("-")]
    order_by = column.desc().nulls_last() if wanted.descending else column.asc().nulls_last()
    query = (
        sa.select(Refund, Payment.provider, Order.number, _states(now)["failing"])
        .join(Payment, Payment.id == Refund.payment_id)
        .join(Order, Order.id == Payment.order_id, isouter=True)
        .where(*wheres).order_by(order_by, Refund.id.desc())
    )  # fmt: skip
    with shop.database.read() as session:
        total = session.scalar(sa.select(sa.func.count()).select_from(Refund).where(*wheres)) or 0
        rows = [
            {
                "order": number,
                "amount": Money(refund.amount_minor, refund.currency),
                "state": _state(refund, is_failing),
                "asked": refund.created_at,
                "settled": refund.settled_at,
                "provider": provider,
                "reason": refund.reason,
                "problem": refund.last_error or "",
            }
            for refund, provider, number, is_failing in session.execute(query.offset(wanted.offset).limit(wanted.limit))
        ]
    empty = "No refund looks like this." if any(wanted.filters.values()) else "No money ever had to go back."
    listing = Listing("refunds", COLUMNS, FILTERS, rows, total, wanted, empty)
    return lists.answer(request, who, "list.html", listing, heading="Refunds")


def _states(now: datetime) -> dict[str, sa.ColumnElement[bool]]:
    """As `Debt.is_failing` says it of one."""
    is_open = Refund.state != RefundState.SUCCEEDED
    is_refused = Refund.last_error.is_not(None) & (Refund.state != RefundState.PENDING)
    is_late = sa.func.coalesce(Refund.due_at, Refund.created_at) < now - TAKES_LONG
    return {"open": is_open, "failing": is_open & (is_refused | is_late), "succeeded": ~is_open}


def _state(refund: Refund, is_failing: bool) -> Tag:
    if refund.state == RefundState.SUCCEEDED:
        return Tag("given back", "good")
    return Tag("failing", "risk") if is_failing else Tag("on its way", "notice")
