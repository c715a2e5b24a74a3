"""The shop on the corner: it sells the samples and engravings, and what it keeps can be damaged behind its back."""

from __future__ import annotations

import hashlib
import hmac
import json
import re
import sqlite3
import time
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, Self

import httpx

from makegood.app import build
from makegood.catalog.products import Products
from makegood.kernel.clock import MovedClock
from makegood.kernel.settings import Settings
from makegood.orders.reading import by_number, obligations_of
from makegood.products.posters.product import product as posters
from tests.health.toyshop import command
from tests.property.engravings import product as engravings
from tests.samples.notes import product as notes
from tests.samples.stickers import product as stickers
from tests.samples.tunes import product as tunes
from tests.shops import KEY, SECRET, Customer, MailServer, Shop, objects, until

SELLS = ("tests.samples.notes", "tests.samples.stickers", "tests.samples.tunes", "tests.property.engravings")
SECONDS = 30


class CornerShop(Shop):
    """A shop whose mails arrive."""

    def __init__(self, folder: Path, **env: str) -> None:
        self.folder = folder
        super().__init__(folder, sells=SELLS, mail=MailServer().start(), **env)

    def __exit__(self, *error: object) -> None:
        super().__exit__(*error)
        self.post.stop()

    @property
    def post(self) -> MailServer:
        """Where its mails arrive."""
        assert self.mail is not None
        return self.mail

    def run(self, *arguments: str, **env: str) -> tuple[int, str]:
        """What an operator's command says, beside the shop or without it; its exit status first."""
        return command(*arguments, env={**self.env, **env})

    def sql(self, *statements: str) -> list[Any]:
        """Do something to the database behind the shop's back; the rows of the last statement."""
        with sqlite3.connect(self.home / "shop.db", timeout=30) as connection:
            rows = [connection.execute(statement).fetchall() for statement in statements]
        connection.close()
        return rows[-1]

    def stored(self, content: bytes) -> list[Path]:
        """The stored objects that are exactly this."""
        return [path for path, has in objects(self.home).items() if has == content]

    def mails(self, email: str, words: str) -> list[str]:
        """The texts of the mails to this address whose subject has these words."""
        found = [mail for mail in self.post.to(email) if words in str(mail["Subject"])]
        return [str(mail.get_body(("plain",)).get_content()) for mail in found]  # type: ignore[union-attr]

    def mailed(self, email: str, words: str) -> str:
        """The one mail like that, once it has come."""
        until(lambda: self.mails(email, words), SECONDS, f"a mail to {email} about “{words}”")
        [text] = self.mails(email, words)
        return text

    def is_healthy(self) -> bool:
        return self.health()[0] == 200

    def health(self) -> tuple[int, dict[str, Any]]:
        """What `/health` says."""
        answer = httpx.get(f"{self.url}/health", timeout=30)
        return answer.status_code, answer.json()

    def notified(self, body: bytes, signature: str) -> httpx.Response:
        """Its answer to a notification that claims to be the provider's."""
        headers = {"Makegood-Sandbox-Signature": signature, "Content-Type": "application/json"}
        return httpx.post(f"{self.url}/api/v1/payments/sandbox/webhook", content=body, headers=headers, timeout=30)


class Office:
    """The operators' parts of the shop in this process, on the same home, whose clock can be moved. What is paid is
    kept here for thirty days, and what is unpaid not at all."""

    def __init__(self, shop: CornerShop) -> None:
        self.clock = MovedClock()
        settings = Settings(
            home=shop.home, env="test", sandbox_url=shop.provider.url, sandbox_key=KEY, sandbox_webhook_secret=SECRET,
            isolated_processes=1, disk_floor_mb=1, unheld_hours=0, unpaid_days=0, paid_input_days=30, delivery_days=30,
        )  # fmt: skip
        sold = Products({each.manifest.id: each for each in (engravings, notes, posters, stickers, tunes)})
        self._running = build(settings, self.clock, sold, hosts_sandbox=False)
        self.parts = self._running.services

    def __enter__(self) -> Self:
        self.parts.engine.prepare()
        self.parts.engine.attach()
        return self

    def __exit__(self, *_: object) -> None:
        self.parts.engine.stop()
        self._running.isolated.stop()
        self.parts.database.close()

    def cleans_up(self, days: float = 0) -> int:
        """Retention runs, so many days from now; how many files it deleted."""
        self.clock.offset = timedelta(days=days)
        try:
            run = self.parts.retention.run()
        finally:
            self.clock.offset = timedelta()
        assert run.failed == 0, run.report
        return run.deleted

    def refunds(self, number: str) -> None:
        """An operator gives all of an order back."""
        with self.parts.database.read() as session:
            owed = [each.id for each in obligations_of(session, by_number(session, number).id)]
        for each in owed:
            assert self.parts.operating.refund(each, "ann@shop.example", "You asked for it.")


