"""The sweep over payments: a webhook that never comes, or work that was lost, must not matter."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta

import sqlalchemy as sa

from makegood.engine import Engine, WorkState
from makegood.kernel import logs
from makegood.kernel.clock import Clock
from makegood.kernel.database import Database
from makegood.kernel.errors import MakegoodError
from makegood.orders.models import Obligation, Refund, Unit
from makegood.orders.obligations import Obligations, refund_work_id
from makegood.orders.reversals import WHOLE, pay_back_work_id
from makegood.orders.states import UNSETTLED, Money, PaymentState, RefundState
from makegood.payments.inbox import Inbox, being_handled, handle_work_id
from makegood.payments.models import Payment, PaymentEvent
from makegood.payments.provider import PaymentProvider
from makegood.payments.refunding import Refunding
from makegood.payments.requesting import Requesting, request_work_id
from makegood.payments.settling import Settling
from makegood.payments.telling import Telling

log = logs.get("payments")
LIVE = (WorkState.WAITING, WorkState.RUNNING)
LONGEST_WAIT = 3600.0
LONGEST_WAIT_TO_PAY = 30.0
"""Seconds; in the second case somebody sits and waits."""


class PaymentSweep:
    """Looks at everything that is not at rest, without an age limit, and moves what nobody moves."""

    def __init__(
        self, database: Database, engine: Engine, clock: Clock, providers: dict[str, PaymentProvider],
        requesting: Requesting, settling: Settling, inbox: Inbox, refunding: Refunding, obligations: Obligations,
        telling: Telling, poll_seconds: float, retry_seconds: float,
    ) -> None:  # fmt: skip
        self._database, self._engine, self._clock, self._providers = database, engine, clock, providers
        self._requesting, self._settling, self._inbox = requesting, settling, inbox
        self._refunding, self._obligations, self._telling = refunding, obligations, telling
        self._poll_seconds, self._retry_seconds = poll_seconds, retry_seconds

    @property
    def parts(self) -> tuple[Callable[[], None], ...]:
        """One pass, in parts of which none needs another to succeed."""
        return self._requests, self._unsettled, self._events, self._refunds, self._untold

    def _requests(self) -> None:
        query = sa.select(Payment.id, Payment.request_try).where(Payment.state == PaymentState.REQUESTED)
        for payment_id, request_try in self._left_alone(query, request_work_id):
            delay = min(LONGEST_WAIT_TO_PAY, self._backoff(request_try))
            self._requesting.request_again(payment_id, request_try, delay)

    def _unsettled(self) -> None:
        """Ask about every open payment, the older the more rarely, and let an overdue one expire at the provider.
        One that a notification has just come for is asked about when that is handled."""
        now = self._clock.now()
        query = sa.select(Payment).where(
            Payment.state.in_(UNSETTLED),
            Payment.closed_at.is_(None),
            Payment.provider_ref.is_not(None),
            ~being_handled(now),
        )
        with self._database.read() as session:
            payments = list(session.scalars(query))
        for payment in payments:
            age = now - payment.created_at
            every = max(timedelta(seconds=self._poll_seconds), age / 20)
            is_due = payment.polled_at is None or now - payment.polled_at >= every
            if not is_due or not self._takes(payment, now):
                continue
            try:
                self._poll(payment, overdue=payment.expires_at <= now)
            except MakegoodError as error:
                log.warning("payment.poll_failed", payment=payment.id, problem=error.for_operator())

    def _takes(self, payment: Payment, now: datetime) -> bool:
        """Whether it is this process that asks now."""
        as_seen = Payment.polled_at.is_(None) if payment.polled_at is None else Payment.polled_at == payment.polled_at
        with self._database.write() as session:
            taken = session.execute(
                sa.update(Payment).where(Payment.id == payment.id, as_seen).values(polled_at=now)
                .execution_options(synchronize_session=False)
            )  # fmt: skip
            return bool(taken.rowcount == 1)  # type: ignore[attr-defined]

    def _poll(self, payment: Payment, *, overdue: bool) -> None:
        if overdue and payment.provider_ref is not None:
            self._settling.apply(payment.id, self._providers[payment.provider].expire(payment.provider_ref))
        else:
            self._settling.settle(payment)

    def _events(self) -> None:
        query = sa.select(PaymentEvent.id, PaymentEvent.handle_try).where(PaymentEvent.handled_at.is_(None))
        for row_id, handle_try in self._left_alone(query, handle_work_id):
            self._inbox.handle_again(row_id, handle_try, self._backoff(handle_try))

    def _refunds(self) -> None:
        owed = sa.select(Obligation.id, Obligation.refund_try).where(Obligation.money == Money.REFUNDING)
        for obligation_id, refund_try in self._left_alone(owed, refund_work_id):
            with self._database.write() as session:
                self._obligations.retry_refund(session, obligation_id, refund_try, self._backoff(refund_try))
        due = sa.or_(Refund.due_at.is_(None), Refund.due_at <= self._clock.now())
        parts_and_surplus = sa.select(Refund.id, Refund.tries).where(
            Refund.key != WHOLE, Refund.state != RefundState.SUCCEEDED, due
        )
        for refund_id, tries in self._left_alone(parts_and_surplus, pay_back_work_id):
            self._refunding.try_again(refund_id, tries, self._backoff(tries))

    def _untold(self) -> None:
        lines = sa.select(Unit.order_line_id).join(Obligation, Obligation.unit_id == Unit.id)
        lines = lines.join(Refund, Refund.obligation_id == Obligation.id).where(Refund.untold).distinct()
        with self._database.read() as session:
            waiting = list(session.scalars(lines))
        for line_id in waiting:
            with logs.contained(log, "refund.not_told", line=line_id), self._database.write() as session:
                self._telling.line_refunded(session, line_id)

    def _backoff(self, tries: int) -> float:
        return min(LONGEST_WAIT, self._retry_seconds * 2 ** min(tries - 1, 20)) if tries > 1 else 0

    def _left_alone(self, query: sa.Select[str, int], work_id: Callable[[str, int], str]) -> Iterator[tuple[str, int]]:
        """The rows (an id and a try) of which no workflow is waiting or running."""
        with self._database.read() as session:
            rows = [(one, number) for one, number in session.execute(query)]
        states = self._engine.states([work_id(*row) for row in rows])
        return (row for row in rows if states[work_id(*row)] not in LIVE)
