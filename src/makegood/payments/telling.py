"""What the customer is told about money: rows in the outbox, in the transaction that they tell about."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.orm import Session

from makegood.kernel.money import Money
from makegood.notify.letters import Line, Receipt, Refunded, apology_key
from makegood.notify.mails import Mailer
from makegood.notify.models import Mail
from makegood.orders.links import Links
from makegood.orders.models import Order, OrderLine, Refund
from makegood.payments.provider import ProviderRefund

REASONS = {
    "ORDER_ALREADY_PAID": "Your order was paid for twice, so the second payment goes back to you.",
    "AMOUNT_DIFFERS": "The amount that arrived is not the order's, so it goes back to you.",
    "CURRENCY_DIFFERS": "The payment came in another currency than the order's, so it goes back to you.",
    "REFERENCE_DIFFERS": "The payment was made for something else, so it goes back to you.",
    "INPUTS_RELEASED": "The payment came after your order had been closed, so it goes back to you.",
}


class Telling:
    """Receipts and refund notices."""

    def __init__(self, mailer: Mailer, links: Links) -> None:
        self._mailer, self._links = mailer, links

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
        """Money is on its way back, and why; the apology is left to the mail that brought the bad news, if one did."""
        if refund.amount_minor == 0:
            return
        told = session.scalar(sa.select(Mail.id).where(Mail.key == apology_key(refund.obligation_id or "")))
        letter = Refunded(
            order_number=order.number,
            order_url=self._links.order(order),
            amount=Money(refund.amount_minor, refund.currency),
            reason=REASONS.get(refund.reason) or refund.reason,
            our_fault=refund.obligation_id is not None and told is None,
            test=order.test,
        )
        self._mailer.post(session, key=f"refunded/{refund.id}", to=order.email, letter=letter, order_id=order.id)

    def refunded_elsewhere(
        self, session: Session, order: Order, provider: str, refund: ProviderRefund, *, ends_work: bool
    ) -> None:
        """Money was given back in the provider's dashboard. `ends_work`: something is not made any more by that."""
        reason = "We have returned this money to you."
        if ends_work:
            reason += " What was paid with it and not finished yet is not made any more."
        letter = Refunded(
            order_number=order.number, order_url=self._links.order(order),
            amount=Money(refund.amount_minor, refund.currency), reason=reason, our_fault=False, test=order.test,
        )  # fmt: skip
        key = f"refunded/{provider}/{refund.ref}"
        self._mailer.post(session, key=key, to=order.email, letter=letter, order_id=order.id)


def _before_tax(line: OrderLine) -> int:
    """One unit's price as its lines say it."""
    return sum(int(part["unit_minor"]) for part in line.price)
