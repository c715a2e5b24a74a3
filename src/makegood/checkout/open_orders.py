"""The order of a draft's version that waits for its payment: at most one, of what was asked for last."""

from __future__ import annotations

from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.orm import Session

from makegood.checkout.errors import OrderOpen
from makegood.checkout.models import Draft
from makegood.kernel.database import Database
from makegood.orders.models import Order
from makegood.payments.models import Payment
from makegood.payments.provider import PaymentProvider
from makegood.payments.settling import Settling


@dataclass(frozen=True, slots=True)
class Wish:
    """What a checkout asks for besides the draft's version: two that are equal are one order. `renews` is the unit
    whose term is prolonged, the first of its renewals."""

    email: str
    currency: str
    total_minor: int
    quantity: int
    promotion: str | None
    renews: str | None


@dataclass(frozen=True, slots=True)
class OpenOrder:
    """An order that waits for its payment."""

    id: str
    number: str
    wish: Wish


def open_for(draft: Draft) -> str:
    """What is unique to the open order of the draft's version."""
    return f"{draft.id}:{draft.version}"


class OpenOrders:
    """Two orders of one version of a draft can never both be paid for by mistake: the earlier one is ended at its
    provider before there is another."""

    def __init__(self, database: Database, providers: dict[str, PaymentProvider], settling: Settling) -> None:
        self._database, self._providers, self._settling = database, providers, settling

    def find(self, session: Session, draft: Draft) -> OpenOrder | None:
        """The open order of the draft's version, if there is one."""
        order = session.scalar(sa.select(Order).where(Order.open_for == open_for(draft)))
        return None if order is None else OpenOrder(order.id, order.number, _wish_of(order))

    def same(self, session: Session, draft: Draft, wish: Wish) -> str | None:
        """The id of the open order that asks for just this, or None if nothing is open. Raises `OrderOpen` if what is
        open asks for something else."""
        found = self.find(session, draft)
        if found is not None and found.wish != wish:
            raise OrderOpen(order=found.number, draft=draft.id)
        return None if found is None else found.id

    def end(self, order: OpenOrder, draft: Draft) -> None:
        """End the order at its provider; whatever the provider says of it then counts. Raises `OrderOpen` if it is not
        over by that: it has just been paid, or is being paid, or its payment is still being asked for."""
        unsettled = sa.select(Payment).where(Payment.order_id == order.id, Payment.closed_at.is_(None))
        with self._database.read() as session:
            payments = list(session.scalars(unsettled))
        for payment in payments:
            if payment.provider_ref is not None:
                provider = self._providers[payment.provider]
                self._settling.apply(payment.id, provider.expire(payment.provider_ref))
        with self._database.read() as session:
            if session.get_one(Order, order.id).closed_at is None:
                raise OrderOpen(order=order.number, draft=draft.id)


def _wish_of(order: Order) -> Wish:
    [line] = order.lines
    return Wish(order.email, order.currency, order.total_minor, line.quantity, order.promotion, line.renews_unit_id)
