"""What is owed back: refunds that are not there yet, and units that go back whole, as one list for all who ask."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.orm import Session

from makegood.kernel.audit import AuditEvent
from makegood.kernel.money import Money as Amount
from makegood.orders.models import Obligation, Order, Refund
from makegood.orders.reversals import WHOLE
from makegood.orders.states import Money, RefundState
from makegood.payments.models import Payment

TAKES_LONG = timedelta(hours=1)
"""A refund that takes longer is in trouble, even if nobody has refused it."""


@dataclass(frozen=True, slots=True)
class Debt:
    """Money that is owed back and not there yet. `refund` is None while none is recorded; `obligation` is None for
    money that bought nothing, `number` for money of no order. `since` is when it is, or was, to go back."""

    payment: Payment
    number: str | None
    obligation: Obligation | None
    refund: Refund | None
    amount: Amount
    since: datetime

    @property
    def id(self) -> str:
        """The refund's id, or its unit's while none is recorded."""
        return (self.refund or self.obligation or self.payment).id

    @property
    def is_whole(self) -> bool:
        """Whether all that is left of a unit goes back, and not a part of it or money that bought nothing."""
        return self.obligation is not None and self.obligation.money == Money.REFUNDING

    @property
    def reason(self) -> str:
        """Why it goes back."""
        return (self.refund.reason if self.refund else self.obligation and self.obligation.reason) or ""

    @property
    def error(self) -> str | None:
        """What was said last, if it was tried in vain."""
        return self.refund.last_error if self.refund else None

    @property
    def is_refused(self) -> bool:
        """Whether it was tried in vain, and the provider is not at it."""
        return self.refund is not None and self.error is not None and self.refund.state != RefundState.PENDING

    def is_late(self, now: datetime, after: timedelta = TAKES_LONG) -> bool:
        """Whether it was to go back longer ago than that."""
        return self.since < now - after

    def is_failing(self, now: datetime) -> bool:
        """Whether it needs somebody to look at it."""
        return self.is_refused or self.is_late(now)


def owed_back(session: Session) -> list[Debt]:
    """Everything that is owed back now. A unit that goes back whole is one debt, whatever refunds of it are open."""
    return [*_whole_units(session), *_parts_and_surplus(session)]


def _whole_units(session: Session) -> list[Debt]:
    began = (
        sa.select(sa.func.max(AuditEvent.at))
        .where(AuditEvent.subject == Obligation.id, AuditEvent.event == "obligation.refunding").scalar_subquery()
    )  # fmt: skip
    since = sa.func.coalesce(began, Obligation.abandoned_at, Obligation.owed_at)
    is_open = sa.and_(Refund.obligation_id == Obligation.id, Refund.state != RefundState.SUCCEEDED)
    query = (
        sa.select(Payment, Order.number, Obligation, Refund, since)
        .select_from(Obligation)
        .join(Payment, Payment.id == Obligation.payment_id)
        .join(Order, Order.id == Obligation.order_id)
        .join(Refund, is_open, isouter=True)
        .where(Obligation.money == Money.REFUNDING)
        # Of several open refunds the whole one comes last, and stays.
        .order_by(Obligation.id, Refund.key == WHOLE)
    )
    found = {
        owed.id: Debt(
            payment, number, owed, refund, Amount(owed.allocated_minor - owed.returned_minor, payment.currency), when
        )
        for payment, number, owed, refund, when in session.execute(query)
    }
    return list(found.values())


def _parts_and_surplus(session: Session) -> list[Debt]:
    query = (
        sa.select(Payment, Order.number, Obligation, Refund)
        .select_from(Refund)
        .join(Payment, Payment.id == Refund.payment_id)
        .join(Order, Order.id == Payment.order_id, isouter=True)
        .join(Obligation, Obligation.id == Refund.obligation_id, isouter=True)
        .where(Refund.state != RefundState.SUCCEEDED)
        .where(sa.or_(Obligation.id.is_(None), Obligation.money != Money.REFUNDING))
        .order_by(Refund.id)
    )
    return [
        Debt(
            payment, number, owed, refund, Amount(refund.amount_minor, refund.currency),
            refund.due_at or refund.created_at,
        )
        for payment, number, owed, refund in session.execute(query)
    ]  # fmt: skip
