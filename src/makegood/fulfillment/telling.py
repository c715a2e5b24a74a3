"""What the customer is told about a delivery: a row in the outbox, in the transaction that delivers."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.orm import Session

from makegood.catalog.products import Products
from makegood.fulfillment.models import Grant
from makegood.fulfillment.units import files_of
from makegood.kernel.money import Money as Amount
from makegood.notify.letters import (
    Apology,
    Broken,
    Delivered,
    DeliveredUnit,
    Download,
    Page,
    Restored,
    apology_key,
)
from makegood.notify.mails import Mailer
from makegood.orders.links import Links
from makegood.orders.models import Obligation, Order, OrderLine, Refund, Unit
from makegood.orders.reading import obligations_of, unit_with_line
from makegood.orders.reversals import WHOLE
from makegood.orders.states import OPEN_DELIVERY, Delivery, Money
from makegood.product_api import Product

MOST_LISTED = 10
"""How many units a mail lists with their links; the order's page has them all."""


class Telling:
    """Delivery notices: one for each line of an order."""

    def __init__(self, mailer: Mailer, links: Links, products: Products) -> None:
        self._mailer, self._links, self._products = mailer, links, products

    def delivered(
        self, session: Session, order: Order, line: OrderLine, grant: Grant, unit: Unit, remaining: int
    ) -> None:
        """One unit is ready by itself: its downloads, its pages, and the order's page. `remaining` units of the order
        are still being made."""
        product = self._products.get(line.product_id)
        letter = Delivered(
            order_number=order.number, order_url=self._links.order(order), remaining=remaining,
            units=(self._ready(session, product, line, grant, unit),),
        )  # fmt: skip
        self._mailer.post(
            session, key=f"delivered/{grant.obligation_id}", to=order.email, letter=letter, order_id=order.id
        )

    def line_at_rest(self, session: Session, line_id: str) -> None:
        """Tell of a line of several units once the last of them is delivered or given back; before that, nothing."""
        line = session.get_one(OrderLine, line_id)
        query = (
            sa.select(Obligation, Unit, Grant).join(Unit, Unit.id == Obligation.unit_id)
            .join(Grant, Grant.obligation_id == Obligation.id, isouter=True)
            .where(Unit.order_line_id == line_id, Obligation.number == 0).order_by(Unit.unit_no)
            .execution_options(populate_existing=True)
        )  # fmt: skip
        rows = [(owed, unit, grant) for owed, unit, grant in session.execute(query)]
        if any(owed.delivery in OPEN_DELIVERY for owed, _, _ in rows) or not self._take(session, line_id):
            return
        ready = [
            (grant, unit)
            for owed, unit, grant in rows
            if owed.delivery == Delivery.DELIVERED and owed.money in (Money.KEPT, Money.DISPUTED)
        ]
        order = session.get_one(Order, line.order_id)
        back = _given_back(session, [owed for owed, _, _ in rows])
        if not ready:
            abandoned = [owed for owed, _, _ in rows if owed.delivery == Delivery.ABANDONED]
            # What an operator has ended is told of with its money, where there is any.
            failed = [o for o in abandoned if (o.error_code and o.id in back) or o.allocated_minor == 0]
            if failed:
                said = "" if failed[0].error_code else failed[0].reason or ""
                minor = sum(back.get(owed.id, 0) for owed in failed)
                self._apologise(session, order, line, failed[0], minor, said)
            return
        product = self._products.get(line.product_id)
        letter = Delivered(
            order_number=order.number, order_url=self._links.order(order),
            units=tuple(self._ready(session, product, line, grant, unit) for grant, unit in ready[:MOST_LISTED]),
            remaining=sum(o.delivery in OPEN_DELIVERY for o in obligations_of(session, order.id)),
            ready=len(ready), returned=len(back), ended=len(rows) - len(ready) - len(back),
        )  # fmt: skip
        self._mailer.post(session, key=f"delivered/{line.id}", to=order.email, letter=letter, order_id=order.id)

    def again(self, session: Session, owed: Obligation, grant: Grant, redelivery_id: str) -> None:
        """Fresh links to what was delivered before, because of this redelivery."""
        order, line, unit = self._whose(session, owed.unit_id)
        letter = Delivered(
            order_number=order.number, order_url=self._links.order(order), again=True,
            units=(self._ready(session, self._products.get(line.product_id), line, grant, unit),),
            remaining=sum(o.delivery in OPEN_DELIVERY for o in obligations_of(session, order.id)),
        )  # fmt: skip
        self._mailer.post(session, key=f"redelivered/{redelivery_id}", to=order.email, letter=letter, order_id=order.id)

    def sorry(self, session: Session, obligation: Obligation, reason: str = "") -> None:
        """What was paid for can't be delivered: why (an operator's `reason`, or what the work has said), and what
        happens to its money. One of several of a line waits for the others: `line_at_rest` tells."""
        order, line, _ = self._whose(session, obligation.unit_id)
        if line.quantity > 1 and obligation.number == 0:
            return
        amount = obligation.allocated_minor - obligation.returned_minor
        self._apologise(session, order, line, obligation, amount, reason)

    def _apologise(
        self, session: Session, order: Order, line: OrderLine, obligation: Obligation, minor: int, reason: str = ""
    ) -> None:
        others = any(
            o.id != obligation.id and o.delivery != Delivery.ABANDONED for o in obligations_of(session, order.id)
        )
        letter = Apology(
            order_number=order.number, order_url=self._links.order(order), title=line.description,
            # What the work says of money would be wrong where there is none.
            reason=reason or (obligation.reason or "" if minor else ""), others=others, test=order.test,
            amount=Amount(minor, order.currency), goodwill=obligation.number > 0,
        )  # fmt: skip
        key = apology_key(obligation.id)
        self._mailer.post(session, key=key, to=order.email, letter=letter, order_id=order.id)

    def restored(self, session: Session, owed: Obligation, grant: Grant) -> None:
        """What had failed after its delivery was made again, and the customer's files are new ones."""
        order, line, unit = self._whose(session, owed.unit_id)
        letter = Restored(
            order_number=order.number, order_url=self._links.order(order),
            unit=self._ready(session, self._products.get(line.product_id), line, grant, unit),
        )  # fmt: skip
        self._mailer.post(
            session, key=f"restored/{owed.id}/{grant.attempt}", to=order.email, letter=letter, order_id=order.id
        )

    def broken(self, session: Session, commitment_id: str, unit_id: str, returned_minor: int) -> None:
        """What was to be kept for a while can't be; the unused share of what was paid goes back."""
        order, line, _ = self._whose(session, unit_id)
        letter = Broken(
            order_number=order.number, order_url=self._links.order(order), what=line.description,
            amount=Amount(returned_minor, order.currency), test=order.test,
        )  # fmt: skip
        self._mailer.post(session, key=f"broken/{commitment_id}", to=order.email, letter=letter, order_id=order.id)

    def broken_reason(self, session: Session, unit_id: str) -> str:
        """Why a share goes back, in a sentence for the customer."""
        _, line, _ = self._whose(session, unit_id)
        return f"We could not keep this going until its end: {line.description}. You get back what was not used."

    def _whose(self, session: Session, unit_id: str) -> tuple[Order, OrderLine, Unit]:
        unit, line, order = unit_with_line(session, unit_id)
        return order, line, unit

    def _take(self, session: Session, line_id: str) -> bool:
        """Whether it is this call that is to tell."""
        taken = session.execute(
            sa.update(OrderLine).where(OrderLine.id == line_id, OrderLine.untold).values(untold=False)
            .execution_options(synchronize_session=False)
        )  # fmt: skip
        return bool(taken.rowcount == 1)  # type: ignore[attr-defined]

    def _ready(self, session: Session, product: Product, line: OrderLine, grant: Grant, unit: Unit) -> DeliveredUnit:
        made = files_of(session, grant.obligation_id, grant.attempt)
        codes = {code.purpose: code.code for code in unit.codes}
        return DeliveredUnit(
            title=f"{unit.unit_no} · {line.description}" if line.quantity > 1 else line.description,
            downloads=tuple(
                Download(file.file_name, file.size, self._links.download(grant.token, row.name))
                for row, file in made
                if row.facts.get("shown", True)
            ),
            pages=tuple(Page(label, self._links.public(path)) for label, path in product.pages(codes).items()),
            expires_at=grant.expires_at,
        )


def _given_back(session: Session, obligations: list[Obligation]) -> dict[str, int]:
    """Of which we give the money back, and how much. What a bank or the provider's dashboard took is not ours to
    promise."""
    whole = sa.select(Refund.obligation_id, Refund.amount_minor).where(
        Refund.obligation_id.in_([owed.id for owed in obligations]), Refund.key == WHOLE
    )
    recorded = {str(obligation_id): minor for obligation_id, minor in session.execute(whole)}
    amounts = {
        owed.id: recorded.get(owed.id) or (owed.allocated_minor - owed.returned_minor)
        for owed in obligations
        if owed.money == Money.REFUNDING or (owed.money == Money.REFUNDED and recorded.get(owed.id))
    }
    return {obligation_id: minor for obligation_id, minor in amounts.items() if minor > 0}
