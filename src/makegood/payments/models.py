"""Tables of payments."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from makegood.kernel.database import Base
from makegood.orders.models import Obligation, Order
from makegood.orders.states import PaymentState


class Payment(Base):
    """Money for one order through one provider. Its id is the reference that the provider knows it by."""

    __tablename__ = "payment"

    id: Mapped[str] = mapped_column(primary_key=True)
    order_id: Mapped[str] = mapped_column(sa.ForeignKey(Order.id), index=True)
    provider: Mapped[str]
    provider_ref: Mapped[str | None]
    state: Mapped[str] = mapped_column(index=True)
    amount_minor: Mapped[int] = mapped_column(sa.BigInteger)
    currency: Mapped[str]
    captured_minor: Mapped[int] = mapped_column(sa.BigInteger)
    url: Mapped[str | None]
    details: Mapped[dict[str, Any]]
    """The provider's metadata, as it last said it."""
    problem: Mapped[str | None]
    """Why captured money unlocks nothing, e.g. `AMOUNT_DIFFERS`."""
    request_try: Mapped[int]
    polled_at: Mapped[datetime | None]
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    paid_at: Mapped[datetime | None]
    closed_at: Mapped[datetime | None] = mapped_column(index=True)
    """Set only when the provider, asked, says that it is final."""

    __table_args__ = (
        sa.UniqueConstraint("provider", "provider_ref"),
        sa.CheckConstraint(f"state IN ({', '.join(repr(str(s)) for s in PaymentState)})", "state"),
        sa.CheckConstraint("amount_minor >= 0 AND captured_minor >= 0", "amounts"),
    )


class PaymentEvent(Base):
    """The inbox: a verified notification, kept as its raw bytes before it is acknowledged."""

    __tablename__ = "payment_event"

    id: Mapped[str] = mapped_column(primary_key=True)
    provider: Mapped[str]
    event_id: Mapped[str]
    kind: Mapped[str]
    provider_ref: Mapped[str | None]
    raw: Mapped[bytes]
    received_at: Mapped[datetime]
    handled_at: Mapped[datetime | None] = mapped_column(index=True)
    outcome: Mapped[str | None]
    handle_try: Mapped[int]

    __table_args__ = (sa.UniqueConstraint("provider", "event_id"),)


class Refund(Base):
    """Money that goes back. Recorded with its permanent id before the provider is called."""

    __tablename__ = "refund"

    id: Mapped[str] = mapped_column(primary_key=True)
    payment_id: Mapped[str] = mapped_column(sa.ForeignKey("payment.id"), index=True)
    obligation_id: Mapped[str | None] = mapped_column(sa.ForeignKey(Obligation.id), unique=True)
    surplus_of: Mapped[str | None] = mapped_column(unique=True)
    """The payment whose money belongs to nothing, where there is no obligation."""
    amount_minor: Mapped[int] = mapped_column(sa.BigInteger)
    currency: Mapped[str]
    reason: Mapped[str]
    state: Mapped[str] = mapped_column(index=True)
    provider_ref: Mapped[str | None]
    tries: Mapped[int]
    last_error: Mapped[str | None]
    created_at: Mapped[datetime]
    settled_at: Mapped[datetime | None]

    __table_args__ = (
        sa.CheckConstraint("state IN ('recorded', 'succeeded', 'failed')", "state"),
        sa.CheckConstraint("amount_minor >= 0", "amount"),
        sa.CheckConstraint("(obligation_id IS NULL) <> (surplus_of IS NULL)", "for"),
    )
