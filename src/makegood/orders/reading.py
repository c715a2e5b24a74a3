"""Finding orders and units, and turning stored rows into what a product reads."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.orm import Session, lazyload

from makegood.kernel.errors import NotFound
from makegood.kernel.ids import read_crockford
from makegood.orders.models import Obligation, Order, OrderLine, Unit, UnitCode
from makegood.orders.states import OrderState, order_state


class OrderNotFound(NotFound):
    code = "ORDER_NOT_FOUND"
    customer = "We could not find that order. Please check the number, or ask for a link by e-mail."
    operator = "No order {number}, or it is not the caller's."


def read_number(text: str) -> str:
    """An order number as a person typed it."""
    plain = read_crockford(text)
    # ORD itself is not Crockford: O was read as 0.
    return f"ORD-{plain.removeprefix('0RD')}"


def find(session: Session, number: str) -> Order | None:
    """The order of that number, if there is one."""
    return session.scalar(sa.select(Order).where(Order.number == read_number(number)))


def by_number(session: Session, number: str) -> Order:
    """The order, or `OrderNotFound`."""
    order = find(session, number)
    if order is None:
        raise OrderNotFound(number=number)
    return order


def obligations_of(session: Session, order_id: str) -> list[Obligation]:
    """The order's obligations, goodwill included."""
    query = sa.select(Obligation).where(Obligation.order_id == order_id).order_by(Obligation.id)
    return list(session.scalars(query.execution_options(populate_existing=True)))


def state_of(session: Session, order: Order) -> OrderState:
    """The order's derived state."""
    pairs = [(str(o.delivery), str(o.money)) for o in obligations_of(session, order.id) if o.number == 0]
    return order_state(pairs, closed=order.closed_at is not None)


def unit_with_line(session: Session, unit_id: str) -> tuple[Unit, OrderLine, Order]:
    """A unit with the line and the order that it belongs to; their other lines and units, and what was given
    for them, are read when asked for."""
    query = (
        sa.select(Unit, OrderLine, Order)
        .join(OrderLine, OrderLine.id == Unit.order_line_id)
        .join(Order, Order.id == OrderLine.order_id)
        .where(Unit.id == unit_id)
        .options(lazyload(Order.lines), lazyload(OrderLine.units), lazyload(OrderLine.inputs))
    )
    unit, line, order = session.execute(query).one()
    return unit, line, order


def unit_id_by_code(session: Session, product_id: str, purpose: str, code: str) -> str:
    """The unit that a public code leads to, or `NotFound`."""
    unit_id = session.scalar(
        sa.select(UnitCode.unit_id).where(
            UnitCode.product_id == product_id, UnitCode.purpose == purpose, UnitCode.code == code
        )
    )
    if unit_id is None:
        raise NotFound(code=code)
    return unit_id
