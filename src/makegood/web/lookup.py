"""Finding an order again by its number and the address it was made with."""

from __future__ import annotations

from makegood.accounts.limits import LOOKUPS_PER_ADDRESS, LOOKUPS_PER_EMAIL
from makegood.notify.letters import OrderLink
from makegood.orders.reading import find
from makegood.web.services import Services


def send_order_link(shop: Services, number: str, email: str, address: str) -> None:
    """Mail the order's link to the address that it was made with, if `email` is that address.
    `address` is the caller's network address; too many tries raise `TooManyTries`."""
    with shop.database.write() as session:
        order = find(session, number)
        if order is None or order.email.casefold() != email.strip().casefold():
            return
        shop.limits.take(session, (LOOKUPS_PER_EMAIL, order.email), (LOOKUPS_PER_ADDRESS, address))
        shop.mailer.post(
            session, key=f"order-link/{order.id}/{shop.clock.now():%Y%m%d%H%M}", to=order.email, order_id=order.id,
            letter=OrderLink(order_number=order.number, order_url=shop.links.order(order)),
        )  # fmt: skip
