"""Money that has left a payment, however it left, laid on the payment's units; and disputes, which hold them up."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from makegood.kernel import audit
from makegood.kernel.clock import Clock
from makegood.orders.models import Obligation, OrderLine, Refund, Unit
from makegood.orders.states import MONEY, OPEN_DELIVERY, REFUND, Delivery, Money, RefundState

PAY_BACK = "payments.pay_back"
WHOLE = "whole"
SURPLUS = "surplus"
ANEW = "~"
"""What parts a refund's reference from how often it was asked for, from the second time on."""
ROW = {"key_share": True}
"""How a row is held while its money moves: others may refer to it meanwhile, but not hold it."""


def pay_back_work_id(refund_id: str, tries: int) -> str:
    """The workflow of one try at a refund."""
    return f"pay-back/{refund_id}/{tries}"


def refund_reference(owed: Obligation, key: str) -> str:
    """By what the provider knows this refund for ever, even if we forget that we asked for it."""
    return f"{owed.unit_id}/{owed.number}/{key}"


def asked_anew(reference: str) -> str:
    """By what the provider knows a refund that is asked for once more after it has failed for good there."""
    first, times = asking(reference)
    return f"{first}{ANEW}{times + 1}"


def asking(reference: str) -> tuple[str, int]:
    """The reference under which a refund was asked for at first, and which time this one stands for, from 1."""
    first, _, times = reference.partition(ANEW)
    return first, int(times) if times.isdecimal() else 1


def abandonment(now: datetime) -> Mapping[str, Any]:
    """What else changes when an obligation's money leaves: what has not been delivered is abandoned."""
    is_open = Obligation.delivery.in_(OPEN_DELIVERY)
    moment = sa.literal(now, Obligation.abandoned_at.type)
    return {
        "delivery": sa.case((is_open, Delivery.ABANDONED), else_=Obligation.delivery),
        "abandoned_at": sa.case((is_open, moment), else_=Obligation.abandoned_at),
        "lease_until": None,
        "next_try_at": None,
    }


@dataclass(frozen=True, slots=True)
class Share:
    """How much of what went back belongs to one obligation, and whether that was the last of its money."""

    obligation_id: str
    amount_minor: int
    was_last: bool
    was_delivered: bool


