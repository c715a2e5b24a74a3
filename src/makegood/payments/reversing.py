"""Refunds and disputes as the provider tells them, ours and those made behind our back: each is counted once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from makegood.kernel import audit, faults
from makegood.kernel.clock import Clock
from makegood.kernel.database import Database
from makegood.kernel.ids import new_id
from makegood.orders.models import Obligation, Order, Refund
from makegood.orders.reversals import ANEW, ROW, WHOLE, Reversals, Share, asking
from makegood.orders.states import DISPUTE, REFUND, DisputeState, PaymentState, RefundState
from makegood.payments.findings import Finding, amount
from makegood.payments.models import CountedRefund, Dispute, Payment
from makegood.payments.provider import (
    PaymentProvider,
    ProviderDispute,
    ProviderPayment,
    ProviderRefund,
    ProviderReversals,
)
from makegood.payments.telling import Telling

IN_THE_DASHBOARD = "It was given back in the payment provider's dashboard."
BY_THE_BANK = "The cardholder's bank took it back."
FORGOTTEN = "It was given back earlier."


def locked(session: Session, payment_id: str) -> Payment:
    """The payment, held: whatever happens to its money happens in turn."""
    return session.get_one(Payment, payment_id, with_for_update=ROW, populate_existing=True)


def gone(session: Session, payment_id: str) -> int:
    """How much of a payment has left again, in minor units, as far as we have counted."""
    return gone_of(session, [payment_id])[payment_id]


def gone_of(session: Session, payment_ids: Sequence[str]) -> dict[str, int]:
    """The same of several, by id."""
    given = sa.select(CountedRefund.payment_id, sa.func.sum(CountedRefund.amount_minor)).where(
        CountedRefund.payment_id.in_(payment_ids)
    )
    taken = sa.select(Dispute.payment_id, sa.func.sum(Dispute.amount_minor)).where(
        Dispute.payment_id.in_(payment_ids), Dispute.state == DisputeState.LOST
    )
    back = dict.fromkeys(payment_ids, 0)
    each = sa.union_all(given.group_by(CountedRefund.payment_id), taken.group_by(Dispute.payment_id))
    for payment_id, minor in session.execute(each):
        back[payment_id] += int(minor)
    return back


def charged_back_of(session: Session, order_id: str) -> int:
    """How much of what bought an order its customer's bank has taken back, in minor units."""
    query = (
        sa.select(sa.func.coalesce(sa.func.sum(Dispute.amount_minor), 0))
        .join(Payment, Payment.id == Dispute.payment_id)
        .where(Payment.order_id == order_id, Payment.problem.is_(None), Dispute.state == DisputeState.LOST)
    )
    return int(session.scalar(query) or 0)


