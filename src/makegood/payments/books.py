"""Our side of a provider's list: what we have of a page of it, in a few queries however long the page is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Session

from makegood.payments.inbox import being_handled
from makegood.payments.models import CountedRefund, Difference, Dispute, Payment
from makegood.payments.provider import ProviderDispute, ProviderPayment, ProviderRefund
from makegood.payments.reversing import gone_of

Listed = ProviderPayment | ProviderRefund | ProviderDispute
"""What a page of a provider's list holds."""


@dataclass(frozen=True, slots=True)
class KnownPayment:
    """A payment of ours. `returned`: how much of it has gone back, in minor units, as far as we have counted;
    `is_told`: a notification about it waits to be handled; `differs`: an unexplained difference of it is on record."""

    payment: Payment
    returned: int
    is_told: bool
    differs: bool


@dataclass(frozen=True, slots=True)
class Books:
    """What we have of a page: payments and states of disputes by the provider's id, ids of counted refunds. Others go
    on meanwhile, so whoever acts on it looks again in the transaction that acts."""

    payments: dict[str, KnownPayment]
    refunds: frozenset[str]
    disputes: dict[str, str]


def books_of(session: Session, provider: str, items: Sequence[Listed], now: datetime) -> Books:
    """What we have of these, which one page of the provider's list names."""
    refunds = [item.ref for item in items if isinstance(item, ProviderRefund)]
    disputes = [item.ref for item in items if isinstance(item, ProviderDispute)]
    counted = sa.select(CountedRefund.ref).where(CountedRefund.provider == provider, CountedRefund.ref.in_(refunds))
    states = sa.select(Dispute.ref, Dispute.state).where(Dispute.provider == provider, Dispute.ref.in_(disputes))
    return Books(
        _payments(session, provider, [item.ref for item in items if isinstance(item, ProviderPayment)], now),
        frozenset(session.scalars(counted)) if refunds else frozenset(),
        {row.ref: row.state for row in session.execute(states)} if disputes else {},
    )


def _payments(session: Session, provider: str, refs: Sequence[str], now: datetime) -> dict[str, KnownPayment]:
    if not refs:
        return {}
    differs = sa.exists().where(Difference.payment_id == Payment.id, Difference.explained_at.is_(None))
    query = sa.select(Payment, being_handled(now), differs).where(
        Payment.provider == provider, Payment.provider_ref.in_(refs)
    )
    rows = [(payment, is_told, is_noted) for payment, is_told, is_noted in session.execute(query)]
    returned = gone_of(session, [payment.id for payment, _, _ in rows])
    return {
        payment.provider_ref or "": KnownPayment(payment, returned[payment.id], bool(is_told), bool(is_noted))
        for payment, is_told, is_noted in rows
    }
