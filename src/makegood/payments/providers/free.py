"""Orders that cost nothing, such as those with a 100 % promotion: the same path, without a counterparty."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from makegood.payments.provider import (
    Page,
    PaymentOrder,
    ProviderEvent,
    ProviderPayment,
    ProviderRefund,
    ProviderReversals,
    SignatureInvalid,
    Stream,
)


class FreeProvider:
    """Everything that costs nothing is paid at once; there is nothing to ask or to give back."""

    name = "free"
    test = False

    def find(self, reference: str) -> ProviderPayment | None:
        return None

    def request(self, order: PaymentOrder) -> ProviderPayment:
        if order.amount_minor != 0:
            raise ValueError("only what costs nothing is free")
        return _paid(order.reference, order.currency)

    def retrieve(self, ref: str) -> ProviderPayment:
        reference, _, currency = ref.rpartition("-")
        return _paid(reference, currency)

    def expire(self, ref: str) -> ProviderPayment:
        return self.retrieve(ref)

    def list_recent(self, stream: Stream, since: datetime | None, cursor: str | None) -> Page:
        return Page(())

    def reversals(self, ref: str) -> ProviderReversals:
        return ProviderReversals()

    def find_refund(self, reference: str) -> ProviderRefund | None:
        return None

    def refund(self, ref: str, reference: str, amount_minor: int, reason: str) -> ProviderRefund:
        return ProviderRefund(f"free-{reference}", reference, "succeeded", 0, ref.rpartition("-")[2])

    def verify_event(self, headers: Mapping[str, str], raw: bytes) -> ProviderEvent:
        raise SignatureInvalid(provider=self.name, problem="nobody notifies us of free orders")


def _paid(reference: str, currency: str) -> ProviderPayment:
    return ProviderPayment(
        ref=f"{reference}-{currency}", reference=reference, state="paid", amount_minor=0, captured_minor=0,
        refunded_minor=0, currency=currency, url=None, final=True,
    )  # fmt: skip