class Reversing:
    """What has gone back of payments, and what their cardholders' banks ask back."""

    def __init__(
        self, database: Database, clock: Clock, providers: dict[str, PaymentProvider], reversals: Reversals,
        telling: Telling,
    ) -> None:  # fmt: skip
        self._database, self._clock, self._providers = database, clock, providers
        self._reversals, self._telling = reversals, telling

    def look(self, payment_id: str) -> list[Finding]:
        """Ask the provider what has gone back of a paid payment, and count what is new."""
        with self._database.read() as session:
            payment = session.get_one(Payment, payment_id)
        if payment.provider_ref is None or payment.state != PaymentState.PAID:
            return []
        seen = self._providers[payment.provider].reversals(payment.provider_ref)
        faults.reach("reversal:before")
        with self._database.write() as session:
            found = self.count(session, locked(session, payment_id), seen)
            faults.reach("reversal:within")
        faults.reach("reversal:after")
        return found

    def ask(self, payment_id: str, seen: ProviderPayment) -> ProviderReversals:
        """What has gone back of a payment that is being settled, in case it says that something has."""
        if not seen.reversed:
            return ProviderReversals()
        with self._database.read() as session:
            provider = session.get_one(Payment, payment_id).provider
        return self._providers[provider].reversals(seen.ref)

    def count(self, session: Session, payment: Payment, seen: ProviderReversals) -> list[Finding]:
        """Count what is new, in the caller's transaction, which holds the payment."""
        # Ours first: they know their unit, and leave to the others what is left.
        ours = {refund.ref for refund in seen.refunds if self._ours(session, payment, refund) is not None}
        found = [
            finding
            for refund in sorted(seen.refunds, key=lambda r: r.ref not in ours)
            if (finding := self._refund(session, payment, refund))
        ]
        found += [f for dispute in seen.disputes if (f := self._dispute(session, payment, dispute))]
        session.flush()
        if self._open_disputes(session, payment.id):
            self._reversals.dispute(session, payment.id)
        else:
            self._reversals.resume(session, payment.id)
        if gone(session, payment.id) >= payment.captured_minor:
            self._reversals.end_idle_refunds(session, Refund.surplus_of == payment.id)
        return found

    def _ours(self, session: Session, payment: Payment, seen: ProviderRefund) -> Refund | None:
        """Our own row of a refund; written again if a restored backup has lost it."""
        if seen.reference is None:
            return None
        first, times = asking(seen.reference)
        asked = sa.or_(Refund.reference == first, Refund.reference.startswith(first + ANEW, autoescape=True))
        query = sa.select(Refund).where(Refund.payment_id == payment.id, asked)
        known = session.scalar(query.execution_options(populate_existing=True))
        if known is not None:
            return self._same(known, seen, times)
        made = self._reversals.made_for(session, payment.id, first)
        if made is None:
            return None
        obligation, key = made
        lost = Refund(
            id=new_id(), payment_id=payment.id, obligation_id=obligation.id, key=key, reference=seen.reference,
            amount_minor=seen.amount_minor, currency=seen.currency, reason=FORGOTTEN, state=RefundState.RECORDED,
            tries=1, created_at=self._clock.now(),
        )  # fmt: skip
        session.add(lost)
        session.flush()
        self._note(session, payment, "refund.remembered", lost.id, amount=seen.amount_minor, ref=seen.ref)
        if key == WHOLE:
            self._reversals.remember(session, obligation, FORGOTTEN)
        return lost

    def _same(self, known: Refund, seen: ProviderRefund, times: int) -> Refund | None:
        """Our row, if what the provider says concerns it. What has failed for good and was asked for anew since says
        nothing of the new one, unless the money came after all."""
        _, ours = asking(known.reference)
        if times > ours:
            # A restored backup has lost that it was asked for anew.
            known.reference = seen.reference or known.reference
        return known if times >= ours or seen.state == RefundState.SUCCEEDED else None

    def _refund(self, session: Session, payment: Payment, seen: ProviderRefund) -> Finding | None:
        own = self._ours(session, payment, seen)
        if seen.state != RefundState.SUCCEEDED:
            if own is not None:
                self._not_yet(session, own, seen)
            return None
        known = sa.select(CountedRefund.id).where(
            CountedRefund.provider == payment.provider, CountedRefund.ref == seen.ref
        )
        if session.scalar(known):
            return None
        counted = CountedRefund(
            id=new_id(), provider=payment.provider, ref=seen.ref, payment_id=payment.id,
            refund_id=own.id if own else None, amount_minor=seen.amount_minor, currency=seen.currency,
            unplaced_minor=0, counted_at=self._clock.now(),
        )  # fmt: skip
        session.add(counted)
        session.flush()
        if own is not None:
            self._succeeded(session, own, seen)
        shares = self._reversals.went_back(
            session, payment.id, seen.amount_minor, own.reason if own else IN_THE_DASHBOARD,
            first=own.obligation_id if own else None,
        )  # fmt: skip
        if payment.problem is None:
            counted.unplaced_minor = seen.amount_minor - sum(share.amount_minor for share in shares)
        self._tell(session, payment, own, seen, shares)
        return self._finding(payment, own, counted)

    def _not_yet(self, session: Session, own: Refund, seen: ProviderRefund) -> None:
        """The provider is at it, or could not."""
        state = RefundState(seen.state)
        if own.state != state and own.state in REFUND.leading_to(state):
            hint = "; it is asked for anew if somebody tries again" if state == RefundState.FAILED else ""
            REFUND.move(
                session, Refund.state, Refund.id == own.id, state, come_from=[own.state], provider_ref=seen.ref,
                amount_minor=seen.amount_minor, last_error=f"the provider says {state}{hint}",
            )  # fmt: skip

    def _succeeded(self, session: Session, own: Refund, seen: ProviderRefund) -> None:
        also: dict[str, Any] = {
            "provider_ref": seen.ref, "amount_minor": seen.amount_minor, "settled_at": self._clock.now(),
            "last_error": None,
        }  # fmt: skip
        if not REFUND.move(session, Refund.state, Refund.id == own.id, RefundState.SUCCEEDED, **also):
            # It had ended because there seemed to be nothing left, while the provider was already giving it.
            session.execute(
                sa.update(Refund).where(Refund.id == own.id).values(**also)
                .execution_options(synchronize_session=False)
            )  # fmt: skip
        session.refresh(own)

    def _tell(
        self, session: Session, payment: Payment, own: Refund | None, seen: ProviderRefund, shares: list[Share]
    ) -> None:
        self._note(
            session, payment, "refund.succeeded", own.id if own else payment.id, amount=seen.amount_minor,
            currency=seen.currency, reason=own.reason if own else IN_THE_DASHBOARD, ref=seen.ref, ours=own is not None,
        )  # fmt: skip
        if payment.order_id is None or (own is not None and own.reason == FORGOTTEN):
            return
        order = session.get_one(Order, payment.order_id)
        if own is not None:
            self._telling.refunded(session, order, own)
        else:
            ended = any(share.was_last and not share.was_delivered for share in shares)
            self._telling.refunded_elsewhere(session, order, payment.provider, seen, ends_work=ended)

    def _finding(self, payment: Payment, own: Refund | None, counted: CountedRefund) -> Finding:
        money = amount(counted.amount_minor, counted.currency)
        if own is not None:
            return self._about(payment, "REFUND_SUCCEEDED", counted.ref, f"Our refund of {money} has succeeded.")
        text = f"{money} was given back in the provider's dashboard; it is counted, and the customer is told."
        return self._about(payment, "REFUNDED_ELSEWHERE", counted.ref, text)

    def _dispute(self, session: Session, payment: Payment, seen: ProviderDispute) -> Finding | None:
        found = sa.select(Dispute).where(Dispute.provider == payment.provider, Dispute.ref == seen.ref)
        dispute = session.scalar(found.execution_options(populate_existing=True))
        is_new = dispute is None
        if dispute is None:
            dispute = Dispute(
                id=new_id(), provider=payment.provider, ref=seen.ref, payment_id=payment.id,
                amount_minor=seen.amount_minor, currency=seen.currency, reason=seen.reason, state=DisputeState.OPEN,
                noted_at=self._clock.now(),
            )  # fmt: skip
            session.add(dispute)
            session.flush()
            touched = self._reversals.dispute(session, payment.id)
            dispute.problem = None if touched or self._holds(session, payment.id) else "MONEY_IS_GOING_BACK"
            self._note_dispute(session, payment, dispute, "dispute.opened")
        closed = seen.state != DisputeState.OPEN and DISPUTE.move(
            session, Dispute.state, Dispute.id == dispute.id, seen.state, closed_at=self._clock.now()
        )
        if closed:
            self._note_dispute(session, payment, dispute, f"dispute.{seen.state}")
        if closed and seen.state == DisputeState.LOST:
            self._reversals.went_back(session, payment.id, seen.amount_minor, BY_THE_BANK, charged_back=True)
        if not (is_new or closed):
            return None
        money = amount(seen.amount_minor, seen.currency)
        text = f"The customer's bank disputes {money} ({seen.reason}): {seen.state}."
        if dispute.problem:
            text += " The money was on its way back already, which goes on."
        return self._about(payment, f"DISPUTE_{seen.state}".upper(), seen.ref, text)

    def _holds(self, session: Session, payment_id: str) -> bool:
        """Whether a dispute that came earlier already holds this payment's units."""
        return bool(
            session.scalar(
                sa.select(sa.func.count()).select_from(Obligation)
                .where(Obligation.payment_id == payment_id, Obligation.disputed_at.is_not(None))
            )
        )  # fmt: skip

    def _open_disputes(self, session: Session, payment_id: str) -> int:
        query = sa.select(sa.func.count()).select_from(Dispute)
        return session.scalar(query.where(Dispute.payment_id == payment_id, Dispute.state == DisputeState.OPEN)) or 0

    def _about(self, payment: Payment, kind: str, ref: str, text: str) -> Finding:
        return Finding(kind, payment.provider, ref, text, payment.id, payment.order_id)

    def _note_dispute(self, session: Session, payment: Payment, dispute: Dispute, event: str) -> None:
        self._note(
            session, payment, event, dispute.id, amount=dispute.amount_minor, currency=dispute.currency,
            reason=dispute.reason, ref=dispute.ref, problem=dispute.problem,
        )  # fmt: skip

    def _note(self, session: Session, payment: Payment, event: str, subject: str, **data: object) -> None:
        audit.record(session, self._clock, event, subject, payment.order_id, **data)
