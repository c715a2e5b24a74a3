"""The clauses of the promise, one small class each. A clause looks for what contradicts it and changes nothing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

import sqlalchemy as sa
from sqlalchemy.orm import Session

from makegood.fulfillment.models import ArtefactRow, Commitment, Grant
from makegood.kernel.errors import MakegoodError
from makegood.orders.models import Obligation, Order, OrderInput, OrderLine, Refund, Unit
from makegood.orders.states import OPEN_DELIVERY, Delivery, Money, PaymentState
from makegood.payments.models import Payment
from makegood.payments.provider import PaymentProvider
from makegood.storage.assets import Asset, Hold, HoldKind
from makegood.storage.objects import ObjectStore

OVERDUE = timedelta(minutes=15)
"""How long after its deadline an obligation may still be on its way to a refund."""


@dataclass(frozen=True, slots=True)
class Violation:
    """Something that contradicts the promise: which clause, which order, and what is wrong in one sentence."""

    clause: str
    order: str
    problem: str


@dataclass(frozen=True, slots=True)
class Evidence:
    """What clauses may look at."""

    session: Session
    objects: ObjectStore
    providers: Mapping[str, PaymentProvider]
    now: datetime


class Clause(Protocol):
    """One clause of the promise."""

    name: str

    def violations(self, evidence: Evidence) -> Iterator[tuple[str, str]]:
        """Pairs of an order's number and what is wrong with it."""
        ...


class EveryPaidUnitIsOwed:
    name = "every paid unit is owed, once"

    def violations(self, evidence: Evidence) -> Iterator[tuple[str, str]]:
        query = (
            sa.select(Order.number, Unit.unit_no)
            .join(OrderLine, OrderLine.order_id == Order.id)
            .join(Unit, Unit.order_line_id == OrderLine.id)
            .join(Obligation, sa.and_(Obligation.unit_id == Unit.id, Obligation.number == 0), isouter=True)
            .where(Order.paid_at.is_not(None), Obligation.id.is_(None))
        )
        for number, unit in evidence.session.execute(query):
            yield number, f"unit {unit} is paid and nothing is owed for it"


class EveryCentIsAllocated:
    name = "every captured cent is allocated or goes back"

    def violations(self, evidence: Evidence) -> Iterator[tuple[str, str]]:
        allocated = (
            sa.select(sa.func.coalesce(sa.func.sum(Obligation.allocated_minor), 0))
            .where(Obligation.payment_id == Payment.id).scalar_subquery()
        )  # fmt: skip
        given = (
            sa.select(sa.func.coalesce(sa.func.sum(Refund.amount_minor), 0))
            .where(Refund.surplus_of == Payment.id).scalar_subquery()
        )  # fmt: skip
        query = (
            sa.select(Order.number, Payment.captured_minor, allocated, given)
            .join(Order, Order.id == Payment.order_id)
            .where(Payment.state == PaymentState.PAID, Payment.captured_minor != allocated + given)
        )
        for number, captured, owed, back in evidence.session.execute(query):
            yield number, f"{captured} was captured, {owed} is allocated to units and {back} is on its way back"


class DeliveredIsVerifiedAndFound:
    name = "what is delivered exists, unchanged, and its customer can reach it"

    def violations(self, evidence: Evidence) -> Iterator[tuple[str, str]]:
        query = (
            sa.select(Order.number, Obligation.id, Grant.attempt, Grant.revoked_at)
            .join(Order, Order.id == Obligation.order_id)
            .join(Grant, Grant.obligation_id == Obligation.id, isouter=True)
            .where(Obligation.delivery == Delivery.DELIVERED, Obligation.money.in_((Money.KEPT, Money.DISPUTED)))
        )
        for number, obligation_id, attempt, revoked in evidence.session.execute(query):
            if not attempt or revoked is not None:
                yield number, "it is delivered and no grant opens it"
            else:
                yield from ((number, problem) for problem in self._artefacts(evidence, obligation_id, attempt))

    def _artefacts(self, evidence: Evidence, obligation_id: str, attempt: int) -> Iterator[str]:
        rows = list(
            evidence.session.execute(
                sa.select(ArtefactRow.name, Asset.key, Asset.sha256, Asset.size, Hold.id)
                .join(Asset, Asset.id == ArtefactRow.asset_id)
                .join(
                    Hold,
                    sa.and_(Hold.asset_id == Asset.id, Hold.kind == HoldKind.DELIVERY, Hold.holder == obligation_id),
                    isouter=True,
                )
                .where(ArtefactRow.obligation_id == obligation_id, ArtefactRow.attempt == attempt)
            )
        )
        if not rows:
            yield "it is delivered without a verified artefact"
        for name, key, sha256, size, hold in rows:
            if not hold:
                yield f"nothing holds {name}, so it may be deleted"
            try:
                evidence.objects.verify(key, sha256, size)
            except MakegoodError as error:
                yield f"{name}: {error.for_operator()}"


