"""The clauses about money that moves at the providers: each is asked for its own word."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import timedelta
from functools import partial

import sqlalchemy as sa
from sqlalchemy.orm import InstrumentedAttribute, Session

from makegood.orders.models import Obligation, Order, Refund
from makegood.orders.states import OPEN_DELIVERY, DisputeState, Money, PaymentState, RefundState
from makegood.payments.debts import owed_back
from makegood.payments.models import CountedRefund, Dispute, Payment
from makegood.payments.provider import PaymentProvider, ProviderDispute, ProviderHasNone, ProviderPayment, Stream
from makegood.payments.reversing import gone
from makegood.proof.evidence import Evidence

OPEN_DEBT = timedelta(days=1)
"""How long money may be on its way back before the promise is not kept."""


def listed(provider: PaymentProvider, stream: Stream) -> Iterator[object]:
    """Everything that a provider has ever had of a stream."""
    cursor = None
    while True:
        page = provider.list_recent(stream, None, cursor)
        yield from page.items
        cursor = page.cursor
        if cursor is None:
            return


def name_of(number: str | None, payment: Payment) -> str:
    """The order's number, or for money of no order what the provider calls it."""
    return number or payment.provider_ref or payment.id


def _sum(column: InstrumentedAttribute[int], *which: sa.ColumnElement[bool]) -> sa.ScalarSelect[int]:
    return sa.select(sa.func.coalesce(sa.func.sum(column), 0)).where(*which).scalar_subquery()


def _gone() -> sa.ColumnElement[int]:
    """What has left of a payment again, within the statement that reads the rest of it: between two statements more
    may leave."""
    lost = (Dispute.payment_id == Payment.id, Dispute.state == DisputeState.LOST)
    return _sum(CountedRefund.amount_minor, CountedRefund.payment_id == Payment.id) + _sum(Dispute.amount_minor, *lost)


class EveryCentIsAllocated:
    name = "every captured cent is allocated or goes back"

    def violations(self, evidence: Evidence) -> Iterator[tuple[str, str]]:
        of_payment = Obligation.payment_id == Payment.id
        surplus = (Refund.surplus_of == Payment.id, Refund.state != RefundState.SUCCEEDED)
        allocated = _sum(Obligation.allocated_minor, of_payment)
        query = (
            sa.select(
                Order.number, Payment, allocated, _sum(Obligation.returned_minor, of_payment),
                _sum(Refund.amount_minor, *surplus), _gone(),
            )
            .join(Order, Order.id == Payment.order_id, isouter=True)
            .where(Payment.state == PaymentState.PAID, Payment.captured_minor != allocated)
        )  # fmt: skip
        for number, payment, owed, laid, going, left in evidence.session.execute(query):
            # What went back of units is no surplus.
            back = left - laid + going
            if not 0 < payment.captured_minor - owed <= back:
                said = f"{payment.captured_minor} was captured, {owed} is allocated to units"
                yield name_of(number, payment), f"{said} and {back or 'nothing'} of the rest goes back"


class WhatWentBackIsLaidOnUnits:
    name = "no more goes back than was allocated, and every unit's share of it adds up"

    def violations(self, evidence: Evidence) -> Iterator[tuple[str, str]]:
        returned = sa.func.coalesce(sa.func.sum(Obligation.returned_minor), 0)
        query = (
            sa.select(Payment, Order.number, returned, _gone())
            .join(Order, Order.id == Payment.order_id, isouter=True)
            .join(Obligation, Obligation.payment_id == Payment.id, isouter=True)
            .where(Payment.state == PaymentState.PAID)
            .group_by(Payment.id, Order.number)
        )
        for payment, number, laid, back in evidence.session.execute(query):
            if back > payment.captured_minor:
                yield name_of(number, payment), f"{back} went back of {payment.captured_minor} that was captured"
            if payment.problem is None and back != laid:
                yield name_of(number, payment), f"{back} went back, and its units say {laid}"
        yield from self._ended_too_early(evidence)

    def _ended_too_early(self, evidence: Evidence) -> Iterator[tuple[str, str]]:
        query = (
            sa.select(Order.number, Obligation.money, Obligation.returned_minor, Obligation.allocated_minor)
            .join(Order, Order.id == Obligation.order_id)
            .where(
                Obligation.money.in_((Money.REFUNDED, Money.CHARGED_BACK)),
                Obligation.returned_minor != Obligation.allocated_minor,
            )
        )
        for number, money, returned, allocated in evidence.session.execute(query):
            yield number, f"it counts as {money}, and {returned} of {allocated} went back"


class DebtsArePaid:
    """A refund under way is none, and one that is not due yet is not owed yet."""

    name = "what is owed back goes back within a day"

    def violations(self, evidence: Evidence) -> Iterator[tuple[str, str]]:
        for debt in owed_back(evidence.session):
            if debt.is_late(evidence.now, OPEN_DEBT):
                since = f"{debt.amount.format()} is owed back since {debt.since:%Y-%m-%d %H:%M} UTC"
                yield name_of(debt.number, debt.payment), f"{since}; its last error is {debt.error or 'none'}"


