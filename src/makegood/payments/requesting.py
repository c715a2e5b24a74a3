"""Asking a provider for a payment, after looking whether it was asked before."""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Session

from makegood.engine import Engine
from makegood.kernel import audit, faults
from makegood.kernel.clock import Clock
from makegood.kernel.database import Database
from makegood.kernel.ids import new_id
from makegood.orders.links import Links
from makegood.orders.models import Order
from makegood.orders.states import PAYMENT, PaymentState
from makegood.payments.models import Payment
from makegood.payments.provider import PaymentOrder, PaymentProvider, ProviderPayment
from makegood.payments.settling import Settling

REQUEST = "payments.request"


def request_work_id(payment_id: str, request_try: int) -> str:
    """The workflow of one try at requesting a payment."""
    return f"request/{payment_id}/{request_try}"


class Requesting:
    """Payments from `requested` to `pending`."""

    def __init__(
        self, database: Database, engine: Engine, clock: Clock, providers: dict[str, PaymentProvider],
        settling: Settling, links: Links,
    ) -> None:  # fmt: skip
        self._database, self._engine, self._clock = database, engine, clock
        self._providers, self._settling, self._links = providers, settling, links

    def register(self, engine: Engine) -> None:
        """Make the workflow known to the engine."""
        engine.workflow(REQUEST, self.request, queue="quick")

    def place(self, session: Session, order: Order, provider: str, expires_at: datetime) -> Payment:
        """A payment for the whole order, and its request enqueued, in the caller's transaction."""
        payment = Payment(
            id=new_id(), order_id=order.id, provider=provider, state=PaymentState.REQUESTED,
            amount_minor=order.total_minor, currency=order.currency, captured_minor=0, details={}, request_try=1,
            created_at=self._clock.now(), expires_at=expires_at,
        )  # fmt: skip
        session.add(payment)
        session.flush()
        self._engine.enqueue(session, REQUEST, request_work_id(payment.id, 1), payment.id)
        return payment

    def request_again(self, payment_id: str, request_try: int, delay: float) -> None:
        """Enqueue another try in `delay` seconds; only one caller wins for each `request_try`."""
        with self._database.write() as session:
            again = session.execute(
                sa.update(Payment)
                .where(
                    Payment.id == payment_id,
                    Payment.state == PaymentState.REQUESTED,
                    Payment.request_try == request_try,
                )
                .values(request_try=request_try + 1)
            )
            if again.rowcount == 1:  # type: ignore[attr-defined]
                again_id = request_work_id(payment_id, request_try + 1)
                self._engine.enqueue(session, REQUEST, again_id, payment_id, delay=delay)

    def request(self, payment_id: str) -> None:
        """Ask the provider, unless it has been asked: then take what it says. What it refused until its time was up is
        not asked for any more."""
        with self._database.read() as session:
            payment = session.get_one(Payment, payment_id)
            order = session.get_one(Order, payment.order_id)
        if payment.state != PaymentState.REQUESTED:
            return
        provider = self._providers[payment.provider]
        faults.reach("request:before")
        seen = provider.find(payment.id)
        # What costs nothing needs nobody's money in time.
        if seen is None and payment.amount_minor > 0 and payment.expires_at <= self._clock.now():
            self._settling.lapse(payment.id)
            return
        seen = seen or provider.request(self._asked(payment, order))
        faults.reach("request:after")
        self._note_pending(payment, seen)
        self._settling.apply(payment.id, seen)

    def _asked(self, payment: Payment, order: Order) -> PaymentOrder:
        left = int((payment.expires_at - self._clock.now()).total_seconds())
        return PaymentOrder(
            reference=payment.id, amount_minor=payment.amount_minor, currency=payment.currency,
            description=f"{order.number}: {', '.join(line.description for line in order.lines)}", email=order.email,
            return_url=self._links.order_return(order), cancel_url=self._links.order_cancel(order),
            expires_in=max(60, left), metadata={"order": order.number},
        )  # fmt: skip

    def _note_pending(self, payment: Payment, seen: ProviderPayment) -> None:
        with self._database.write() as session:
            moved = PAYMENT.move(
                session, Payment.state, Payment.id == payment.id, PaymentState.PENDING,
                come_from=[PaymentState.REQUESTED], provider_ref=seen.ref, url=seen.url, details=dict(seen.details),
            )  # fmt: skip
            if moved:
                audit.record(
                    session, self._clock, "payment.requested", payment.id, payment.order_id,
                    provider=payment.provider, ref=seen.ref,
                )  # fmt: skip
