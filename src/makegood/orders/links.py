"""The addresses under which an order is found again, by its owner and from its mails."""

from __future__ import annotations

from makegood.kernel.settings import Settings
from makegood.kernel.signing import Signer
from makegood.orders.models import Order


class Links:
    """Absolute public addresses."""

    def __init__(self, settings: Settings, signer: Signer) -> None:
        self._base, self._signer = settings.public_address, signer

    def public(self, path: str) -> str:
        """The absolute address of a path of this shop."""
        return f"{self._base}{path}"

    def order(self, order: Order) -> str:
        """The order's page for whoever holds this link, as it stands in mails."""
        return self.public(f"/orders/{order.number}?key={self._signer.token('order', order.id)}")

    def opens_order(self, order: Order, key: str) -> bool:
        """Whether `key` is the one of the order's link."""
        return self._signer.opens("order", order.id, key)

    def order_return(self, order: Order) -> str:
        """Where the payment provider sends the customer back to: perhaps in another browser than they ordered in."""
        return f"{self.order(order)}&paid=1"

    def order_cancel(self, order: Order) -> str:
        """Where the payment provider sends a customer who doesn't pay."""
        return self.order(order)

    def download(self, grant_token: str, name: str) -> str:
        """The address of one artefact."""
        return self.public(f"/d/{grant_token}/{name}")
