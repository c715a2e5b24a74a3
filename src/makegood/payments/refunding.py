"""Refunds: recorded with a permanent id, looked up at the provider by it, asked for, and settled."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from makegood.engine import Engine
from makegood.kernel import audit, faults, logs
from makegood.kernel.clock import Clock
from makegood.kernel.database import Database
from makegood.kernel.errors import MakegoodError, NotFound
from makegood.kernel.ids import new_id
from makegood.orders.models import Obligation, Refund
from makegood.orders.obligations import REFUND
from makegood.orders.reversals import (
    PAY_BACK,
    ROW,
    SURPLUS,
    WHOLE,
    Reversals,
    asked_anew,
    pay_back_work_id,
    refund_reference,
)
from makegood.orders.states import REFUND as REFUND_STATES
from makegood.orders.states import Money, RefundState
from makegood.payments.models import Payment
from makegood.payments.provider import PaymentProvider, ProviderRefund, ProviderReversals
from makegood.payments.reversing import Reversing, gone, locked

log = logs.get("payments")

LONGEST_PROBLEM = 300
"""Characters that are kept of an error that nobody has foreseen."""


class Refunding:
    """Money back. A refund that the provider refuses stays an open debt, tried again and shown."""

    def __init__(
        self, database: Database, engine: Engine, clock: Clock, providers: dict[str, PaymentProvider],
        reversals: Reversals, reversing: Reversing,
    ) -> None:  # fmt: skip
        self._database, self._engine, self._clock, self._providers = database, engine, clock, providers
        self._reversals, self._reversing = reversals, reversing

    def register(self, engine: Engine) -> None:
        """Make the workflows known to the engine."""
        engine.workflow(REFUND, self.refund, queue="quick")
        engine.workflow(PAY_BACK, self.pay_back, queue="quick")

    def refund(self, obligation_id: str) -> None:
        """Give back what is left of an obligation that is `refunding`."""
        with self._database.write() as session:
            obligation = session.get_one(Obligation, obligation_id, with_for_update=ROW)
            if obligation.money != Money.REFUNDING:
                return
            refund_id = self._record(session, obligation)
        faults.reach("refund:recorded")
        self.pay_back(refund_id)

    def pay_back(self, refund_id: str) -> None:
        """Look the refund up at the provider, ask for it if it is not there, and count what it says."""
        with self._database.read() as session:
            refund = session.get_one(Refund, refund_id)
            payment = session.get_one(Payment, refund.payment_id)
        is_due = refund.due_at is None or refund.due_at <= self._clock.now()
        if refund.state == RefundState.SUCCEEDED or not is_due:
            return
        try:
            seen = self._ask(refund, payment)
        except MakegoodError as error:
            self._not_yet(refund, _said(error))
            return
        except Exception as error:
            self._not_yet(refund, _said(error))
            raise
        if seen is not None:
            self._count(refund, payment.id, seen)

    def _count(self, refund: Refund, payment_id: str, seen: ProviderRefund) -> None:
        try:
            with self._database.write() as session:
                self._reversing.count(session, locked(session, payment_id), ProviderReversals(refunds=(seen,)))
                faults.reach("refund:within")
        except Exception as error:
            self._not_yet(refund, _said(error))
            raise

    def try_again(self, refund_id: str, tries: int, delay: float) -> None:
        """Enqueue another try at a surplus refund in `delay` seconds; only one caller wins for each `tries`."""
        with self._database.write() as session:
            again = session.execute(
                sa.update(Refund)
                .where(Refund.id == refund_id, Refund.tries == tries, Refund.state != RefundState.SUCCEEDED)
                .values(tries=tries + 1)
            )
            if again.rowcount == 1:  # type: ignore[attr-defined]
                again_id = pay_back_work_id(refund_id, tries + 1)
                self._engine.enqueue(session, PAY_BACK, again_id, refund_id, delay=delay)

    def retry(self, refund_id: str, by: str) -> bool:
        """An operator's wish: ask the provider for an open refund now, due or not. It is looked up there first, so it
        can't be given twice; one that has failed there for good is asked for anew, under a reference of its own. Of
        several at the same moment one wins; returns whether it was this call."""
        with self._database.write() as session:
            refund = session.get(Refund, refund_id)
            if refund is None:
                raise NotFound(refund=refund_id)
            tries, last = refund.tries, refund.last_error
            if not self._begin_again(session, refund):
                return False
            self._engine.enqueue(session, PAY_BACK, pay_back_work_id(refund_id, tries + 1), refund_id)
            order_id = session.scalar(sa.select(Payment.order_id).where(Payment.id == refund.payment_id))
            audit.record(
                session, self._clock, "operator.retried_refund", refund.obligation_id or refund_id, order_id,
                by=by, refund=refund_id, last=last,
            )  # fmt: skip
        return True

    def _begin_again(self, session: Session, refund: Refund) -> bool:
        same = sa.and_(Refund.id == refund.id, Refund.tries == refund.tries)
        also: dict[str, Any] = {"tries": refund.tries + 1}
        if refund.due_at is not None:
            # What has been due for longer stays due since then.
            also["due_at"] = min(refund.due_at, self._clock.now())
        if refund.state == RefundState.FAILED:
            also |= {"reference": asked_anew(refund.reference), "last_error": None}
            return REFUND_STATES.move(
                session, Refund.state, same, RefundState.RECORDED, come_from=[RefundState.FAILED], **also
            )  # fmt: skip
        again = session.execute(
            sa.update(Refund).where(same, Refund.state != RefundState.SUCCEEDED).values(also)
            .execution_options(synchronize_session=False)
        )  # fmt: skip
        return bool(again.rowcount == 1)  # type: ignore[attr-defined]

    def _record(self, session: Session, obligation: Obligation) -> str:
        known = session.scalar(
            sa.select(Refund.id).where(Refund.obligation_id == obligation.id, Refund.key == WHOLE)
        )  # fmt: skip
        if known:
            return known
        refund = Refund(
            id=new_id(), payment_id=obligation.payment_id, obligation_id=obligation.id, key=WHOLE,
            reference=refund_reference(obligation, WHOLE),
            amount_minor=obligation.allocated_minor - obligation.returned_minor,
            currency=session.get_one(Payment, obligation.payment_id).currency,
            reason=obligation.reason or "", state=RefundState.RECORDED, tries=1, created_at=self._clock.now(),
        )  # fmt: skip
        session.add(refund)
        return refund.id

    def _ask(self, refund: Refund, payment: Payment) -> ProviderRefund | None:
        """What the provider says of the refund; None if it has ended, or has to wait, without asking for anything."""
        provider = self._providers[payment.provider]
        faults.reach("refund:before")
        # The provider forgets idempotency keys after a day, so it is asked by our reference first.
        seen = provider.find_refund(refund.reference)
        if seen is None:
            # Somebody may have given this money back in the dashboard, even a moment ago.
            self._reversing.look(payment.id)
            amount = self._left(refund.id)
            if amount == 0:
                return None
            seen = provider.refund(payment.provider_ref or "", refund.reference, amount, refund.reason)
        faults.reach("refund:after")
        return seen

    def _left(self, refund_id: str) -> int:
        """What this refund may give back now, in minor units, recorded before it is asked for. With nothing left it
        ends as succeeded, unless other refunds of the same money may still fail."""
        with self._database.write() as session:
            known = session.get_one(Refund, refund_id)
            payment = locked(session, known.payment_id)
            refund = session.get_one(Refund, refund_id, with_for_update=ROW, populate_existing=True)
            if refund.state == RefundState.SUCCEEDED:
                return 0
            if refund.obligation_id is None:
                left = payment.captured_minor - gone(session, payment.id)
                ended = left == 0
                if ended:
                    self._reversals.end_idle_refunds(session, Refund.id == refund_id)
            else:
                left, ended = self._left_of_unit(session, refund)
            if ended:
                self._note_nothing(session, payment, refund)
                return 0
            amount = max(0, left if refund.key in (WHOLE, SURPLUS) else min(left, refund.amount_minor))
            if amount > 0:
                refund.amount_minor = amount
            else:
                refund.last_error = "other refunds of the same money are under way"
            return amount

    def _left_of_unit(self, session: Session, refund: Refund) -> tuple[int, bool]:
        """What the unit's other refunds leave for this one, and whether everything has gone back."""
        owed = session.get_one(Obligation, refund.obligation_id, with_for_update=ROW, populate_existing=True)
        if self._reversals.end_if_gone(session, owed.id):
            return 0, True
        earlier = sa.true() if refund.key == WHOLE else Refund.id < refund.id
        others = session.scalar(
            sa.select(sa.func.coalesce(sa.func.sum(Refund.amount_minor), 0)).where(
                Refund.obligation_id == owed.id,
                Refund.id != refund.id,
                sa.or_(
                    Refund.state == RefundState.PENDING, sa.and_(Refund.state == RefundState.RECORDED, earlier)
                ),
            )
        )  # fmt: skip
        return owed.allocated_minor - owed.returned_minor - int(others or 0), False

    def _note_nothing(self, session: Session, payment: Payment, refund: Refund) -> None:
        """There was nothing to give back, or nothing any more: no mail tells of 0."""
        audit.record(
            session, self._clock, "refund.succeeded", refund.id, payment.order_id,
            amount=0, currency=refund.currency, reason=refund.reason,
        )  # fmt: skip

    def _not_yet(self, refund: Refund, problem: str) -> None:
        """Keep the debt open and say why; the sweep tries again."""
        log.warning("refund.not_yet", refund=refund.id, problem=problem)
        with self._database.write() as session:
            session.execute(
                sa.update(Refund)
                .where(Refund.id == refund.id, Refund.state != RefundState.SUCCEEDED)
                .values(last_error=problem)
            )


def _said(error: Exception) -> str:
    """What an operator reads of an error, foreseen or not."""
    if isinstance(error, MakegoodError):
        return error.for_operator()
    return f"{type(error).__name__}: {error}"[:LONGEST_PROBLEM]
