"""Finding an order again by its number and the address it was made with."""

from __future__ import annotations

from sqlalchemy.orm import Session

from makegood.accounts.emails import read_email
from makegood.accounts.errors import EmailInvalid, TooManyTries
from makegood.accounts.limits import LOOKUP_MAILS_PER_EMAIL, LOOKUPS_PER_ADDRESS, LOOKUPS_PER_PAIR
from makegood.notify.letters import OrderLink
from makegood.orders.models import Order
from makegood.orders.reading import find, read_number
from makegood.web.services import Services


def send_order_link(shop: Services, number: str, email: str, address: str) -> None:
    """Mail the order's link to the address that it was made with, if `email` is that address. `address` is the caller's
    network address; too many tries raise `TooManyTries`, whether or not there is such an order."""
    typed = _read(email)
    with shop.database.write() as session:
        # Before anything is looked for: else the limit itself would tell who bought.
        pair = f"{read_number(number)}\0{typed}"
        shop.limits.take(session, (LOOKUPS_PER_PAIR, pair), (LOOKUPS_PER_ADDRESS, address))
        order = find(session, number)
        if order is not None and order.email == typed and _may_be_mailed(shop, session, order):
            shop.mailer.post(
                session, key=f"order-link/{order.id}/{shop.clock.now():%Y%m%d%H%M}", to=order.email,
                order_id=order.id, letter=OrderLink(order_number=order.number, order_url=shop.links.order(order)),
            )  # fmt: skip


def _read(email: str) -> str:
    """The address in the form in which orders keep it; what is none is counted like one."""
    try:
        return read_email(email)
    except EmailInvalid:
        return email.strip().casefold()


def _may_be_mailed(shop: Services, session: Session, order: Order) -> bool:
    """Count a mail, unless its reader had enough of them, which is nobody else's to know."""
    try:
        shop.limits.take(session, (LOOKUP_MAILS_PER_EMAIL, order.email))
    except TooManyTries:
        return False
    return True
