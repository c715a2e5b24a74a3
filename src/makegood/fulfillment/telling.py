"""What the customer is told about a delivery: a row in the outbox, in the transaction that delivers."""

from __future__ import annotations

from sqlalchemy.orm import Session

from makegood.fulfillment.models import Grant
from makegood.fulfillment.units import artefacts_of
from makegood.notify.letters import Delivered, DeliveredUnit, Download, Page
from makegood.notify.mails import Mailer
from makegood.orders.links import Links
from makegood.orders.models import Order
from makegood.orders.reading import obligations_of
from makegood.orders.states import OPEN_DELIVERY
from makegood.product_api import Product, UnitView
from makegood.storage.assets import Asset


class Telling:
    """Delivery notices."""

    def __init__(self, mailer: Mailer, links: Links) -> None:
        self._mailer, self._links = mailer, links

    def delivered(self, session: Session, order: Order, grant: Grant, product: Product, unit: UnitView) -> None:
        """The unit is ready: its downloads, its pages, and the order's page."""
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
            order_number=order.number, order_url=self._links.order(order), units=(done,), remaining=still_made
        )
        self._mailer.post(
            session, key=f"delivered/{grant.obligation_id}", to=order.email, letter=letter, order_id=order.id
        )
