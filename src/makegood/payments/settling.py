"""Settling: what the provider says of a payment becomes what we owe. Called by webhook, return page and poll alike."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import sqlalchemy as sa
from sqlalchemy.orm import Session, selectinload

from makegood.catalog import promotions
from makegood.kernel import audit, faults
from makegood.kernel.clock import Clock
from makegood.kernel.database import Database
from makegood.kernel.ids import new_id
from makegood.orders.models import Order, OrderLine, Unit
from makegood.orders.obligations import Obligations
from makegood.orders.states import PAYMENT, UNSETTLED, PaymentState
from makegood.payments.models import Payment
from makegood.payments.provider import PaymentProvider, ProviderPayment
from makegood.payments.reversing import Reversing, locked
from makegood.payments.surplus import Surplus
from makegood.payments.telling import Telling
from makegood.storage import assets

WITHOUT_CODES = selectinload(Order.lines).selectinload(OrderLine.units).lazyload(Unit.codes)


class Settling:
    """The one way in which a payment becomes paid. Idempotent: any number of callers, at any time, in any order."""

    def __init__(
        self, database: Database, clock: Clock, providers: dict[str, PaymentProvider], obligations: Obligations,
        reversing: Reversing, surplus: Surplus, deadline: Callable[[str], timedelta], telling: Telling,
    ) -> None:  # fmt: skip
        self._database, self._clock, self._providers = database, clock, providers
        self._obligations, self._reversing, self._surplus = obligations, reversing, surplus
        self._deadline, self._telling = deadline, telling

    def settle(self, payment: Payment) -> bool:
        """Ask the provider what has become of a payment that was just read, and apply it; False if there was nothing
        to ask."""
        if payment.provider_ref is None or payment.state == PaymentState.PAID:
            return False
        self.apply(payment.id, self._providers[payment.provider].retrieve(payment.provider_ref))
        return True

    def settle_order(self, order_id: str) -> None:
        """Settle what is open of an order: what the return page does, so that nobody waits for a webhook."""
        with self._database.read() as session:
            open_payments = list(
                session.scalars(sa.select(Payment).where(Payment.order_id == order_id, Payment.state.in_(UNSETTLED)))
            )
        for payment in open_payments:
            self.settle(payment)

    def apply(self, payment_id: str, seen: ProviderPayment) -> None:
        """Apply what the provider said, in one transaction; what has gone back of the money already is part of it."""
        reversals = self._reversing.ask(payment_id, seen)
        faults.reach("settle:before")
        with self._database.write() as session:
            payment = locked(session, payment_id)
            if seen.state == PaymentState.PAID:
                paid = self._paid(session, payment, seen)
                if paid is not None and (reversals.refunds or reversals.disputes):
                    self._reversing.count(session, locked(session, paid), reversals)
            else:
                self._not_paid(session, payment, seen)
            faults.reach("settle:within")
        faults.reach("settle:after")

    def found(self, provider: str, seen: ProviderPayment) -> str | None:
        """Apply a payment that the provider speaks of: as the one that we know, as another one under its reference,
        or as money of no order. Returns our id of it, or None if it is nobody's and nothing has been paid."""
        with self._database.read() as session:
            known = session.scalar(
                sa.select(Payment.id).where(Payment.provider == provider, Payment.provider_ref == seen.ref)
            )
            if known is None and seen.reference:
                known = session.scalar(
                    sa.select(Payment.id).where(Payment.provider == provider, Payment.id == seen.reference)
                )
        if known is None:
            return self._surplus.stray(provider, seen)
        self.apply(known, seen)
        return known

    def lapse(self, payment_id: str) -> None:
        """The provider has nothing of this payment and its time is up: it has expired, and can't pay unless the
        provider speaks of it after all."""
        with self._database.write() as session:
            payment = locked(session, payment_id)
            moved = PAYMENT.move(
                session, Payment.state, Payment.id == payment_id, PaymentState.EXPIRED,
                come_from=[PaymentState.REQUESTED], closed_at=self._clock.now(),
            )  # fmt: skip
            if moved and payment.order_id is not None:
                audit.record(session, self._clock, "payment.expired", payment_id, payment.order_id, details={})
                self._close_order(session, payment.order_id)

    def _paid(self, session: Session, payment: Payment, seen: ProviderPayment) -> str | None:
        """Returns our id of the payment that has become paid by this, if one has."""
        now = self._clock.now()
        problem = _mismatch(payment, seen)
        is_other = payment.provider_ref not in (None, seen.ref)
        if is_other and (problem or payment.state == PaymentState.PAID):
            return self._extra(session, payment, seen, problem or "ORDER_ALREADY_PAID")
        taken = PAYMENT.take(
            session, Payment.state, Payment.id == payment.id, PaymentState.PAID, come_from=UNSETTLED, paid_at=now,
            closed_at=now, captured_minor=seen.captured_minor, details=dict(seen.details), provider_ref=seen.ref,
        )  # fmt: skip
        if not taken:
            return None
        order = _locked_order(session, payment.order_id)
        problem = problem or self._unlock(session, order)
        if problem:
            self._surplus.give_back(session, payment, seen, problem)
            # It is paid for ever, and can't pay the order any more.
            self._close_order(session, order.id)
            return payment.id
        audit.record(
            session, self._clock, "payment.succeeded", payment.id, order.id,
            amount=seen.captured_minor, currency=seen.currency, provider=payment.provider,
        )  # fmt: skip
        self._obligations.owe(session, order, payment.id, self._deadline)
        self._telling.paid(session, order)
        session.flush()
        return payment.id

    def _unlock(self, session: Session, order: Order) -> str | None:
        """Mark the order, whose row is locked, paid, once; or say why this money can't buy it."""
        wanted = {asset_id for line in order.lines for file in line.inputs for asset_id in file.asset_ids.values()}
        held = set(assets.held_by(session, assets.HoldKind.ORDER, order.id)) if wanted else set()
        if order.erased_at is not None or not wanted <= held:
            return "INPUTS_RELEASED"
        unlocked = session.execute(
            sa.update(Order)
            .where(Order.id == order.id, Order.paid_at.is_(None))
            .values(paid_at=self._clock.now(), open_for=None)
        )
        if unlocked.rowcount != 1:  # type: ignore[attr-defined]
            return "ORDER_ALREADY_PAID"
        if order.promotion and order.closed_at is not None:
            promotions.use_late(session, order.promotion)
        return None

    def _extra(self, session: Session, payment: Payment, seen: ProviderPayment, problem: str) -> str | None:
        """Another payment that the provider has under our reference: it gets a row of its own and goes back."""
        known = sa.select(Payment.id).where(Payment.provider == payment.provider, Payment.provider_ref == seen.ref)
        if session.scalar(known):
            return None
        now = self._clock.now()
        extra = Payment(
            id=new_id(), order_id=payment.order_id, provider=payment.provider, provider_ref=seen.ref,
            state=PaymentState.PAID, amount_minor=seen.amount_minor, currency=seen.currency,
            captured_minor=seen.captured_minor, details=dict(seen.details), problem=problem, request_try=1,
            created_at=now, expires_at=now, paid_at=now, closed_at=now,
        )  # fmt: skip
        session.add(extra)
        session.flush()
        self._surplus.give_back(session, extra, seen, problem)
        return extra.id

    def _not_paid(self, session: Session, payment: Payment, seen: ProviderPayment) -> None:
        if payment.provider_ref not in (None, seen.ref):
            return
        now = self._clock.now()
        state = PaymentState(seen.state)
        moved = False
        if payment.state != state and payment.state in PAYMENT.leading_to(state):
            moved = PAYMENT.move(
                session, Payment.state, Payment.id == payment.id, state, details=dict(seen.details), url=seen.url,
                provider_ref=seen.ref,
            )  # fmt: skip
        if moved:
            audit.record(
                session, self._clock, f"payment.{state}", payment.id, payment.order_id, details=dict(seen.details)
            )
        if seen.final:
            session.execute(
                sa.update(Payment).where(Payment.id == payment.id, Payment.closed_at.is_(None)).values(closed_at=now)
            )
            if payment.order_id is not None:
                self._close_order(session, payment.order_id)

    def _close_order(self, session: Session, order_id: str) -> None:
        """Close an unpaid order when none of its payments can come any more."""
        still_open = sa.exists().where(Payment.order_id == order_id, Payment.closed_at.is_(None))
        closed = session.execute(
            sa.update(Order)
            .where(Order.id == order_id, Order.paid_at.is_(None), Order.closed_at.is_(None), ~still_open)
            .values(closed_at=self._clock.now(), open_for=None)
            .returning(Order.promotion)
        )
        row = closed.one_or_none()
        if row is not None:
            audit.record(session, self._clock, "order.closed", order_id, order_id)
            if row.promotion:
                promotions.give_back(session, row.promotion)


def _locked_order(session: Session, order_id: str | None) -> Order:
    """The order, its row locked before its holds are looked at, as it is where they end: a payment comes wholly before
    or wholly after."""
    return session.get_one(Order, order_id, with_for_update=True, options=[WITHOUT_CODES])


def _mismatch(payment: Payment, seen: ProviderPayment) -> str | None:
    """Why this money was not made for this payment, if so."""
    if seen.reference != payment.id:
        return "REFERENCE_DIFFERS"
    if seen.currency != payment.currency:
        return "CURRENCY_DIFFERS"
    if seen.captured_minor != payment.amount_minor or seen.amount_minor != payment.amount_minor:
        return "AMOUNT_DIFFERS"
    return None
