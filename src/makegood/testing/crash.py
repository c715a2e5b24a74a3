"""The crash kit: kill -9 before, after and between whatever a product does; delivered once, charged once.

@pytest.mark.parametrize("place", own_places(product))
def test_it_survives_a_kill(shop, place): CrashKit(shop, "notes", Example({"text": "hello"})).survive(place)
"""

from __future__ import annotations

import uuid
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import httpx

from makegood.product_api import Product
from makegood.testing.bench import Example, Workbench
from makegood.testing.servers import REST_SECONDS, until
from makegood.testing.shop import Shop

T = TypeVar("T")

MOMENTS = ("before", "after", "recorded")
PLATFORM_STEPS = ("claim", "secure", "verify", "grant")
BEFORE_MAKING = (
    "request:before", "request:after", "settle:before", "settle:within", "settle:after", "inbox:before", "inbox:after",
    "handle:before", "handle:after", "mail:accepted",
)  # fmt: skip
PLATFORM_PLACES = (*BEFORE_MAKING, *(f"{step}:{moment}" for step in PLATFORM_STEPS for moment in MOMENTS))
"""Where the platform itself may be killed on the way from checkout to delivery, whatever is sold."""
JOB_PLACES = tuple(f"job.{step}:{moment}" for step in ("claim", "finish") for moment in MOMENTS)
"""And on the way of a job, for a product that has them."""

Counts = Mapping[str, tuple[int, int]]
"""By reference: how often a counterparty made and undid something."""


def own_places(product: Product) -> list[str]:
    """Before, after and after the record of each step of the product. That its labels name all of its steps is what
    the conformance kit sees to; `discovered` runs it once to look."""
    return [f"{product.manifest.id}.{name}:{moment}" for name in product.step_labels for moment in MOMENTS]


def discovered(product: Product, example: Example) -> list[str]:
    """The same, from one run of the product."""
    with Workbench(product, example) as bench:
        names = dict.fromkeys(name for name, _ in bench.make().steps)
    return [f"{name}:{moment}" for name in names for moment in MOMENTS]


class CrashKit:
    """Buys one example from a real shop, which is killed on the way. `outside` asks a counterparty what it has made and
    undone; mails are counted if the shop has a mail server."""

    def __init__(
        self, shop: Shop, product_id: str, example: Example, *, quantity: int = 1,
        outside: Callable[[], Counts] = dict,
    ) -> None:  # fmt: skip
        self.shop, self.product_id, self.example = shop, product_id, example
        self.quantity, self.outside = quantity, outside
        self._died = False

    def survive(self, place: str) -> dict[str, Any]:
        """One order, one kill at this place: delivered once, charged once, stored once, told under one Message-ID.
        Returns the order."""
        if self.shop.is_dead:
            self.shop.start()  # a test that failed while the shop was dead takes no other with it
        before, stored_before = self.outside(), self._stored()
        self._died = False
        self.shop.die_at(place)
        number, email = self._bought()
        order = self._customer.at_rest(number)
        self._delivered_once(order)
        self._charged_once(order)
        self._stored_once(stored_before)
        self._outside_once(before)
        self._told_once(order, email)
        return order

    def _bought(self) -> tuple[str, str]:
        """The number of a paid order, and the address it was made with; the shop has been killed once by then."""
        email = f"kim-{uuid.uuid4().hex[:12]}@example.com"
        self._customer = customer = self.shop.customer()
        draft = self._insist(lambda: customer.draft(dict(self.example.files), self.product_id, **self.example.options))
        if self._insist(lambda: customer.http.post(f"/api/v1/drafts/{draft}/job")).status_code != 404:
            self._insist(lambda: customer.made(draft))
        key, quote = uuid.uuid4().hex, self._insist(lambda: customer.quote(draft, quantity=self.quantity))
        number = self._insist(lambda: customer.checkout(draft, key=key, email=email, quote=quote))["number"]
        ref = self._insist(lambda: customer.payable(number))["ref"]
        self.shop.provider.act(ref)
        if not self._died:
            self._again()
        return number, email

    def _insist(self, work: Callable[[], T]) -> T:
        """A customer whose request dies with the shop comes back when the shop does."""
        try:
            return work()
        except httpx.HTTPError:
            if self._died:
                raise
            self._again()
            return work()

    def _again(self) -> None:
        self.shop.wait_for_death()
        self.shop.start()
        self._died = True

    def _delivered_once(self, order: dict[str, Any]) -> None:
        assert order["state"] == "delivered", order
        told = [entry for entry in order["timeline"] if entry["event"] == "obligation.delivered"]
        assert sum(entry["count"] for entry in told) == self.quantity, told
        for unit in order["units"]:
            assert unit["artefacts"], "nothing can be downloaded"
            for artefact in unit["artefacts"]:
                assert len(self._customer.http.get(artefact["url"]).content) == artefact["size"]

    def _charged_once(self, order: dict[str, Any]) -> None:
        reference = order["payment"]["id"]
        assert self.shop.provider.captures(reference) == 1
        assert self.shop.provider.kept(reference) == order["total"]["minor"]

    def _stored(self) -> set[str]:
        return {str(p.relative_to(self.shop.home / "objects")) for p in self._objects()}

    def _objects(self) -> list[Any]:
        return [path for path in (self.shop.home / "objects").rglob("*") if path.is_file()]

    def _stored_once(self, before: set[str]) -> None:
        """What was made is in the store once under each of its names."""
        shelves = Counter(key.rpartition("/")[0] for key in self._stored() - before)
        assert shelves, "nothing was stored"
        twice = {shelf: count for shelf, count in shelves.items() if count != 1}
        assert not twice, f"stored more than once: {twice}"

    def _outside_once(self, before: Counts) -> None:
        new = {reference: counts for reference, counts in self.outside().items() if before.get(reference) != counts}
        assert all(counts == (1, 0) for counts in new.values()), f"made and undone outside: {new}"
        if before or new:
            assert len(new) >= self.quantity, f"{len(new)} made outside for {self.quantity} units"

    def _told_once(self, order: dict[str, Any], email: str) -> None:
        """A receipt and a delivery notice; whichever came twice came under the same Message-ID."""
        server = self.shop.mail
        if server is None:
            return

        def all_came() -> bool:
            return len({str(mail["Subject"]) for mail in server.to(email)}) >= 2

        until(all_came, REST_SECONDS, f"receipt and delivery notice of {order['number']}")
        ids = defaultdict(set)
        for mail in server.to(email):
            ids[str(mail["Subject"])].add(str(mail["Message-ID"]))
        assert all(len(each) == 1 for each in ids.values()), f"told more than once: {dict(ids)}"
