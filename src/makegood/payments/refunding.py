"""Refunds: recorded with a permanent id, looked up at the provider by it, asked for, and settled."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.orm import Session

from makegood.engine import Engine
from makegood.kernel import audit, faults, logs
from makegood.kernel.clock import Clock
from makegood.kernel.database import Database
from makegood.kernel.errors import MakegoodError, NotFound
from makegood.kernel.ids import new_id
from makegood.orders.models import Obligation, Order
from makegood.orders.obligations import REFUND, Obligations
from makegood.orders.states import Money
from makegood.payments.models import Payment, Refund
from makegood.payments.provider import PaymentProvider, ProviderRefund
from makegood.payments.settling import PAY_BACK, pay_back_work_id
from makegood.payments.telling import Telling

log = logs.get("payments")


class Refunding:
    """Money back. A refund that the provider refuses stays an open debt, tried again and shown."""

    def __init__(
        self, database: Database, engine: Engine, clock: Clock, providers: dict[str, PaymentProvider],
        obligations: Obligations, telling: Telling, retry_seconds: float,
    ) -> None:  # fmt: skip
        self._database, self._engine, self._clock = database, engine, clock
        self._providers, self._obligations, self._telling = providers, obligations, telling
        self._retry_seconds = retry_seconds

    def register(self, engine: Engine) -> None:
        """Make the workflows known to the engine."""
        engine.workflow(REFUND, self.refund, queue="quick")
        engine.workflow(PAY_BACK, self.pay_back, queue="quick")

    def refund(self, obligation_id: str) -> None:
        """Give back what is left of an obligation that is `refunding`."""
        with self._database.write() as session:
            obligation = session.get_one(Obligation, obligation_id)
            if obligation.money != Money.REFUNDING:
                return
            refund_id = self._record(session, obligation)
        faults.reach("refund:recorded")
        self.pay_back(refund_id)

    def pay_back(self, refund_id: str) -> None:
        """Look the refund up at the provider, ask for it if it is not there, and settle what it says."""
        with self._database.read() as session:
            refund = session.get_one(Refund, refund_id)
            payment = session.get_one(Payment, refund.payment_id)
        if refund.state == "succeeded":
            return
        try:
            seen = self._ask(refund, payment)
        except MakegoodError as error:
            self._not_yet(refund, error.for_operator())
            return
        if seen.state == "succeeded":
            self._succeeded(refund, seen)
        else:
            self._not_yet(refund, f"the provider says {seen.state}", seen)

    def look_again(self, payment_id: str) -> None:
        """Ask about this payment's open refunds now, because the provider has spoken of it."""
        with self._database.read() as session:
            refunds = list(
                session.scalars(
                    sa.select(Refund.id).where(
                        Refund.payment_id == payment_id, Refund.state != "succeeded", Refund.provider_ref.is_not(None)
                    )
                )
            )
        for refund_id in refunds:
            self.pay_back(refund_id)

    def try_again(self, refund_id: str, tries: int, delay: float) -> None:
        """Enqueue another try at a surplus refund in `delay` seconds; only one caller wins for each `tries`."""
        with self._database.write() as session:
            again = session.execute(
                sa.update(Refund)
                .where(Refund.id == refund_id, Refund.tries == tries, Refund.state != "succeeded")
                .values(tries=tries + 1)
            )
            if again.rowcount == 1:  # type: ignore[attr-defined]
                again_id = pay_back_work_id(refund_id, tries + 1)
                self._engine.enqueue(session, PAY_BACK, again_id, refund_id, delay=delay)

    def retry(self, refund_id: str, by: str) -> bool:
        """An operator's wish: ask the provider for an open refund again now. It is looked up there first, so it can't
        be given twice. Returns whether this call enqueued it."""
        with self._database.write() as session:
            refund = session.get(Refund, refund_id)
            if refund is None:
                raise NotFound(refund=refund_id)
            if not self._enqueue_again(session, refund):
                return False
            order_id = session.scalar(sa.select(Payment.order_id).where(Payment.id == refund.payment_id))
            audit.record(
                session, self._clock, "operator.retried_refund", refund.obligation_id or refund_id, order_id,
                by=by, refund=refund_id, last=refund.last_error,
            )  # fmt: skip
        return True

    def _enqueue_again(self, session: Session, refund: Refund) -> bool:
        if refund.obligation_id is not None:
            refund_try = session.scalar(sa.select(Obligation.refund_try).where(Obligation.id == refund.obligation_id))
            return self._obligations.retry_refund(session, refund.obligation_id, refund_try or 0)
        again = session.execute(
            sa.update(Refund)
            .where(Refund.id == refund.id, Refund.tries == refund.tries, Refund.state != "succeeded")
            .values(tries=refund.tries + 1)
        )
        if again.rowcount != 1:  # type: ignore[attr-defined]
            return False
        self._engine.enqueue(session, PAY_BACK, pay_back_work_id(refund.id, refund.tries + 1), refund.id)
        return True

    def _record(self, session: Session, obligation: Obligation) -> str:
        known = session.scalar(sa.select(Refund.id).where(Refund.obligation_id == obligation.id))
        if known:
            return known
        refund = Refund(
            id=new_id(), payment_id=obligation.payment_id, obligation_id=obligation.id,
            amount_minor=obligation.allocated_minor - obligation.returned_minor,
            currency=session.get_one(Payment, obligation.payment_id).currency,
            reason=obligation.reason or "", state="recorded", tries=1, created_at=self._clock.now(),
        )  # fmt: skip
        session.add(refund)
        return refund.id

    def _ask(self, refund: Refund, payment: Payment) -> ProviderRefund:
        if refund.amount_minor == 0:
            return ProviderRefund("nothing", refund.id, "succeeded", 0, refund.currency)
        provider = self._providers[payment.provider]
        faults.reach("refund:before")
        # The provider forgets idempotency keys after a day, so it is asked by our reference first.
        seen = provider.find_refund(refund.id)
        if seen is None:
            seen = provider.refund(payment.provider_ref or "", refund.id, refund.amount_minor, refund.reason)
        faults.reach("refund:after")
        return seen

    def _succeeded(self, refund: Refund, seen: ProviderRefund) -> None:
        with self._database.write() as session:
            settled = session.execute(
                sa.update(Refund)
                .where(Refund.id == refund.id, Refund.state != "succeeded")
                .values(state="succeeded", provider_ref=seen.ref, settled_at=self._clock.now(), last_error=None)
            )
            if settled.rowcount != 1:  # type: ignore[attr-defined]
                return
            payment = session.get_one(Payment, refund.payment_id)
            order = session.get_one(Order, payment.order_id)
            audit.record(
                session, self._clock, "refund.succeeded", refund.id, order.id,
                amount=refund.amount_minor, currency=refund.currency, reason=refund.reason, ref=seen.ref,
            )  # fmt: skip
            if refund.obligation_id is not None:
                self._obligations.refunded(session, refund.obligation_id)
            self._telling.refunded(session, order, refund)

    def _not_yet(self, refund: Refund, problem: str, seen: ProviderRefund | None = None) -> None:
        """Keep the debt open and say why; the sweep tries again."""
        log.warning("refund.not_yet", refund=refund.id, problem=problem)
        values = {"last_error": problem}
        if seen is not None:
            values |= {"provider_ref": seen.ref, "state": "failed" if seen.state == "failed" else "recorded"}
        with self._database.write() as session:
            session.execute(
                sa.update(Refund).where(Refund.id == refund.id, Refund.state != "succeeded").values(**values)
            )
