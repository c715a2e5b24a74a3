"""What the customer is told about money: rows in the outbox, in the transaction that they tell about."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

import sqlalchemy as sa
from sqlalchemy.orm import Session

from makegood.kernel.clock import Clock
from makegood.kernel.money import Money
from makegood.notify.letters import Line, Receipt, Refunded, apology_key
from makegood.notify.mails import Mailer
from makegood.notify.models import Mail
from makegood.orders.links import Links
from makegood.orders.models import Obligation, Order, OrderLine, Refund, Unit
from makegood.orders.reversals import WHOLE
from makegood.orders.states import OPEN_DELIVERY
from makegood.orders.states import Money as MoneyState
from makegood.payments.provider import ProviderRefund

REASONS = {
    "ORDER_ALREADY_PAID": "Your order was paid for twice, so the second payment goes back to you.",
    "AMOUNT_DIFFERS": "The amount that arrived is not the order's, so it goes back to you.",
    "CURRENCY_DIFFERS": "The payment came in another currency than the order's, so it goes back to you.",
    "REFERENCE_DIFFERS": "The payment was made for something else, so it goes back to you.",
    "INPUTS_RELEASED": "The payment came after your order had been closed, so it goes back to you.",
}
LONGEST_UNTOLD = timedelta(hours=1)
MOST_REASONS = 3
"""How many a mail gives; the order's page says of each unit what happened to it."""


class Telling:
    """Receipts and refund notices."""

    def __init__(self, mailer: Mailer, links: Links, clock: Clock) -> None:
        self._mailer, self._links, self._clock = mailer, links, clock

    def paid(self, session: Session, order: Order) -> None:
        """The receipt."""

        def money(minor: int) -> Money:
            return Money(minor, order.currency)

        letter = Receipt(
            order_number=order.number,
            order_url=self._links.order(order),
            lines=tuple(
                Line(line.description, line.quantity, money(_before_tax(line) * line.quantity)) for line in order.lines
            ),
            total=money(order.total_minor),
            discount=money(order.discount_minor),
            tax=money(order.tax_minor),
            test=order.test,
        )
        self._mailer.post(session, key=f"receipt/{order.id}", to=order.email, letter=letter, order_id=order.id)

    def refunded(self, session: Session, order: Order, refund: Refund) -> None:
        """Money is on its way back, and why. Of one unit of several `line_refunded` tells, when it knows of all."""
        quantity = sa.select(OrderLine.quantity).join(Unit, Unit.order_line_id == OrderLine.id)
        quantity = quantity.join(Obligation, Obligation.unit_id == Unit.id)
        of_it = (Obligation.id == refund.obligation_id, Obligation.number == 0)
        if refund.key == WHOLE and (session.scalar(quantity.where(*of_it)) or 1) > 1:
            refund.untold = True
            return
        self._refunded(session, order, [refund])

    def line_refunded(self, session: Session, line_id: str) -> None:
        """Tell of what has gone back of a line of several units, in one mail: once no more of it is about to, or once
        the first has waited for an hour."""
        units = sa.select(Obligation.id).join(Unit, Unit.id == Obligation.unit_id)
        units = units.where(Unit.order_line_id == line_id, Obligation.number == 0)
        untold = sa.select(Refund.id).where(Refund.untold, Refund.obligation_id.in_(units))
        overdue = untold.where(Refund.settled_at < self._clock.now() - LONGEST_UNTOLD)
        if session.scalar(_about_to_go(units).limit(1)) and not session.scalar(overdue.limit(1)):
            return
        taken = sa.update(Refund).where(Refund.id.in_(untold), Refund.untold).values(untold=False).returning(Refund)
        refunds = session.scalars(taken, execution_options={"synchronize_session": False}).all()
        if refunds:
            order = session.get_one(Order, session.get_one(OrderLine, line_id).order_id)
            self._refunded(session, order, sorted(refunds, key=lambda refund: refund.id))

    def _refunded(self, session: Session, order: Order, refunds: Sequence[Refund]) -> None:
        """The apology is left to the mail that brought the bad news, if one did."""
        first = refunds[0]
        apologies = [apology_key(refund.obligation_id) for refund in refunds if refund.obligation_id]
        told = session.scalar(sa.select(Mail.id).where(Mail.key.in_(apologies)).limit(1))
        reasons = list(dict.fromkeys(REASONS.get(refund.reason) or refund.reason for refund in refunds))
        letter = Refunded(
            order_number=order.number,
            order_url=self._links.order(order),
            amount=Money(sum(refund.amount_minor for refund in refunds), first.currency),
            parts=len(refunds),
            reasons=tuple(reasons[:MOST_REASONS]),
            our_fault=first.obligation_id is not None and told is None,
            test=order.test,
        )
        self._mailer.post(session, key=f"refunded/{first.id}", to=order.email, letter=letter, order_id=order.id)

    def refunded_elsewhere(
        self, session: Session, order: Order, provider: str, refund: ProviderRefund, *, ends_work: bool
    ) -> None:
        """Money was given back in the provider's dashboard. `ends_work`: something is not made any more by that."""
        reason = "We have returned this money to you."
        if ends_work:
            reason += " What was paid with it and not finished yet is not made any more."
        letter = Refunded(
            order_number=order.number, order_url=self._links.order(order),
            amount=Money(refund.amount_minor, refund.currency), reasons=(reason,), our_fault=False, test=order.test,
        )  # fmt: skip
        key = f"refunded/{provider}/{refund.ref}"
        self._mailer.post(session, key=key, to=order.email, letter=letter, order_id=order.id)


def _about_to_go(units: sa.Select[str]) -> sa.Select[str]:
    """Of these obligations, those of which a refund may come any moment: still made, or about to be asked for. One that
    the provider has, or refuses, can take days."""
    tried = sa.exists().where(Refund.obligation_id == Obligation.id, Refund.last_error.is_not(None))
    going = sa.and_(Obligation.money == MoneyState.REFUNDING, ~tried)
    return sa.select(Obligation.id).where(
        Obligation.id.in_(units), sa.or_(Obligation.delivery.in_(OPEN_DELIVERY), going)
    )  # fmt: skip


def _before_tax(line: OrderLine) -> int:
    """One unit's price as its lines say it."""
    return sum(int(part["unit_minor"]) for part in line.price)
