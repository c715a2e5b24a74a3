"""What the customer is told about a delivery: a row in the outbox, in the transaction that delivers."""

from __future__ import annotations

from sqlalchemy.orm import Session

from makegood.fulfillment.models import Grant
from makegood.fulfillment.units import artefacts_of
from makegood.kernel.money import Money
from makegood.notify.letters import Apology, Delivered, DeliveredUnit, Download, Page, apology_key
from makegood.notify.mails import Mailer
from makegood.orders.links import Links
from makegood.orders.models import Obligation, Order
from makegood.orders.reading import obligations_of, unit_with_line
from makegood.orders.states import OPEN_DELIVERY, Delivery
from makegood.product_api import Product, UnitView
from makegood.storage.assets import Asset


class Telling:
    """Delivery notices."""

    def __init__(self, mailer: Mailer, links: Links) -> None:
        self._mailer, self._links = mailer, links

    def delivered(
        self, session: Session, order: Order, grant: Grant, product: Product, unit: UnitView, again: str = ""
    ) -> None:
        """The unit is ready: its downloads, its pages, and the order's page. `again` is the redelivery that this tells
        of, if it is one."""
        rows = [r for r in artefacts_of(session, grant.obligation_id, grant.attempt) if r.facts.get("shown", True)]
        files = {row.name: session.get_one(Asset, row.asset_id) for row in rows}
        done = DeliveredUnit(
            title=product.describe(unit.options),
            downloads=tuple(
                Download(file.file_name, file.size, self._links.download(grant.token, name))
                for name, file in files.items()
            ),
            pages=tuple(Page(label, self._links.public(path)) for label, path in product.pages(unit.codes).items()),
            expires_at=grant.expires_at,
        )
        still_made = sum(o.delivery in OPEN_DELIVERY for o in obligations_of(session, order.id))
        letter = Delivered(
            order_number=order.number, order_url=self._links.order(order), units=(done,), remaining=still_made,
            again=bool(again),
        )  # fmt: skip
        key = f"redelivered/{again}" if again else f"delivered/{grant.obligation_id}"
        self._mailer.post(session, key=key, to=order.email, letter=letter, order_id=order.id)

    def sorry(self, session: Session, obligation: Obligation) -> None:
        """What was paid for can't be delivered: why, and what happens to its money."""
        _, line, order = unit_with_line(session, obligation.unit_id)
        others = any(
            o.id != obligation.id and o.delivery != Delivery.ABANDONED for o in obligations_of(session, order.id)
        )
        letter = Apology(
            order_number=order.number, order_url=self._links.order(order), title=line.description,
            reason=obligation.reason or "", others=others, test=order.test,
            amount=Money(obligation.allocated_minor - obligation.returned_minor, order.currency),
        )  # fmt: skip
        key = apology_key(obligation.id)
        self._mailer.post(session, key=key, to=order.email, letter=letter, order_id=order.id)
