"""A shop that sells paper boats, somebody who buys them, and what outsiders see of the money."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from tests.shops import Customer, Shop, until

PRICE = 250
PLUGINS = Path(__file__).parent / "plugins"
SOON = {"MAKEGOOD_RECONCILE_SECONDS": "0.5"}


def boat_shop(folder: Path, **env: str) -> Shop:
    """A shop in whose environment paper boats are installed; it reconciles all the time."""
    about = folder / "installed" / "paper_boats-1.0.dist-info"
    about.mkdir(parents=True)
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: paper-boats\nVersion: 1.0\n")
    (about / "entry_points.txt").write_text("[makegood.products]\npaper-boat = paper_boats:product\n")
    path = [str(about.parent), str(PLUGINS), os.environ.get("PYTHONPATH")]
    return Shop(folder, PYTHONPATH=os.pathsep.join(filter(None, path)), **{**SOON, **env})


@dataclass(frozen=True)
class Bought:
    """An order of boats. `ref` is the provider's id of its payment, `reference` ours."""

    customer: Customer
    number: str
    ref: str
    reference: str
    name: str

    @classmethod
    def order(cls, shop: Shop, name: str, quantity: int = 1) -> Self:
        """Ordered, and not paid yet."""
        customer = shop.customer()
        number = customer.checkout(customer.draft({}, "paper-boat", name=name), quantity=quantity)["number"]
        order = customer.payable(number)
        return cls(customer, number, order["ref"], order["payment"]["id"], name)

    @classmethod
    def delivered(cls, shop: Shop, name: str, quantity: int = 1) -> Self:
        """Paid and delivered."""
        bought = cls.order(shop, name, quantity)
        shop.provider.act(bought.ref)
        assert bought.at_rest()["state"] == "delivered"
        return bought

    @classmethod
    def held(cls, shop: Shop, name: str, quantity: int = 1) -> Self:
        """Paid and being made until `let_go`."""
        bought = cls.order(shop, name, quantity)
        bought.hold.touch()
        shop.provider.act(bought.ref)
        until(lambda: all(u["delivery"] == "making" for u in bought.seen()["units"]), 30, "the making")
        return bought

    @property
    def hold(self) -> Path:
        return self.customer.shop.home / f"hold-{self.name}"

    def let_go(self) -> None:
        """Whatever is still owed can be made now."""
        self.hold.unlink()

    def seen(self) -> dict[str, Any]:
        return self.customer.order(self.number)

    def at_rest(self) -> dict[str, Any]:
        return self.customer.at_rest(self.number)

    def comes_to(self, **expected: Any) -> dict[str, Any]:
        """The order once its first unit has these values."""

        def has() -> dict[str, Any] | None:
            order = self.seen()
            return order if expected.items() <= order["units"][0].items() else None

        return dict(until(has, 30, f"{self.number} coming to {expected}"))

    def returned(self) -> list[int]:
        """What the shop says has gone back of each unit."""
        return [unit["returned"]["minor"] for unit in self.seen()["units"]]

    def went_back(self) -> int:
        """What the provider says has gone back, given or charged back."""
        payments = self.customer.shop.provider.payments(self.reference)
        return sum(p["amount_refunded"] + p["amount_charged_back"] for p in payments)

    def mails(self, kind: str) -> int:
        """How many mails of a kind there are about this order."""
        with sqlite3.connect(self.customer.shop.home / "shop.db") as database:
            query = (
                'SELECT count(*) FROM mail m JOIN "order" o ON o.id = m.order_id WHERE o.number = ? AND m.key LIKE ?'
            )
            return int(database.execute(query, (self.number, f"{kind}/%")).fetchone()[0])


def refund_in_dashboard(shop: Shop, ref: str, amount: int | None = None, webhook: str = "normal") -> None:
    """What an operator does in the provider's own pages."""
    body = {"webhook": webhook} | ({"amount": amount} if amount else {})
    answer = shop.provider.http.post(f"/v1/test/payments/{ref}/refund_from_dashboard", json=body)
    assert answer.status_code == 201, answer.text


def dispute(shop: Shop, ref: str, webhook: str = "normal", **more: Any) -> None:
    """What a cardholder's bank does."""
    answer = shop.provider.http.post(f"/v1/test/payments/{ref}/dispute", json={"webhook": webhook, **more})
    assert answer.status_code in (200, 201), answer.text


def refuse_refunds(shop: Shop, ref: str, times: int = 10_000, **more: Any) -> None:
    """Let our own requests for refunds of this payment fail."""
    fault = {"next": times, "kind": "500", "method": "POST", "path_prefix": f"/v1/payments/{ref}/refunds", **more}
    assert shop.provider.http.post("/v1/test/faults", json=fault).status_code == 201


def heal(shop: Shop) -> None:
    """No more faults."""
    shop.provider.http.delete("/v1/test/faults")


def refunds_at_the_provider(shop: Shop, ref: str) -> list[int]:
    """The amounts of the refunds that succeeded there, in their order."""
    found = shop.provider.http.get("/v1/refunds", params={"payment": ref, "limit": 100}).json()["data"]
    return [refund["amount"] for refund in found if refund["status"] == "succeeded"]


def command(shop: Shop, *words: str, **env: str) -> tuple[int, str]:
    """`makegood …` beside the shop: exit code, and what it printed."""
    done = subprocess.run(
        [sys.executable, "-m", "makegood.cli", *words], env={**shop.env, **env}, capture_output=True, text=True,
        check=False,
    )  # fmt: skip
    return done.returncode, done.stdout + done.stderr


def reconcile(shop: Shop, *words: str) -> tuple[int, dict[str, Any]]:
    """`makegood reconcile --json`."""
    code, printed = command(shop, "reconcile", "--json", *words)
    return code, json.loads(printed)
