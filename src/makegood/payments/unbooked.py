"""What a provider has and our books refuse: kept, and said, until it is booked."""

from __future__ import annotations

from collections.abc import Mapping

import sqlalchemy as sa
from sqlalchemy.orm import Session

from makegood.kernel import audit
from makegood.kernel.clock import Clock
from makegood.kernel.database import Database
from makegood.kernel.ids import new_id
from makegood.payments.books import Listed
from makegood.payments.models import Difference, Payment
from makegood.payments.provider import PaymentProvider, ProviderPayment

NOT_BOOKED = "NOT_BOOKED"


class Unbooked:
    """One `Difference` for each, from the first time it can't be booked until it can."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database, self._clock = database, clock

    def compare(self, provider: PaymentProvider, looked_at: Mapping[str, Listed], problems: Mapping[str, str]) -> None:
        """What was just looked at, by the provider's ids, and why it can't be booked, for those that can't."""
        with self._database.read() as session:
            is_open = list(session.scalars(self._open(provider.name).where(Difference.ref.in_(looked_at))))
        if not is_open and not problems:
            return
        with self._database.write() as session:
            for ref, problem in problems.items():
                self._keep(session, provider.name, looked_at[ref], problem)
            for difference in is_open:
                if difference.ref not in problems:
                    self._explained(session, difference)

    def _open(self, provider: str) -> sa.Select[Difference]:
        return sa.select(Difference).where(
            Difference.provider == provider, Difference.kind == NOT_BOOKED, Difference.explained_at.is_(None)
        )

    def _keep(self, session: Session, provider: str, item: Listed, problem: str) -> None:
        about = item.ref if isinstance(item, ProviderPayment) else item.payment_ref
        payment = session.scalar(
            sa.select(Payment).where(Payment.provider == provider, Payment.provider_ref == about).with_for_update()
        )
        known = session.scalar(
            sa.select(Difference)
            .where(Difference.provider == provider, Difference.kind == NOT_BOOKED, Difference.ref == item.ref)
            .with_for_update()
        )
        text = f"{provider} has it, and it can't be booked: {problem}"
        if known is not None and known.explained_at is None:
            known.text = text
            return
        now = self._clock.now()
        payment_id, order_id = (payment.id, payment.order_id) if payment else (None, None)
        if known is None:
            session.add(
                Difference(
                    id=new_id(), provider=provider, kind=NOT_BOOKED, ref=item.ref, payment_id=payment_id,
                    order_id=order_id, text=text, found_at=now,
                )
            )  # fmt: skip
        else:
            known.text, known.found_at, known.explained_at = text, now, None
        audit.record(
            session, self._clock, "reconciliation.not_booked", payment_id or item.ref, order_id, ref=item.ref,
            problem=problem,
        )  # fmt: skip

    def _explained(self, session: Session, difference: Difference) -> None:
        taken = session.execute(
            sa.update(Difference)
            .where(Difference.id == difference.id, Difference.explained_at.is_(None))
            .values(explained_at=self._clock.now())
        )
        if taken.rowcount == 1:  # type: ignore[attr-defined]
            audit.record(
                session, self._clock, "reconciliation.booked", difference.payment_id or difference.ref,
                difference.order_id, ref=difference.ref,
            )  # fmt: skip
