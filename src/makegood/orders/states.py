"""The tables of transitions of obligation, payment, refund and dispute, and an order's state, which is derived."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum

from makegood.kernel.states import States


class Delivery(StrEnum):
    OWED = "owed"
    MAKING = "making"
    MADE = "made"
    DELIVERED = "delivered"
    ABANDONED = "abandoned"


class Money(StrEnum):
    KEPT = "kept"
    REFUNDING = "refunding"
    REFUNDED = "refunded"
    DISPUTED = "disputed"
    CHARGED_BACK = "charged_back"


class PaymentState(StrEnum):
    REQUESTED = "requested"
    PENDING = "pending"
    PAID = "paid"
    FAILED = "failed"
    CANCELLED = "cancelled"
    EXPIRED = "expired"


class RefundState(StrEnum):
    RECORDED = "recorded"
    PENDING = "pending"
    SUCCEEDED = "succeeded"
    FAILED = "failed"


class DisputeState(StrEnum):
    OPEN = "open"
    WON = "won"
    LOST = "lost"


class OrderState(StrEnum):
    AWAITING_PAYMENT = "awaiting_payment"
    IN_PROGRESS = "in_progress"
    DELIVERED = "delivered"
    PARTLY_DELIVERED = "partly_delivered"
    REFUNDED = "refunded"
    CANCELLED = "cancelled"


OPEN_DELIVERY = (Delivery.OWED, Delivery.MAKING, Delivery.MADE)
UNSETTLED = (
    PaymentState.REQUESTED,
    PaymentState.PENDING,
    PaymentState.FAILED,
    PaymentState.CANCELLED,
    PaymentState.EXPIRED,
)

DELIVERY = States(
    "delivery",
    {
        Delivery.OWED: [Delivery.MAKING, Delivery.ABANDONED],
        Delivery.MAKING: [Delivery.MAKING, Delivery.MADE, Delivery.ABANDONED],
        Delivery.MADE: [Delivery.MAKING, Delivery.DELIVERED, Delivery.ABANDONED],
    },
)

MONEY = States(
    "money",
    {
        Money.KEPT: [Money.REFUNDING, Money.DISPUTED],
        Money.REFUNDING: [Money.REFUNDED],
        Money.DISPUTED: [Money.KEPT, Money.CHARGED_BACK],
    },
)

PAYMENT = States(
    "payment",
    {
        PaymentState.REQUESTED: [
            PaymentState.PENDING,
            PaymentState.PAID,
            PaymentState.FAILED,
            PaymentState.CANCELLED,
            PaymentState.EXPIRED,
        ],
        PaymentState.PENDING: [
            PaymentState.PAID,
            PaymentState.FAILED,
            PaymentState.CANCELLED,
            PaymentState.EXPIRED,
        ],
        # Providers do change their minds in the customer's favour; never back from paid.
        PaymentState.FAILED: [PaymentState.PENDING, PaymentState.PAID],
        PaymentState.CANCELLED: [PaymentState.PAID],
        PaymentState.EXPIRED: [PaymentState.PAID],
    },
)

REFUND = States(
    "refund",
    {
        RefundState.RECORDED: [RefundState.PENDING, RefundState.SUCCEEDED, RefundState.FAILED],
        RefundState.PENDING: [RefundState.SUCCEEDED, RefundState.FAILED],
        # A debt until the provider, or somebody in its dashboard, gives the money back after all, or an operator has it
        # asked for anew.
        RefundState.FAILED: [RefundState.PENDING, RefundState.SUCCEEDED, RefundState.RECORDED],
    },
)

DISPUTE = States("dispute", {DisputeState.OPEN: [DisputeState.WON, DisputeState.LOST]})


def order_state(deliveries: Iterable[tuple[str, str]], *, closed: bool) -> OrderState:
    """An order's state from its obligations' (delivery, money) pairs and whether its payment can no longer come."""
    pairs = list(deliveries)
    if not pairs:
        return OrderState.CANCELLED if closed else OrderState.AWAITING_PAYMENT
    if any(delivery in OPEN_DELIVERY for delivery, _ in pairs):
        return OrderState.IN_PROGRESS
    kept = [delivery == Delivery.DELIVERED and money in (Money.KEPT, Money.DISPUTED) for delivery, money in pairs]
    if all(kept):
        return OrderState.DELIVERED
    return OrderState.PARTLY_DELIVERED if any(kept) else OrderState.REFUNDED
