"""Where a provider's books and ours differ and nothing may be changed: kept, and said, until it is explained."""

from __future__ import annotations

from collections.abc import Mapping

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from makegood.kernel import audit
from makegood.kernel.clock import Clock
from makegood.kernel.database import Database
from makegood.kernel.ids import new_id
from makegood.payments.books import Listed
from makegood.payments.models import Difference, Payment
from makegood.payments.provider import PaymentProvider, ProviderPayment

NOT_BOOKED = "NOT_BOOKED"
"""The provider has it, and our books refuse it."""
PAID_HERE_ONLY = "PAID_HERE_ONLY"
"""We call it paid, and the provider says something else."""


class Differences:
    """One `Difference` of a kind for each of the provider's ids, however many passes meet it at the same moment."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database, self._clock = database, clock

    def compare(self, provider: PaymentProvider, looked_at: Mapping[str, Listed], problems: Mapping[str, str]) -> None:
        """What was just looked at, by the provider's ids, and why it can't be booked, for those that can't."""
        query = sa.select(Difference.ref).where(
            Difference.provider == provider.name, Difference.kind == NOT_BOOKED, Difference.ref.in_(looked_at),
            Difference.explained_at.is_(None),
        )  # fmt: skip
        with self._database.read() as session:
            is_open = list(session.scalars(query))
        for ref, problem in problems.items():
            with self._database.write() as session:
                payment = _payment(session, provider.name, looked_at[ref])
                text = f"{provider.name} has it, and it can't be booked: {problem}"
                self.keep(session, provider.name, NOT_BOOKED, ref, text, payment)
        for ref in is_open:
            if ref not in problems:
                with self._database.write() as session:
                    self.explain(session, provider.name, NOT_BOOKED, ref)

    def keep(
        self, session: Session, provider: str, kind: str, ref: str, text: str, payment: Payment | None
    ) -> None:  # fmt: skip
        """It is there: from now on, or still."""
        now = self._clock.now()
        payment_id, order_id = (payment.id, payment.order_id) if payment else (None, None)
        known = _known(session, provider, kind, ref)
        if known is None:
            try:
                with session.begin_nested():
                    session.add(
                        Difference(
                            id=new_id(), provider=provider, kind=kind, ref=ref, payment_id=payment_id,
                            order_id=order_id, text=text, found_at=now,
                        )
                    )  # fmt: skip
            except IntegrityError:
                # Another pass has met it at the same moment.
                known = _known(session, provider, kind, ref)
                if known is None:
                    raise
        if known is not None:
            known.text = text
            if known.explained_at is None:
                return
            known.found_at, known.explained_at = now, None
        audit.record(
            session, self._clock, "reconciliation.differs", payment_id or ref, order_id, kind=kind, ref=ref, text=text
        )

    def explain(self, session: Session, provider: str, kind: str, ref: str) -> None:
        """It is not there, or not any more."""
        known = _known(session, provider, kind, ref)
        if known is None or known.explained_at is not None:
            return
        known.explained_at = self._clock.now()
        audit.record(
            session, self._clock, "reconciliation.explained", known.payment_id or ref, known.order_id, kind=kind,
            ref=ref,
        )  # fmt: skip


def _known(session: Session, provider: str, kind: str, ref: str) -> Difference | None:
    query = sa.select(Difference).where(
        Difference.provider == provider, Difference.kind == kind, Difference.ref == ref
    )  # fmt: skip
    return session.scalar(query.with_for_update())


def _payment(session: Session, provider: str, item: Listed) -> Payment | None:
    ref = item.ref if isinstance(item, ProviderPayment) else item.payment_ref
    return session.scalar(sa.select(Payment).where(Payment.provider == provider, Payment.provider_ref == ref))
