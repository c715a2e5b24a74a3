"""Settling: what the provider says of a payment becomes what we owe. Called by webhook, return page and poll alike."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import sqlalchemy as sa
from sqlalchemy.orm import Session

from makegood.engine import Engine
from makegood.kernel import audit, faults
from makegood.kernel.clock import Clock
from makegood.kernel.database import Database
from makegood.kernel.ids import new_id
from makegood.orders.models import Order
from makegood.orders.obligations import Obligations
from makegood.orders.states import PAYMENT, UNSETTLED, PaymentState
from makegood.payments.models import Payment, Refund
from makegood.payments.provider import PaymentProvider, ProviderPayment
from makegood.payments.telling import Telling
from makegood.storage import assets

PAY_BACK = "payments.pay_back"


def pay_back_work_id(refund_id: str, tries: int) -> str:
    """The workflow of one try at a refund."""
    return f"pay-back/{refund_id}/{tries}"


class Settling:
    """The one way in which a payment becomes paid. Idempotent: any number of callers, at any time, in any order."""

    def __init__(
        self, database: Database, engine: Engine, clock: Clock, providers: dict[str, PaymentProvider],
        obligations: Obligations, deadline: Callable[[str], timedelta], telling: Telling,
    ) -> None:  # fmt: skip
        self._database, self._engine, self._clock = database, engine, clock
        self._providers, self._obligations = providers, obligations
        self._deadline, self._telling = deadline, telling

    def settle(self, payment_id: str) -> None:
        """Ask the provider what has become of the payment, and apply it."""
        with self._database.read() as session:
            payment = session.get_one(Payment, payment_id)
        if payment.provider_ref is None or payment.state == PaymentState.PAID:
            return
        self.apply(payment_id, self._providers[payment.provider].retrieve(payment.provider_ref))

    def settle_order(self, order_id: str) -> None:
        """Settle what is open of an order: what the return page does, so that nobody waits for a webhook."""
        with self._database.read() as session:
            open_payments = list(
                session.scalars(sa.select(Payment.id).where(Payment.order_id == order_id, Payment.state.in_(UNSETTLED)))
            )
        for payment_id in open_payments:
            self.settle(payment_id)

    def apply(self, payment_id: str, seen: ProviderPayment) -> None:
        """Apply what the provider said, in one transaction."""
        faults.reach("settle:before")
        with self._database.write() as session:
            payment = session.get_one(Payment, payment_id)
            if seen.state == PaymentState.PAID:
                self._paid(session, payment, seen)
            else:
                self._not_paid(session, payment, seen)
            faults.reach("settle:within")
        faults.reach("settle:after")

    def _paid(self, session: Session, payment: Payment, seen: ProviderPayment) -> None:
        now = self._clock.now()
        problem = _mismatch(payment, seen)
        is_other = payment.provider_ref not in (None, seen.ref)
        if is_other and (problem or payment.state == PaymentState.PAID):
            self._extra(session, payment, seen, problem or "ORDER_ALREADY_PAID")
            return
        moved = PAYMENT.move(
            session, Payment.state, Payment.id == payment.id, PaymentState.PAID, come_from=UNSETTLED, paid_at=now,
            closed_at=now, captured_minor=seen.captured_minor, details=dict(seen.details), provider_ref=seen.ref,
        )  # fmt: skip
        if not moved:
            return
        order = session.get_one(Order, payment.order_id)
        problem = problem or self._unlock(session, order)
        if problem:
            self._surplus(session, payment, seen, problem)
            return
        audit.record(
            session, self._clock, "payment.succeeded", payment.id, order.id,
            amount=seen.captured_minor, currency=seen.currency, provider=payment.provider,
        )  # fmt: skip
        self._obligations.owe(session, order, payment.id, self._deadline)
        self._telling.paid(session, order)

    def _unlock(self, session: Session, order: Order) -> str | None:
        """Mark the order paid, once; or say why this money can't buy it. The order's row is locked before its holds are
        looked at, as it is where they end: a payment comes wholly before or wholly after."""
        session.execute(sa.select(Order.id).where(Order.id == order.id).with_for_update())
        held = set(assets.held_by(session, assets.HoldKind.ORDER, order.id))
        wanted = {file.asset_id for line in order.lines for file in line.inputs}
        if not wanted <= held:
            return "INPUTS_RELEASED"
        unlocked = session.execute(
            sa.update(Order)
            .where(Order.id == order.id, Order.paid_at.is_(None))
            .values(paid_at=self._clock.now(), open_for=None)
        )
        return None if unlocked.rowcount == 1 else "ORDER_ALREADY_PAID"  # type: ignore[attr-defined]

    def _extra(self, session: Session, payment: Payment, seen: ProviderPayment, problem: str) -> None:
        """Another payment that the provider has under our reference: it gets a row of its own and goes back."""
        known = sa.select(Payment.id).where(Payment.provider == payment.provider, Payment.provider_ref == seen.ref)
        if session.scalar(known):
            return
        now = self._clock.now()
        extra = Payment(
            id=new_id(), order_id=payment.order_id, provider=payment.provider, provider_ref=seen.ref,
            state=PaymentState.PAID, amount_minor=seen.amount_minor, currency=seen.currency,
            captured_minor=seen.captured_minor, details=dict(seen.details), request_try=1, created_at=now,
            expires_at=now, paid_at=now, closed_at=now,
        )  # fmt: skip
        session.add(extra)
        session.flush()
        self._surplus(session, extra, seen, problem)

    def _surplus(self, session: Session, payment: Payment, seen: ProviderPayment, problem: str) -> None:
        """Captured money that unlocks nothing goes back, in the currency that it came in."""
        session.execute(sa.update(Payment).where(Payment.id == payment.id).values(problem=problem))
        audit.record(
            session, self._clock, "payment.unlocks_nothing", payment.id, payment.order_id,
            problem=problem, amount=seen.captured_minor, currency=seen.currency, reference=seen.reference,
        )  # fmt: skip
        if seen.captured_minor == 0:
            return
        refund = Refund(
            id=new_id(), payment_id=payment.id, surplus_of=payment.id, amount_minor=seen.captured_minor,
            currency=seen.currency, reason=problem, state="recorded", tries=1, created_at=self._clock.now(),
        )  # fmt: skip
        session.add(refund)
        session.flush()
        self._engine.enqueue(session, PAY_BACK, pay_back_work_id(refund.id, 1), refund.id)

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
            self._close_order(session, payment.order_id)

    def _close_order(self, session: Session, order_id: str) -> None:
        """Close an unpaid order when none of its payments can come any more."""
        still_open = sa.exists().where(Payment.order_id == order_id, Payment.closed_at.is_(None))
        closed = session.execute(
            sa.update(Order)
            .where(Order.id == order_id, Order.paid_at.is_(None), Order.closed_at.is_(None), ~still_open)
            .values(closed_at=self._clock.now(), open_for=None)
        )
        if closed.rowcount == 1:  # type: ignore[attr-defined]
            audit.record(session, self._clock, "order.closed", order_id, order_id)


def _mismatch(payment: Payment, seen: ProviderPayment) -> str | None:
    """Why this money was not made for this payment, if so."""
    if seen.reference != payment.id:
        return "REFERENCE_DIFFERS"
    if seen.currency != payment.currency:
        return "CURRENCY_DIFFERS"
    if seen.captured_minor != payment.amount_minor or seen.amount_minor != payment.amount_minor:
        return "AMOUNT_DIFFERS"
    return None