class Reversals:
    """Every method works in the caller's transaction. The caller holds the payment's row, so that what happens to one
    payment happens in turn."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    def went_back(
        self, session: Session, payment_id: str, amount_minor: int, reason: str, *, first: str | None = None,
        charged_back: bool = False,
    ) -> list[Share]:  # fmt: skip
        """Lay what has left the payment on its obligations: on `first`, then on what is being refunded anyway, on
        what is not delivered, on what is; within these in the order of the units. One whose money is all gone is
        at its end, and abandoned if it was not delivered. The shares' sum is less only if there was less left."""
        owed = self._locked(session, payment_id)
        rank = self._ranks(session, payment_id, first)
        promised = {o.id: self._at_the_provider(session, o.id) for o in owed if o.id != first}
        left, shares = amount_minor, dict.fromkeys([o.id for o in owed], 0)
        # What the provider is already giving back of one unit is spared, as long as the others have enough.
        for spared in (promised, {}):
            for obligation in sorted(owed, key=lambda o: rank[o.id]):
                room = obligation.allocated_minor - obligation.returned_minor - shares[obligation.id]
                part = max(0, min(left, room - spared.get(obligation.id, 0)))
                shares[obligation.id] += part
                left -= part
        return [
            self._grow(session, obligation, shares[obligation.id], reason, charged_back=charged_back)
            for obligation in owed
            if shares[obligation.id]
        ]

    def dispute(self, session: Session, payment_id: str) -> int:
        """Let what the payment bought wait for the bank: no work on it, no deadline. Returns how many units wait."""
        return sum(self._disputed(session, owed) for owed in self._locked(session, payment_id))

    def resume(self, session: Session, payment_id: str) -> int:
        """No dispute is open any more: what still has its money goes on, with as much time as it had left."""
        resumed = 0
        for owed in self._locked(session, payment_id):
            if owed.money != Money.DISPUTED:
                continue
            now = self._clock.now()
            deadline = owed.deadline_at + (now - (owed.disputed_at or now))
            resumed += MONEY.move(
                session, Obligation.money, Obligation.id == owed.id, Money.KEPT, come_from=[Money.DISPUTED],
                deadline_at=deadline, disputed_at=None,
            )  # fmt: skip
            self._note(session, owed, "obligation.resumed", deadline=deadline.isoformat())
        return resumed

    def remember(self, session: Session, owed: Obligation, reason: str) -> None:
        """All of its money was on its way back before a restored backup forgot that: it is again."""
        now = self._clock.now()
        # A dispute that the backup still has was over before the money could leave.
        MONEY.move(
            session, Obligation.money, Obligation.id == owed.id, Money.KEPT, come_from=[Money.DISPUTED],
            disputed_at=None,
        )  # fmt: skip
        moved = MONEY.move(
            session, Obligation.money, Obligation.id == owed.id, Money.REFUNDING, come_from=[Money.KEPT],
            reason=reason, refund_try=1, **abandonment(now),
        )  # fmt: skip
        if moved:
            self._note(session, owed, "obligation.refunding", reason=reason)

    def end_if_gone(self, session: Session, obligation_id: str) -> bool:
        """Whether all of an obligation's money has gone back; if so it and its refunds that did nothing end."""
        owed = session.get_one(Obligation, obligation_id, with_for_update=ROW, populate_existing=True)
        if owed.returned_minor < owed.allocated_minor:
            return False
        if owed.money == Money.REFUNDING:
            self._end(session, owed, "", charged_back=False)
        self.end_idle_refunds(session, Refund.obligation_id == obligation_id)
        return True

    def end_idle_refunds(self, session: Session, of_what: sa.ColumnElement[bool]) -> None:
        """There is nothing left for these refunds to give back: they end as succeeded, with what went by them, 0."""
        idle = sa.select(Refund.id).where(of_what, Refund.state.in_((RefundState.RECORDED, RefundState.FAILED)))
        for refund_id in list(session.scalars(idle)):
            REFUND.move(
                session, Refund.state, Refund.id == refund_id, RefundState.SUCCEEDED,
                come_from=[RefundState.RECORDED, RefundState.FAILED], amount_minor=0, last_error=None,
                settled_at=self._clock.now(),
            )  # fmt: skip

    def made_for(self, session: Session, payment_id: str, reference: str) -> tuple[Obligation, str] | None:
        """The obligation and the key that a reference of ours was made from, whether or not we remember the refund."""
        unit_id, _, rest = reference.partition("/")
        number, _, key = rest.partition("/")
        if not number.isdecimal() or not key:
            return None
        query = sa.select(Obligation).where(
            Obligation.payment_id == payment_id, Obligation.unit_id == unit_id, Obligation.number == int(number)
        )
        owed = session.scalar(query)
        return None if owed is None else (owed, key)

    def _locked(self, session: Session, payment_id: str) -> list[Obligation]:
        query = sa.select(Obligation).where(Obligation.payment_id == payment_id, Obligation.allocated_minor > 0)
        # In one order whoever asks, so that two transactions never wait for each other.
        query = query.order_by(Obligation.id).with_for_update(key_share=True).execution_options(populate_existing=True)
        return list(session.scalars(query))

    def _ranks(self, session: Session, payment_id: str, first: str | None) -> dict[str, tuple[int, int, int]]:
        query = (
            sa.select(Obligation.id, Obligation.money, Obligation.delivery, OrderLine.position, Unit.unit_no)
            .join(Unit, Unit.id == Obligation.unit_id)
            .join(OrderLine, OrderLine.id == Unit.order_line_id)
            .where(Obligation.payment_id == payment_id)
        )

        def turn(obligation_id: str, money: str, delivery: str) -> int:
            if obligation_id == first:
                return 0
            return 1 if money == Money.REFUNDING else 2 if delivery in OPEN_DELIVERY else 3

        return {i: (turn(i, money, delivery), line, unit) for i, money, delivery, line, unit in session.execute(query)}

    def _at_the_provider(self, session: Session, obligation_id: str) -> int:
        """What the provider has accepted to give back of an obligation and not given yet."""
        query = sa.select(sa.func.coalesce(sa.func.sum(Refund.amount_minor), 0)).where(
            Refund.obligation_id == obligation_id, Refund.state == RefundState.PENDING
        )
        return int(session.scalar(query) or 0)

    def _grow(self, session: Session, owed: Obligation, part: int, reason: str, *, charged_back: bool) -> Share:
        session.execute(
            sa.update(Obligation)
            .where(Obligation.id == owed.id)
            .values(returned_minor=Obligation.returned_minor + part)
            .execution_options(synchronize_session=False)
        )
        was_last = owed.returned_minor + part == owed.allocated_minor
        was_delivered = owed.delivery == Delivery.DELIVERED
        if was_last:
            self._end(session, owed, reason, charged_back=charged_back)
            self.end_idle_refunds(session, Refund.obligation_id == owed.id)
        else:
            self._note(session, owed, "obligation.returned", amount=part, reason=reason)
        return Share(owed.id, part, was_last, was_delivered)

    def _end(self, session: Session, owed: Obligation, reason: str, *, charged_back: bool) -> None:
        """All of the money has left: go through the states to the last one."""
        taken = charged_back and owed.money != Money.REFUNDING
        last = Money.CHARGED_BACK if taken else Money.REFUNDED
        path = {
            Money.KEPT: [Money.DISPUTED if taken else Money.REFUNDING, last],
            Money.DISPUTED: [last] if taken else [Money.KEPT, Money.REFUNDING, last],
            Money.REFUNDING: [last],
        }[Money(owed.money)]
        for step in path[:-1]:
            MONEY.move(session, Obligation.money, Obligation.id == owed.id, step)
        also = {"reason": reason} if reason and not owed.reason else {}
        MONEY.move(
            session, Obligation.money, Obligation.id == owed.id, last, disputed_at=None,
            **abandonment(self._clock.now()), **also,
        )  # fmt: skip
        self._note(session, owed, f"obligation.{last}", reason=reason)

    def _disputed(self, session: Session, owed: Obligation) -> bool:
        if owed.money != Money.KEPT:
            return False
        moved = MONEY.move(
            session, Obligation.money, Obligation.id == owed.id, Money.DISPUTED, disputed_at=self._clock.now()
        )
        if moved:
            self._note(session, owed, "obligation.disputed")
        return moved

    def _note(self, session: Session, owed: Obligation, event: str, **data: Any) -> None:
        audit.record(session, self._clock, event, owed.id, owed.order_id, **data)
