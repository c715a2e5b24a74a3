"""One shop for everybody who means it no good, and the proof that nothing came of it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.shops import Customer, Shop


@pytest.fixture(scope="package")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    """A shop that stays up through all of it."""
    with Shop(tmp_path_factory.mktemp("hostile")) as running:
        yield running


def ledger(shop: Shop) -> list[dict[str, Any]]:
    """Every movement of money that the provider knows of."""
    return list(shop.provider.http.get("/v1/ledger").json()["entries"])


@dataclass(frozen=True)
class Victim:
    """A customer with a draft that could be sold as it stands."""

    customer: Customer
    draft: str

    @property
    def at(self) -> str:
        """The draft's address."""
        return f"/api/v1/drafts/{self.draft}"

    def seen(self) -> dict[str, Any]:
        """The draft as its owner sees it, but for its age."""
        found: dict[str, Any] = self.customer.expect(200, "GET", self.at)
        return {name: value for name, value in found.items() if name not in ("version", "expires_at")}

    def orders(self) -> list[dict[str, Any]]:
        """What the customer has ordered."""
        return list(self.customer.expect(200, "GET", "/api/v1/orders"))

    def buys(self) -> None:
        """After whatever was tried: the draft is sold, paid once and delivered."""
        number = self.customer.checkout(self.draft)["number"]
        self.customer.shop.provider.act(self.customer.payable(number)["ref"])
        order = self.customer.at_rest(number)
        assert order["state"] == "delivered"
        assert self.customer.shop.provider.kept(order["payment"]["id"]) == order["total"]["minor"]


@pytest.fixture(scope="module")
def victim(shop: Shop, poster_files: dict[str, Path]) -> Victim:
    """Somebody who has a draft, a title on it, and no orders."""
    customer = shop.customer()
    return Victim(customer, customer.draft(poster_files, title="Ours"))


@pytest.fixture
def unharmed(shop: Shop, victim: Victim) -> Iterator[Victim]:
    """The victim, who afterwards has all that there was before: the draft as it was, no order, no charge."""
    draft, orders, money = victim.seen(), victim.orders(), ledger(shop)
    yield victim
    assert victim.seen() == draft
    assert victim.orders() == orders
    assert ledger(shop) == money