class ProvidersAgree:
    name = "the payment providers' own word is the same as ours"

    def violations(self, evidence: Evidence) -> Iterator[tuple[str, str]]:
        known = list(evidence.session.scalars(sa.select(Payment.id).where(Payment.provider_ref.is_not(None))))
        yield from evidence.lasting(known, partial(self._compare, evidence.providers))
        yield from self._uncounted(evidence)

    def _compare(
        self, providers: Mapping[str, PaymentProvider], session: Session, payment_id: str
    ) -> Iterator[tuple[str, str]]:
        query = sa.select(Payment, Order.number).join(Order, isouter=True).where(Payment.id == payment_id)
        payment, number = session.execute(query).one()
        name, provider = name_of(number, payment), providers.get(payment.provider)
        if provider is None:
            yield name, f"its provider {payment.provider} is not set up, so nobody can be asked"
            return
        try:
            seen = provider.retrieve(payment.provider_ref or "")
        except ProviderHasNone:
            yield name, f"{payment.provider} doesn't know it, our books say {payment.captured_minor}"
            return
        if seen.captured_minor != payment.captured_minor:
            yield name, f"{payment.provider} captured {seen.captured_minor}, our books say {payment.captured_minor}"
        theirs, ours = seen.refunded_minor + seen.charged_back_minor, gone(session, payment.id)
        if theirs != ours:
            yield name, f"{payment.provider} gave back {theirs}, our books say {ours}"

    def _uncounted(self, evidence: Evidence) -> Iterator[tuple[str, str]]:
        """A refund of ours that succeeded was counted, and by the amount that we recorded."""
        counted = CountedRefund.refund_id == Refund.id
        query = (
            sa.select(Payment, Order.number, Refund.amount_minor, CountedRefund.amount_minor)
            .select_from(Refund)
            .join(Payment, Payment.id == Refund.payment_id)
            .join(Order, Order.id == Payment.order_id, isouter=True)
            .join(CountedRefund, counted, isouter=True)
            .where(
                Refund.state == RefundState.SUCCEEDED,
                Refund.amount_minor != sa.func.coalesce(CountedRefund.amount_minor, 0),
            )
        )
        for payment, number, ours, theirs in evidence.session.execute(query):
            yield (
                name_of(number, payment),
                f"our refund of {ours} counts as succeeded, and {theirs or 'nothing'} was counted",
            )


class CapturesAreKnown:
    name = "what the providers captured is known here"

    def violations(self, evidence: Evidence) -> Iterator[tuple[str, str]]:
        for provider in evidence.providers.values():
            payments = (seen for seen in listed(provider, Stream.PAYMENTS) if isinstance(seen, ProviderPayment))
            captured = (seen for seen in payments if seen.captured_minor)
            yield from evidence.lasting(captured, partial(self._compare, provider))

    def _compare(self, provider: PaymentProvider, session: Session, seen: ProviderPayment) -> Iterator[tuple[str, str]]:
        # Several can be captured under one reference; ours is the one whose id at the provider we keep.
        unmet = sa.and_(Payment.provider_ref.is_(None), Payment.id == (seen.reference or ""))
        mine = sa.or_(Payment.provider_ref == seen.ref, unmet)
        known = sa.select(Payment.id).where(Payment.provider == provider.name, mine)
        if session.scalar(known) is None:
            yield seen.ref, f"{provider.name} captured {seen.captured_minor} {seen.currency}, we don't know it"


class DisputesAreKnown:
    name = "what cardholders' banks dispute is known here, and waits"

    def violations(self, evidence: Evidence) -> Iterator[tuple[str, str]]:
        for provider in evidence.providers.values():
            disputes = (seen for seen in listed(provider, Stream.DISPUTES) if isinstance(seen, ProviderDispute))
            yield from evidence.lasting(disputes, partial(self._compare, provider))
        working = (
            sa.select(Order.number)
            .join(Obligation, Obligation.order_id == Order.id)
            .join(Dispute, Dispute.payment_id == Obligation.payment_id)
            .where(
                Dispute.state == DisputeState.OPEN,
                Obligation.delivery.in_(OPEN_DELIVERY),
                Obligation.money == Money.KEPT,
                Obligation.allocated_minor > 0,
            )
        )
        for number in evidence.session.scalars(working):
            yield number, "its payment is disputed, and it is being made all the same"

    def _compare(
        self, provider: PaymentProvider, session: Session, noted: ProviderDispute
    ) -> Iterator[tuple[str, str]]:
        # The list may have been read a while ago.
        seen = next((one for one in provider.reversals(noted.payment_ref).disputes if one.ref == noted.ref), noted)
        query = (
            sa.select(Payment, Order.number)
            .join(Order, Order.id == Payment.order_id, isouter=True)
            .where(Payment.provider == provider.name, Payment.provider_ref == seen.payment_ref)
        )
        found = session.execute(query).one_or_none()
        if found is None:
            yield seen.payment_ref, f"{provider.name} has a dispute of {seen.amount_minor} about money unknown to us"
            return
        payment, number = found
        known = sa.select(Dispute).where(Dispute.payment_id == payment.id, Dispute.ref == seen.ref)
        dispute = session.scalar(known)
        if dispute is None:
            yield name_of(number, payment), f"{seen.amount_minor} of it is disputed ({seen.state}), which we don't know"
        elif (dispute.state, dispute.amount_minor) != (seen.state, seen.amount_minor):
            ours = f"{dispute.amount_minor}, {dispute.state}"
            said = f"its dispute of {seen.amount_minor} is {seen.state}; our books say {ours}"
            yield name_of(number, payment), said
