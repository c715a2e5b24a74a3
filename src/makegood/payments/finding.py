"""Finding orders by whatever an operator has in hand."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from makegood.orders.models import Obligation, Order
from makegood.orders.reading import read_number
from makegood.payments.models import Payment

SHORTEST = 4
"""A beginning of fewer characters says too little."""
MOST = 50


def find_orders(session: Session, text: str) -> list[Order]:
    """The orders that `text` may mean, newest first, at most `MOST`: an order's number or id, a payment's id here or at
    its provider, an obligation's id, each also by its beginning; or a customer's e-mail address."""
    wanted = text.strip()
    if "@" in wanted:
        return _orders(session, sa.func.lower(Order.email) == wanted.lower())
    number = read_number(wanted)
    exact = _orders(session, sa.or_(Order.number == number, Order.id == wanted))
    if exact or len(wanted) < SHORTEST:
        return exact

    def begins(column: sa.ColumnElement[Any]) -> sa.ColumnElement[bool]:
        return column.startswith(wanted, autoescape=True)

    paid = sa.select(Payment.order_id).where(
        sa.or_(begins(Payment.id.expression), begins(Payment.provider_ref.expression))
    )
    owed = sa.select(Obligation.order_id).where(begins(Obligation.id.expression))
    numbered = Order.number.startswith(number, autoescape=True) if len(number) > SHORTEST else sa.false()
    return _orders(session, sa.or_(numbered, begins(Order.id.expression), Order.id.in_(paid), Order.id.in_(owed)))


def _orders(session: Session, condition: sa.ColumnElement[bool]) -> list[Order]:
    return list(session.scalars(sa.select(Order).where(condition).order_by(Order.created_at.desc()).limit(MOST)))
