"""Tables of payments."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from makegood.kernel.database import Base
from makegood.orders.models import Order, Refund
from makegood.orders.states import DisputeState, PaymentState


class Payment(Base):
    """Money for one order through one provider. Its id is the reference that the provider knows it by. Money that
    the provider has and that belongs to no order is a payment as well, without an order, and goes back."""

    __tablename__ = "payment"

    id: Mapped[str] = mapped_column(primary_key=True)
    order_id: Mapped[str | None] = mapped_column(sa.ForeignKey(Order.id), index=True)
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
        sa.CheckConstraint("order_id IS NOT NULL OR problem IS NOT NULL", "order"),
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


class CountedRefund(Base):
    """A refund that the provider has made, by whomever: counted once for ever."""

    __tablename__ = "counted_refund"

    id: Mapped[str] = mapped_column(primary_key=True)
    provider: Mapped[str]
    ref: Mapped[str]
    payment_id: Mapped[str] = mapped_column(sa.ForeignKey(Payment.id), index=True)
    refund_id: Mapped[str | None] = mapped_column(sa.ForeignKey(Refund.id))
    """Ours, if we asked for it; else it was made in the provider's dashboard."""
    amount_minor: Mapped[int] = mapped_column(sa.BigInteger)
    currency: Mapped[str]
    unplaced_minor: Mapped[int] = mapped_column(sa.BigInteger)
    """What of it exceeds all that the payment's units had left: never, unless the provider errs."""
    counted_at: Mapped[datetime]

    __table_args__ = (
        sa.UniqueConstraint("provider", "ref"),
        sa.CheckConstraint("amount_minor > 0 AND unplaced_minor BETWEEN 0 AND amount_minor", "amounts"),
    )


class Dispute(Base):
    """A cardholder's bank asks for the money back, and gets it or doesn't."""

    __tablename__ = "dispute"

    id: Mapped[str] = mapped_column(primary_key=True)
    provider: Mapped[str]
    ref: Mapped[str]
    payment_id: Mapped[str] = mapped_column(sa.ForeignKey(Payment.id), index=True)
    amount_minor: Mapped[int] = mapped_column(sa.BigInteger)
    currency: Mapped[str]
    reason: Mapped[str]
    state: Mapped[str] = mapped_column(index=True)
    problem: Mapped[str | None]
    """Why it changed nothing for any unit, e.g. `REFUND_UNDER_WAY`."""
    noted_at: Mapped[datetime]
    closed_at: Mapped[datetime | None]

    __table_args__ = (
        sa.UniqueConstraint("provider", "ref"),
        sa.CheckConstraint(f"state IN ({', '.join(repr(str(s)) for s in DisputeState)})", "state"),
        sa.CheckConstraint("amount_minor > 0", "amount"),
        sa.CheckConstraint("(state = 'open') = (closed_at IS NULL)", "closed_at"),
    )


class ReconciliationCursor(Base):
    """How far one of a provider's lists has been read. Everything here is the provider's: its cursor, its clock."""

    __tablename__ = "reconciliation_cursor"

    provider: Mapped[str] = mapped_column(primary_key=True)
    stream: Mapped[str] = mapped_column(primary_key=True)
    since: Mapped[datetime | None]
    """The beginning of the present reading; None reads everything."""
    cursor: Mapped[str | None]
    """The page at which the present reading goes on; None begins it."""
    newest: Mapped[datetime | None]
    """The youngest object that the present reading has met."""
    unsettled: Mapped[datetime | None]
    """The oldest object met that may still change, so that the next reading begins no later."""
    version: Mapped[int]
    finished_at: Mapped[datetime | None]


class Difference(Base):
    """The provider's books and ours disagree, and we may not, or can't yet, mend it by ourselves."""

    __tablename__ = "difference"

    id: Mapped[str] = mapped_column(primary_key=True)
    provider: Mapped[str]
    kind: Mapped[str]
    ref: Mapped[str]
    payment_id: Mapped[str | None] = mapped_column(sa.ForeignKey(Payment.id))
    order_id: Mapped[str | None] = mapped_column(index=True)
    text: Mapped[str]
    found_at: Mapped[datetime]
    explained_at: Mapped[datetime | None] = mapped_column(index=True)

    __table_args__ = (sa.UniqueConstraint("provider", "kind", "ref"),)