class AbandonedIsGivenBack:
    name = "what is not delivered is given back"

    def violations(self, evidence: Evidence) -> Iterator[tuple[str, str]]:
        refunded = (
            sa.select(sa.func.coalesce(sa.func.sum(Refund.amount_minor), 0))
            .where(Refund.obligation_id == Obligation.id, Refund.state == "succeeded").scalar_subquery()
        )  # fmt: skip
        query = (
            sa.select(Order.number, Obligation.money, Obligation.allocated_minor, refunded)
            .join(Order, Order.id == Obligation.order_id)
            .where(Obligation.money == Money.REFUNDED, refunded != Obligation.allocated_minor)
        )
        for number, money, allocated, back in evidence.session.execute(query):
            yield number, f"it counts as {money}, and {back} of {allocated} went back"


class NothingIsOverdue:
    name = "what is owed comes to rest by its deadline"

    def violations(self, evidence: Evidence) -> Iterator[tuple[str, str]]:
        query = (
            sa.select(Order.number, Obligation.deadline_at, Obligation.error_code)
            .join(Order, Order.id == Obligation.order_id)
            .where(
                Obligation.delivery.in_(OPEN_DELIVERY),
                Obligation.money == Money.KEPT,
                Obligation.deadline_at < evidence.now - OVERDUE,
            )
        )
        for number, deadline, error in evidence.session.execute(query):
            yield number, f"it was due at {deadline:%Y-%m-%d %H:%M} UTC; its last error is {error or 'none'}"


class NeededInputsAreKept:
    name = "inputs are kept as long as anything is owed from them"

    def violations(self, evidence: Evidence) -> Iterator[tuple[str, str]]:
        owed = sa.exists().where(
            Obligation.order_id == Order.id, Obligation.delivery.in_(OPEN_DELIVERY), Obligation.money == Money.KEPT
        )
        payable = sa.and_(Order.paid_at.is_(None), Order.closed_at.is_(None))
        query = (
            sa.select(Order.number, OrderInput.slot, Asset.key, Asset.sha256, Asset.size, Hold.id)
            .join(OrderLine, OrderLine.order_id == Order.id)
            .join(OrderInput, OrderInput.order_line_id == OrderLine.id)
            .join(Asset, Asset.id == OrderInput.asset_id)
            .join(
                Hold,
                sa.and_(Hold.asset_id == Asset.id, Hold.kind == HoldKind.ORDER, Hold.holder == Order.id),
                isouter=True,
            )
            .where(sa.or_(owed, payable))
        )
        for number, slot, key, sha256, size, hold in evidence.session.execute(query):
            if not hold:
                yield number, f"nothing holds its {slot}, so it may be deleted"
            try:
                evidence.objects.verify(key, sha256, size)
            except MakegoodError as error:
                yield number, f"its {slot}: {error.for_operator()}"


class CommitmentsAreRecorded:
    name = "what stays owed after delivery has an end"

    def violations(self, evidence: Evidence) -> Iterator[tuple[str, str]]:
        query = (
            sa.select(Order.number, Commitment.kind)
            .join(Obligation, Obligation.id == Commitment.obligation_id)
            .join(Order, Order.id == Obligation.order_id)
            .where(Commitment.until <= Commitment.since)
        )
        for number, kind in evidence.session.execute(query):
            yield number, f"its {kind} was to end before it began"


class ProvidersAgree:
    name = "the payment providers' own word is the same as ours"

    def violations(self, evidence: Evidence) -> Iterator[tuple[str, str]]:
        query = sa.select(Payment, Order.number).join(Order).where(Payment.provider_ref.is_not(None))
        for payment, number in evidence.session.execute(query):
            provider = evidence.providers.get(payment.provider)
            if provider is None:
                yield number, f"its provider {payment.provider} is not set up, so nobody can be asked"
                continue
            seen = provider.retrieve(payment.provider_ref or "")
            if seen.captured_minor != payment.captured_minor:
                yield (
                    number,
                    f"{payment.provider} captured {seen.captured_minor}, our books say {payment.captured_minor}",
                )
            back = evidence.session.scalar(
                sa.select(sa.func.coalesce(sa.func.sum(Refund.amount_minor), 0)).where(
                    Refund.payment_id == payment.id, Refund.state == "succeeded"
                )
            )
            if seen.refunded_minor != back:
                yield number, f"{payment.provider} gave back {seen.refunded_minor}, our books say {back}"


CLAUSES: tuple[Clause, ...] = (
    EveryPaidUnitIsOwed(),
    EveryCentIsAllocated(),
    DeliveredIsVerifiedAndFound(),
    AbandonedIsGivenBack(),
    NothingIsOverdue(),
    NeededInputsAreKept(),
    CommitmentsAreRecorded(),
    ProvidersAgree(),
)
