"""Who comes to the shop while it burns: customers who buy, banks that dispute, clerks who refund."""

from __future__ import annotations

import random
import threading
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar

import httpx

from makegood.testing import Customer
from tests.chaos.world import World

T = TypeVar("T")
PATIENCE_SECONDS = 240.0
TOO_LATE = "The payment is expired."
"""What the provider says to who comes back after the shop was away for longer than a payment waits."""
TERM_SECONDS = 60.0
"""For how long a mailbox is promised. All that stand are looked at every few seconds."""
WEBHOOKS = ["normal"] * 6 + ["twice", "before_redirect", "after", "out_of_order", "bad_signature", "never", "never"]
OUTCOMES = ["success"] * 17 + ["delayed_success", "decline", "abandon"]


@dataclass
class Purchase:
    """What one customer wanted and did, and what outsiders did to it on purpose: the causes of refunds."""

    index: int
    customer: Customer
    product: str
    quantity: int
    options: dict[str, Any]
    email: str
    number: str = ""
    reference: str = ""
    total: int = 0
    tried: str = ""
    causes: list[str] = field(default_factory=list)
    gave_up: str = ""


def wanted(world: World, chance: random.Random, index: int) -> Purchase:
    """What the customer number `index` comes for."""
    product = chance.choices(["notes", "stickers", "tunes", "mailboxes"], [12, 2, 3, 3])[0]
    quantity, options = 1, {}
    if product == "notes":
        quantity, options = chance.choice([1, 1, 1, 2]), {"text": f"note {index}"}
    if product == "stickers":
        quantity = chance.choice([5, 12, 30])
        options = {"later": [2], "never": [3] if chance.random() < 0.5 else []}
    if product == "mailboxes":
        options = {"seconds": TERM_SECONDS}
    if product == "tunes":
        options = {"notes": chance.randint(4, 20)}
    return Purchase(index, world.shop.customer(), product, quantity, options, f"customer-{index}@example.com")


class Buyer:
    """Goes the customer's way over HTTP and comes back whenever the shop does not answer."""

    def __init__(self, world: World, chance: random.Random, purchase: Purchase) -> None:
        self._world, self._chance, self._it = world, chance, purchase

    def buy(self) -> None:
        """Draft, quote, order, pay. What the customer can't finish within their patience is noted, not raised."""
        try:
            self._order()
            self._pay()
        except ImpatientError as error:
            self._it.gave_up = str(error)

    def _order(self) -> None:
        it, key = self._it, uuid.uuid4().hex
        draft = self._again(lambda: it.customer.draft({}, it.product, **it.options))

        def made() -> None:
            # What could not be made for free, with the store away, is asked for again.
            if it.product == "tunes":
                it.customer.http.post(f"/api/v1/drafts/{draft}/job").raise_for_status()

        def place() -> dict[str, Any]:
            made()
            return it.customer.checkout(draft, key=key, email=it.email, quote=quote)

        def price() -> str:
            made()
            return it.customer.quote(draft, quantity=it.quantity)

        quote = self._again(price)
        placed = self._again(place)
        it.number, it.total = str(placed["number"]), int(placed["total"]["minor"])
        it.reference = str(self._again(lambda: it.customer.order(it.number))["payment"]["id"])

    def _pay(self) -> None:
        it, provider = self._it, self._world.shop.provider
        outcome, webhook = self._chance.choice(OUTCOMES), self._chance.choice(WEBHOOKS)
        seen = self._again(lambda: _one(provider.payments(it.reference)))
        it.tried = outcome
        more: dict[str, Any] = {"delay": 1.0} if outcome == "delayed_success" else {}

        def act() -> None:
            if not any(payment["amount_captured"] for payment in provider.payments(it.reference)):
                provider.act(seen["id"], outcome, webhook, webhook_delay=self._chance.uniform(0.2, 2), **more)

        self._again(act)
        if outcome == "decline":
            # The customer takes another card.
            it.tried = "decline, success"
            self._again(lambda: provider.act(seen["id"], "success", webhook))

    def _again(self, act: Callable[[], T]) -> T:
        """Try until it goes well: what a person with a browser does."""
        end, last = time.monotonic() + PATIENCE_SECONDS, ""
        while time.monotonic() < end:
            try:
                return act()
            except (httpx.HTTPError, AssertionError, KeyError, LookupError) as error:
                last = f"{type(error).__name__}: {error}"
                if TOO_LATE in last:
                    break
                time.sleep(0.5)
        raise ImpatientError(last[:300])


class ImpatientError(Exception):
    """The shop did not answer within a customer's patience."""


def _one(found: list[dict[str, Any]]) -> dict[str, Any]:
    if not found:
        raise LookupError("the provider was not asked yet")
    return found[0]


class Outsiders:
    """Banks and clerks: what happens to a payment without the shop being asked."""

    def __init__(self, world: World, chance: random.Random) -> None:
        self._world, self._chance = world, chance

    def meddle(self, purchase: Purchase) -> None:
        """Perhaps refund from the dashboard, dispute, or pay a second time."""
        roll = self._chance.random()
        ref = self._captured(purchase)
        if ref is None or roll > 0.12:
            return
        provider, webhook = self._world.shop.provider, self._chance.choice(["normal", "never", "twice"])
        where = f"/v1/test/payments/{ref}"
        if roll < 0.03:
            self._say(purchase, "dashboard refund", f"{where}/refund_from_dashboard", webhook=webhook)
        elif roll < 0.06:
            amount = max(1, purchase.total // 3)
            self._say(purchase, "part refund", f"{where}/refund_from_dashboard", webhook=webhook, amount=amount)
        elif roll < 0.12:
            if not self._say(purchase, "dispute", f"{where}/dispute", action="open", webhook=webhook):
                return
            end = "lost" if roll < 0.09 else "won"

            def close() -> None:
                time.sleep(self._chance.uniform(0.5, 4))
                for _ in range(60):
                    try:
                        body = {"action": "close", "outcome": end, "webhook": webhook}
                        if provider.http.post(f"{where}/dispute", json=body).status_code < 500:
                            break
                    except httpx.HTTPError:
                        pass
                    time.sleep(1)

            threading.Thread(target=close, daemon=False).start()

    def _captured(self, purchase: Purchase) -> str | None:
        try:
            found = self._world.shop.provider.payments(purchase.reference)
        except (httpx.HTTPError, KeyError, ValueError):
            return None
        return next((str(payment["id"]) for payment in found if payment["amount_captured"]), None)

    def _say(self, purchase: Purchase, cause: str, where: str, **body: Any) -> bool:
        try:
            answer = self._world.shop.provider.http.post(where, json=body)
        except httpx.HTTPError:
            # It may have been done all the same.
            purchase.causes.append(cause)
            return False
        if answer.status_code < 300:
            purchase.causes.append(cause)
        return answer.status_code < 300
