"""What a payment provider is: one protocol, and the plain data that its adapter returns."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Protocol, runtime_checkable

from makegood.kernel.errors import Misconfigured, Rejected, Temporary


class ProviderUnavailable(Temporary):
    code = "PROVIDER_UNAVAILABLE"
    customer = "The payment service does not answer just now. Nothing was charged; please try again in a moment."
    operator = "{provider} did not answer as it should: {problem}"


class ProviderRefused(Misconfigured):
    code = "PROVIDER_REFUSED"
    customer = "The payment service refused our request. Nothing was charged; we are looking into it."
    operator = "{provider} refused: {problem}"


class ProviderHasNone(ProviderRefused):
    """There is nothing there under the id that was asked about."""

    code = "PROVIDER_HAS_NONE"
    operator = "{provider} has no such thing: {problem}"


class SignatureInvalid(Rejected):
    code = "SIGNATURE_INVALID"
    status = 400
    customer = "This notification was not signed by the payment provider."
    operator = "A notification for {provider} has no valid signature: {problem}"


@dataclass(frozen=True, slots=True)
class PaymentOrder:
    """What is asked of a provider. `reference` is ours and permanent."""

    reference: str
    amount_minor: int
    currency: str
    description: str
    email: str
    return_url: str
    cancel_url: str
    expires_in: int
    metadata: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ProviderPayment:
    """What a provider says of a payment now. `state` is one of our payment states; `final`: it can never be paid."""

    ref: str
    reference: str | None
    state: str
    amount_minor: int
    captured_minor: int
    refunded_minor: int
    currency: str
    url: str | None
    final: bool
    details: Mapping[str, Any] = field(default_factory=dict)
    charged_back_minor: int = 0
    disputed: bool = False
    created_at: datetime | None = None
    returning_minor: int = 0
    """What is on its way back: of refunds that are asked for and not through yet."""

    @property
    def reversed(self) -> bool:
        """Whether any of its money has gone back, is on its way or is asked back."""
        went = self.refunded_minor + self.returning_minor + self.charged_back_minor
        return went > 0 or self.disputed


@dataclass(frozen=True, slots=True)
class ProviderRefund:
    """What a provider says of a refund. `state`: pending, succeeded or failed."""

    ref: str
    reference: str | None
    state: str
    amount_minor: int
    currency: str
    payment_ref: str = ""
    created_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class ProviderDispute:
    """What a provider says of a dispute. `state`: open, won (we keep the money) or lost."""

    ref: str
    payment_ref: str
    state: str
    amount_minor: int
    currency: str
    reason: str
    created_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class ProviderReversals:
    """All that went back or is asked back of one payment."""

    refunds: tuple[ProviderRefund, ...] = ()
    disputes: tuple[ProviderDispute, ...] = ()


class Stream(StrEnum):
    """What a provider lists."""

    PAYMENTS = "payments"
    REFUNDS = "refunds"
    DISPUTES = "disputes"


@dataclass(frozen=True, slots=True)
class Page:
    """Some of what a provider lists, oldest first. `cursor` asks for the next page; None: this was the last."""

    items: tuple[ProviderPayment, ...] | tuple[ProviderRefund, ...] | tuple[ProviderDispute, ...]
    cursor: str | None = None


@dataclass(frozen=True, slots=True)
class ProviderEvent:
    """A verified notification: which payment to look at, and nothing else that we would believe."""

    event_id: str
    kind: str
    provider_ref: str | None


@dataclass(frozen=True, slots=True)
class Examined:
    """What a provider says when it is asked nothing in particular. `server_time` is its clock, to compare ours with;
    `refused` says how its latest notification to us failed, if it did."""

    server_time: datetime | None
    refused: str = ""


@runtime_checkable
class Examinable(Protocol):
    """An adapter whose keys, clock and notifications can be looked at without touching any money."""

    def examine(self) -> Examined:
        """Raises `ProviderUnavailable`, or `ProviderRefused` when it doesn't know our key."""
        ...


class PaymentProvider(Protocol):
    """A provider's adapter. Every call may raise `ProviderUnavailable` (try again) or `ProviderRefused`."""

    name: str
    test: bool
    """Whether its money is play money."""

    def find(self, reference: str) -> ProviderPayment | None:
        """Look up by our reference: what a retry does before it asks again."""
        ...

    def request(self, order: PaymentOrder) -> ProviderPayment: ...

    def retrieve(self, ref: str) -> ProviderPayment: ...

    def expire(self, ref: str) -> ProviderPayment:
        """Make an abandoned payment final if it still can be; returns what it then is."""
        ...

    def list_recent(self, stream: Stream, since: datetime | None, cursor: str | None) -> Page:
        """What was created at `since` (the provider's clock) or later, however it was made; everything if None."""
        ...

    def reversals(self, ref: str) -> ProviderReversals:
        """Every refund and dispute of one payment, however they were made."""
        ...

    def find_refund(self, reference: str) -> ProviderRefund | None: ...

    def refund(self, ref: str, reference: str, amount_minor: int, reason: str) -> ProviderRefund:
        """Give back `amount_minor` of the payment `ref`. `reference` is ours and permanent; the amount may differ
        from that of an earlier try which had no effect."""
        ...

    def verify_event(self, headers: Mapping[str, str], raw: bytes) -> ProviderEvent:
        """The notification, or `SignatureInvalid`. Works over the raw bytes."""
        ...