@dataclass(frozen=True)
class Bought:
    """An order that can be paid: `ref` is the provider's id of its payment, `reference` ours."""

    shop: CornerShop
    customer: Customer
    draft: str
    number: str
    email: str
    reference: str
    ref: str

    def pay(self, **how: Any) -> None:
        self.shop.provider.act(self.ref, **how)

    def seen(self) -> dict[str, Any]:
        return self.customer.order(self.number)

    def at_rest(self) -> dict[str, Any]:
        return self.customer.at_rest(self.number)

    def page(self) -> str:
        """The order's page, as its customer reads it."""
        return re.sub(r"\s+", " ", self.customer.http.get(f"/orders/{self.number}").text)

    def urls(self) -> list[str]:
        """Where the files of all units can be fetched."""
        return [file["url"] for unit in self.seen()["units"] for file in unit["artefacts"]]

    def files(self) -> list[bytes]:
        """What can be fetched by the customer."""
        answers = [self.customer.http.get(url) for url in self.urls()]
        assert {answer.status_code for answer in answers} <= {200}
        return [answer.content for answer in answers]

    def events(self, name: str) -> int:
        """How often this happened to the order."""
        return sum(event["count"] for event in self.seen()["timeline"] if event["event"] == name)

    def waits_for(self) -> str:
        """The code of what its making waits for, once there is one."""

        def code() -> str | None:
            return next((unit["problem"]["code"] for unit in self.seen()["units"] if unit["problem"]), None)

        return str(until(code, SECONDS, f"the reason why {self.number} waits"))

    def delivered(self) -> list[bytes]:
        """Its files, after one payment and one delivery of everything."""
        order = self.at_rest()
        assert order["state"] == "delivered", order["units"]
        assert self.events("payment.succeeded") == 1
        assert self.events("obligation.delivered") == len(order["units"])
        assert self.shop.provider.captures(self.reference) == (order["total"]["minor"] > 0)
        assert self.shop.provider.kept(self.reference) == order["total"]["minor"]
        return self.files()


def order(
    shop: CornerShop, product: str = "notes", picture: bytes = b"", wanted: dict[str, Any] | None = None,
    customer: Customer | None = None, **options: Any,
) -> Bought:  # fmt: skip
    """Order it, so that it can be paid; each order has an address of its own. `wanted` goes into the quote."""
    buyer = customer or shop.customer()
    draft = draft_of(buyer, product, picture, **options)
    return checked_out(shop, buyer, draft, **(wanted or {}))


def draft_of(customer: Customer, product: str = "notes", picture: bytes = b"", **options: Any) -> str:
    """A draft, with a picture if there is to be one."""
    files = {}
    if picture:
        files["picture"] = customer.shop.home.parent / "picture.txt"
        files["picture"].write_bytes(picture)
    return customer.draft(files, product, **options)


def checked_out(shop: CornerShop, buyer: Customer, draft: str, **wanted: Any) -> Bought:
    """The draft, ordered."""
    email = f"buyer-{draft}@example.com"
    number = str(buyer.checkout(draft, email=email, **wanted)["number"])
    found = buyer.payable(number)
    return Bought(shop, buyer, draft, number, email, found["payment"]["id"], found["ref"])


def notification(ref: str, **changes: Any) -> bytes:
    """The body of a notification of the provider's that this payment has succeeded, or of what `changes` say."""
    event = {"id": f"evt_{time.time_ns()}", "type": "payment.succeeded", "created": int(time.time())}
    return json.dumps({**event, "data": {"payment": {"id": ref, "status": "succeeded"}}, **changes}).encode()


def signature(body: bytes, secret: str = SECRET) -> str:
    """The header that the provider signs a body with."""
    stamp = str(int(time.time()))
    return f"t={stamp},v1={hmac.new(secret.encode(), stamp.encode() + b'.' + body, hashlib.sha256).hexdigest()}"
