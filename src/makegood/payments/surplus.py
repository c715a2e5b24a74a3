"""Money that unlocks nothing goes back in the currency it came in; money of no order after an operator's window."""

from __future__ import annotations

from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from makegood.engine import Engine
from makegood.kernel import audit, faults
from makegood.kernel.clock import Clock
from makegood.kernel.database import Database
from makegood.kernel.ids import new_id
from makegood.orders.models import Refund
from makegood.orders.reversals import PAY_BACK, SURPLUS, pay_back_work_id
from makegood.orders.states import PaymentState, RefundState
from makegood.payments.models import Payment
from makegood.payments.provider import ProviderPayment
from makegood.payments.reversing import Reversing

NO_ORDER = "NO_ORDER"


def surplus_reference(payment: Payment) -> str:
    """By what the provider knows the refund of this surplus for ever."""
    return f"surplus/{payment.provider}/{payment.provider_ref}"


class Surplus:
    """Money that we may not keep."""

    def __init__(
        self, database: Database, engine: Engine, clock: Clock, reversing: Reversing, window: timedelta
    ) -> None:
        self._database, self._engine, self._clock = database, engine, clock
        self._reversing, self._window = reversing, window

    def give_back(
        self, session: Session, payment: Payment, seen: ProviderPayment, problem: str, due_at: datetime | None = None
    ) -> None:
        """Record why the payment unlocks nothing, in which currency it came, and that all of it goes back, in the
        caller's transaction."""
        values = {"problem": problem, "currency": seen.currency}
        session.execute(sa.update(Payment).where(Payment.id == payment.id).values(values))
        audit.record(
            session, self._clock, "payment.unlocks_nothing", payment.id, payment.order_id, problem=problem,
            amount=seen.captured_minor, currency=seen.currency, reference=seen.reference,
            due_at=due_at.isoformat() if due_at else None,
        )  # fmt: skip
        if seen.captured_minor == 0:
            return
        refund = Refund(
            id=new_id(), payment_id=payment.id, surplus_of=payment.id, key=SURPLUS,
            reference=surplus_reference(payment), amount_minor=seen.captured_minor, currency=seen.currency,
            reason=problem, state=RefundState.RECORDED, tries=1, due_at=due_at, created_at=self._clock.now(),
        )  # fmt: skip
        session.add(refund)
        session.flush()
        if due_at is None or due_at <= self._clock.now():
            self._engine.enqueue(session, PAY_BACK, pay_back_work_id(refund.id, 1), refund.id)

    def stray(self, provider: str, seen: ProviderPayment) -> str | None:
        """Record money that the provider has and that belongs to no order of ours; returns our id of it, or None
        if there is no money in it. It goes back when the operator's window is over, or is `release`d."""
        if seen.state != PaymentState.PAID or seen.captured_minor == 0:
            return None
        now = self._clock.now()
        payment = Payment(
            id=new_id(), order_id=None, provider=provider, provider_ref=seen.ref, state=PaymentState.PAID,
            amount_minor=seen.amount_minor, currency=seen.currency, captured_minor=seen.captured_minor,
            details={**seen.details, "reference": seen.reference}, problem=NO_ORDER, request_try=1,
            created_at=seen.created_at or now, expires_at=now, paid_at=now, closed_at=now,
        )  # fmt: skip
        try:
            with self._database.write() as session:
                session.add(payment)
                session.flush()
                self.give_back(session, payment, seen, NO_ORDER, now + self._window)
                faults.reach("stray:within")
        except IntegrityError:
            # Somebody else met it at the same moment: the provider's id is unique.
            known = sa.select(Payment.id).where(Payment.provider == provider, Payment.provider_ref == seen.ref)
            with self._database.read() as session:
                return session.scalars(known).one()
        faults.reach("stray:after")
        if seen.reversed:
            self._reversing.look(payment.id)
        return payment.id

    def release(self, session: Session, payment_id: str, by: str) -> bool:
        """Give stray money back now, because the operator `by` says so. False if it is not waiting any more."""
        now = self._clock.now()
        waiting = session.execute(
            sa.select(Refund.id, Refund.tries).where(
                Refund.surplus_of == payment_id, Refund.state == RefundState.RECORDED, Refund.due_at > now
            )
        ).one_or_none()
        if waiting is None:
            return False
        refund_id, tries = waiting
        released = session.execute(
            sa.update(Refund)
            .where(Refund.id == refund_id, Refund.tries == tries, Refund.due_at > now)
            .values(due_at=now, tries=tries + 1)
            .execution_options(synchronize_session=False)
        )
        if released.rowcount != 1:  # type: ignore[attr-defined]
            return False
        self._engine.enqueue(session, PAY_BACK, pay_back_work_id(refund_id, tries + 1), refund_id)
        audit.record(session, self._clock, "payment.released", payment_id, None, by=by)
        return True

    def waiting(self, session: Session) -> list[tuple[Payment, Refund]]:
        """Stray money that has not gone back yet, the oldest first."""
        query = (
            sa.select(Payment, Refund).join(Refund, Refund.surplus_of == Payment.id)
            .where(Payment.order_id.is_(None), Refund.state != RefundState.SUCCEEDED)
        )  # fmt: skip
        return [(payment, refund) for payment, refund in session.execute(query.order_by(Payment.created_at))]
