"""A shop that sells paper boats, its customers, and operators at their desks, all at the other end of HTTP."""

from __future__ import annotations

import os
import re
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import httpx
import pyotp
from typer.testing import CliRunner

from makegood.accounts.operator_models import Role
from makegood.accounts.operators import Operators
from makegood.cli import app
from makegood.kernel.clock import SystemClock
from makegood.kernel.database import Database
from makegood.kernel.settings import Settings
from tests.shops import Customer, MailServer, Shop, until

PLUGINS = Path(__file__).parent / "plugins"
PASSWORD = "four boats upon a pond"


@contextmanager
def boat_shop(folder: Path, *, mail: MailServer | None = None, **env: str) -> Iterator[Shop]:
    """A running shop that has the paper boats installed."""
    installed = folder / "installed"
    about = installed / "paper_boats-1.0.dist-info"
    about.mkdir(parents=True)
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: paper-boats\nVersion: 1.0\n")
    (about / "entry_points.txt").write_text("[makegood.products]\npaper-boat = paper_boats:product\n")
    path = os.pathsep.join([str(installed), str(PLUGINS), os.environ.get("PYTHONPATH", "")])
    with Shop(folder / "shop", mail=mail, PYTHONPATH=path, **env) as running:
        yield running


def order(shop: Shop, email: str = "kim@example.com", quantity: int = 1, **options: Any) -> tuple[Customer, str, str]:
    """An order of boats that can be paid: the customer, its number and the provider's id of its payment."""
    customer = shop.customer()
    draft = customer.draft({}, product="paper-boat", **options)
    number = customer.checkout(draft, email=email, quantity=quantity)["number"]
    return customer, number, str(customer.payable(number)["ref"])


def buy(shop: Shop, email: str = "kim@example.com", quantity: int = 1, **options: Any) -> tuple[Customer, str]:
    """A paid order of boats."""
    customer, number, ref = order(shop, email, quantity, **options)
    shop.provider.act(ref)
    until(lambda: customer.order(number)["units"][0]["delivery"] != "waiting", 30, f"the payment of {number}")
    return customer, number


def delivered(shop: Shop, **options: Any) -> tuple[Customer, str]:
    """An order that has come to rest."""
    customer, number = buy(shop, **options)
    customer.at_rest(number)
    return customer, number


def failing(shop: Shop, attempts: int = 4, **options: Any) -> tuple[Customer, str]:
    """An order that has failed a few times with the same error and is not given up."""
    customer, number = buy(shop, fate="leaks", **options)
    until(lambda: customer.order(number)["units"][0]["attempt"] > attempts, 30, "several failed attempts")
    return customer, number


def change(shop: Shop, statement: str, *values: Any) -> None:
    """Change a row behind the shop's back: what time or a broken counterparty would do."""
    with closing(sqlite3.connect(shop.home / "shop.db", timeout=30)) as database:
        database.execute(statement, values)
        database.commit()


def makegood(shop: Shop, *arguments: str) -> str:
    """What a command says that is typed beside the running shop."""
    done = CliRunner(env={"MAKEGOOD_HOME": str(shop.home)}).invoke(app, arguments)
    assert done.exit_code == 0, done.output
    return done.output


def invite(shop: Shop, email: str, role: str) -> str:
    """The link that `makegood operators add` prints, without the seconds that it takes to start."""
    settings = Settings(home=shop.home, public_url=shop.url)
    database = Database(settings.database)
    try:
        return Operators(database, SystemClock(), settings).add(email, Role(role), "cli").link
    finally:
        database.close()


class Desk:
    """An operator with a browser."""

    def __init__(self, shop: Shop, email: str, role: str = "operator") -> None:
        self.shop, self.email = shop, email
        self.http = httpx.Client(base_url=shop.url, timeout=60)
        self.link = invite(shop, email, role)
        page = self.http.get(self.link)
        assert page.status_code == 200, page.text
        found = re.search(r'<code class="secret">([A-Z2-7]{32})</code>', page.text)
        assert found
        self.factor = pyotp.TOTP(found[1])
        answer = self.http.post(self.link, data={"password": PASSWORD, "again": PASSWORD, "code": self.factor.now()})
        assert answer.status_code == 200, answer.text
        self.recovery_codes = re.findall(r"<li><code>([0-9A-Z]{5}-[0-9A-Z]{5})</code></li>", answer.text)

    def next_code(self) -> str:
        """A code that was not used at set-up: the one that comes next, which a clock that is slow lets in."""
        return self.factor.at(int(time.time()) + 30)

    def sign_in(self, code: str, password: str = PASSWORD, client: httpx.Client | None = None) -> httpx.Response:
        """Send the sign-in form from a new browser."""
        with client or httpx.Client(base_url=self.shop.url, timeout=60) as http:
            return http.post("/console/sign-in", data={"email": self.email, "password": password, "code": code})

    def page(self, where: str, status: int = 200) -> str:
        """A page of the console."""
        answer = self.http.get(where)
        assert answer.status_code == status, f"{where}: {answer.status_code} {answer.text[:500]}"
        return answer.text

    def confirm(self, number: str, act: str, unit: str = "") -> dict[str, str]:
        """The hidden fields of an act's confirm page."""
        text = self.page(f"/console/orders/{number}/{act}" + (f"?unit={unit}" if unit else ""))
        return dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)">', text))

    def act(self, number: str, act: str, reason: str = "because", **fields: str) -> httpx.Response:
        """Go through the confirm page and do it."""
        form = fields or self.confirm(number, act)
        return self.http.post(f"/console/orders/{number}/{act}", data={**form, "reason": reason})
