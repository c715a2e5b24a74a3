"""The inbox: a notification is verified, committed as raw bytes, acknowledged, and only then handled."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from makegood.engine import Engine
from makegood.kernel import audit, faults, logs
from makegood.kernel.clock import Clock
from makegood.kernel.database import Database
from makegood.kernel.errors import NotFound
from makegood.kernel.ids import new_id
from makegood.payments.models import Payment, PaymentEvent
from makegood.payments.provider import PaymentProvider, ProviderHasNone
from makegood.payments.reversing import Reversing
from makegood.payments.settling import Settling

HANDLE = "payments.handle_event"
TIME_TO_HANDLE = timedelta(minutes=1)
log = logs.get("payments")


def handle_work_id(event_row_id: str, handle_try: int) -> str:
    """The workflow of one try at handling a notification."""
    return f"event/{event_row_id}/{handle_try}"


def being_handled(now: datetime) -> sa.ColumnElement[bool]:
    """That a notification has just come for the payment: then it is asked about when that is handled."""
    return sa.exists().where(
        PaymentEvent.provider == Payment.provider, PaymentEvent.provider_ref == Payment.provider_ref,
        PaymentEvent.handled_at.is_(None), PaymentEvent.received_at > now - TIME_TO_HANDLE,
    )  # fmt: skip


class Inbox:
    """What providers tell us. A notification says only where to look: facts come from the provider, asked."""

    def __init__(
        self, database: Database, engine: Engine, clock: Clock, providers: dict[str, PaymentProvider],
        settling: Settling, reversing: Reversing,
    ) -> None:  # fmt: skip
        self._database, self._engine, self._clock = database, engine, clock
        self._providers, self._settling, self._reversing = providers, settling, reversing

    def register(self, engine: Engine) -> None:
        """Make the workflow known to the engine."""
        engine.workflow(HANDLE, self.handle, queue="quick")

    def receive(self, provider_name: str, headers: Mapping[str, str], raw: bytes) -> bool:
        """Verify and commit a notification; False if we had it already. When this returns, it may be acknowledged."""
        provider = self._providers.get(provider_name)
        if provider is None:
            raise NotFound(provider=provider_name)
        event = provider.verify_event(headers, raw)
        row_id = new_id()
        faults.reach("inbox:before")
        try:
            with self._database.write() as session:
                session.add(
                    PaymentEvent(
                        id=row_id, provider=provider_name, event_id=event.event_id, kind=event.kind,
                        provider_ref=event.provider_ref, raw=raw, received_at=self._clock.now(), handle_try=1,
                    )
                )  # fmt: skip
                session.flush()
                self._engine.enqueue(session, HANDLE, handle_work_id(row_id, 1), row_id)
        except IntegrityError:
            # The unique (provider, event id) is what makes a second delivery harmless; anything else is no success.
            if self._has(provider_name, event.event_id):
                return False
            raise
        faults.reach("inbox:after")
        return True

    def _has(self, provider_name: str, event_id: str) -> bool:
        query = sa.select(PaymentEvent.id).where(
            PaymentEvent.provider == provider_name, PaymentEvent.event_id == event_id
        )
        with self._database.read() as session:
            return session.scalar(query) is not None

    def handle(self, row_id: str) -> None:
        """Look at the payment that the notification is about; mark it handled last."""
        with self._database.read() as session:
            of_it = (Payment.provider == PaymentEvent.provider) & (Payment.provider_ref == PaymentEvent.provider_ref)
            query = sa.select(PaymentEvent, Payment).join(Payment, of_it, isouter=True)
            found = session.execute(query.where(PaymentEvent.id == row_id)).one()
            event: PaymentEvent = found[0]
            payment: Payment | None = found[1]
        if event.handled_at is not None:
            return
        faults.reach("handle:before")
        if payment is None:
            payment_id = self._unknown(event)
        else:
            payment_id = payment.id
            if not self._settling.settle(payment):
                # It was paid before: this speaks of a refund or a dispute, or speaks twice, which is harmless.
                self._reversing.look(payment_id)
        faults.reach("handle:after")
        with self._database.write() as session:
            session.execute(
                sa.update(PaymentEvent)
                .where(PaymentEvent.id == row_id, PaymentEvent.handled_at.is_(None))
                .values(handled_at=self._clock.now(), outcome="settled" if payment_id else "not_ours")
            )
            audit.record(
                session, self._clock, "payment.notified", payment_id or row_id, payment.order_id if payment else None,
                kind=event.kind, event_id=event.event_id,
            )  # fmt: skip

    def handle_again(self, row_id: str, handle_try: int, delay: float) -> None:
        """Enqueue another try in `delay` seconds; only one caller wins for each `handle_try`."""
        with self._database.write() as session:
            again = session.execute(
                sa.update(PaymentEvent)
                .where(
                    PaymentEvent.id == row_id,
                    PaymentEvent.handled_at.is_(None),
                    PaymentEvent.handle_try == handle_try,
                )
                .values(handle_try=handle_try + 1)
            )
            if again.rowcount == 1:  # type: ignore[attr-defined]
                self._engine.enqueue(session, HANDLE, handle_work_id(row_id, handle_try + 1), row_id, delay=delay)

    def replay(self, row_id: str, by: str) -> bool:
        """An operator's wish: handle a notification again now, whatever came of it before. Harmless at any time, since
        facts come from the provider. Of several at the same moment one wins; returns whether it was this call."""
        with self._database.write() as session:
            event = session.get(PaymentEvent, row_id)
            if event is None:
                raise NotFound(notification=row_id)
            again = session.execute(
                sa.update(PaymentEvent)
                .where(PaymentEvent.id == row_id, PaymentEvent.handle_try == event.handle_try)
                .values(handle_try=event.handle_try + 1, handled_at=None, outcome=None)
            )
            if again.rowcount != 1:  # type: ignore[attr-defined]
                return False
            self._engine.enqueue(session, HANDLE, handle_work_id(row_id, event.handle_try + 1), row_id)
            payment = session.scalar(
                sa.select(Payment).where(Payment.provider == event.provider, Payment.provider_ref == event.provider_ref)
            )
            audit.record(
                session, self._clock, "operator.replayed", row_id, payment.order_id if payment else None,
                by=by, kind=event.kind, event_id=event.event_id,
            )  # fmt: skip
        return True

    def _unknown(self, event: PaymentEvent) -> str | None:
        """What a notification is about that comes before our own request has been recorded, or was never asked for
        by us."""
        if event.provider_ref is None:
            return None
        try:
            seen = self._providers[event.provider].retrieve(event.provider_ref)
        except ProviderHasNone as error:
            # The provider itself doesn't know what it notified us of, and never will.
            log.warning("payment.notified_of_nothing", notification=event.event_id, problem=error.for_operator())
            return None
        return self._settling.found(event.provider, seen)
