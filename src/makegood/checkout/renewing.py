"""What a renewal prolongs."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.orm import Session

from makegood.accounts.callers import Caller, owns
from makegood.checkout.errors import RenewalRefused
from makegood.fulfillment.models import Commitment
from makegood.fulfillment.states import CommitmentState
from makegood.kernel.errors import NotFound
from makegood.orders.models import Order, OrderLine, Unit
from makegood.product_api import Product


def renewed_unit(session: Session, caller: Caller, product: Product, unit_id: str) -> str:
    """The unit whose term is prolonged by renewing this one, which is the caller's own and of this product: the renewal
    of a renewal prolongs the first."""
    row = session.execute(
        sa.select(OrderLine, Order).join(Order, Order.id == OrderLine.order_id)
        .join(Unit, Unit.order_line_id == OrderLine.id).where(Unit.id == unit_id)
    ).one_or_none()  # fmt: skip
    if row is None or not owns(
        caller, visitor_id=row.Order.visitor_id, customer_id=row.Order.customer_id, email=row.Order.email
    ):
        raise NotFound(unit=unit_id[:40])
    if row.OrderLine.product_id != product.manifest.id:
        raise RenewalRefused(unit=unit_id, problem="it is something else.")
    return str(row.OrderLine.renews_unit_id or unit_id)


def require_renewable(session: Session, unit_id: str, quantity: int) -> None:
    """Raise `RenewalRefused` unless the unit has a term that still runs, and does so at least until the caller's
    transaction ends."""
    if quantity != 1:
        raise RenewalRefused(unit=unit_id, problem="one order renews one of them.")
    session.get_one(Unit, unit_id, with_for_update=True)
    states = set(session.scalars(sa.select(Commitment.state).where(Commitment.unit_id == unit_id)))
    if CommitmentState.STANDING not in states:
        raise RenewalRefused(unit=unit_id, problem="it has no term that is still running. Please order it anew.")
