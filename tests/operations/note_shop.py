"""A shop that sells notes, its operators, and its database beside it."""

from __future__ import annotations

import html
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import structlog
from typer.testing import CliRunner

from makegood.app import Running, build
from makegood.catalog.products import Products
from makegood.cli import app
from makegood.kernel.clock import Clock
from makegood.kernel.settings import Settings
from makegood.orders.models import Obligation
from makegood.orders.reading import by_number, obligations_of
from tests.operations.plugins import notes
from tests.shops import KEY, SECRET, Customer, Shop, until

PLUGINS = Path(__file__).parent / "plugins"


class NoteShop(Shop):
    """A real shop whose only product does as the test says."""

    def __init__(self, folder: Path, **env: str) -> None:
        self.installed = folder / "installed"
        about = self.installed / "notes-1.0.dist-info"
        about.mkdir(parents=True)
        (about / "METADATA").write_text("Metadata-Version: 2.1\nName: notes\nVersion: 1.0\n")
        (about / "entry_points.txt").write_text("[makegood.products]\nnotes = notes:product\n")
        self.control = folder / "control"
        self.control.mkdir()
        path = os.pathsep.join([str(self.installed), str(PLUGINS), os.environ.get("PYTHONPATH", "")])
        super().__init__(folder, PYTHONPATH=path, NOTES_CONTROL=str(self.control), **env)

    def cli(self, *arguments: str) -> tuple[int, str]:
        """What a command says beside the running shop, or without it; its exit status first. It runs in this process,
        since a new one takes seconds to start."""
        for folder in (str(self.installed), str(PLUGINS)):
            if folder not in sys.path:
                sys.path.append(folder)
        done = CliRunner().invoke(app, arguments, env=self.env)
        # The command set up logs on its own standard error, which is closed by now.
        structlog.reset_defaults()
        if done.exception is not None and not isinstance(done.exception, SystemExit):
            raise done.exception
        return done.exit_code, done.output

    def goes_well(self) -> None:
        """From now on: nothing that a test had it do wrong is done any more."""
        for name in ("fail", "never", "wait", "waiting"):
            (self.control / name).unlink(missing_ok=True)

    def begin(self, *arguments: str) -> subprocess.Popen[str]:
        """A command that runs while others do."""
        command = [sys.executable, "-m", "makegood.cli", *arguments]
        return subprocess.Popen(command, env=self.env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)

    @contextmanager
    def beside(self, clock: Clock | None = None, **settings: Any) -> Iterator[Running]:
        """The shop's parts in this process, on the same home, only asking for work."""
        os.environ["NOTES_CONTROL"] = str(self.control)
        known = Settings(
            home=self.home, env="test", sandbox_url=self.provider.url, sandbox_key=KEY, sandbox_webhook_secret=SECRET,
            isolated_processes=1, disk_floor_mb=1, **settings,
        )  # fmt: skip
        running = build(known, clock, Products({"notes": notes.product}), hosts_sandbox=False)
        running.services.engine.prepare()
        running.services.engine.attach()
        try:
            yield running
        finally:
            running.services.engine.stop()
            running.isolated.stop()
            running.services.database.close()


def order_note(shop: Shop, customer: Customer, *, text: str = "Dear diary", paper: str = "", **more: Any) -> str:
    """A note that can be paid for; its order's number."""
    files = {}
    if paper:
        files["paper"] = shop.home.parent / "paper.txt"
        files["paper"].write_text(paper)
    return str(customer.checkout(customer.draft(files, "notes", text=text), **more)["number"])


def buy_note(shop: Shop, customer: Customer, **more: Any) -> str:
    """A note that is paid for; its order's number."""
    number = order_note(shop, customer, **more)
    shop.provider.act(customer.payable(number)["ref"])
    until(lambda: customer.order(number)["state"] != "awaiting_payment", 30, "the payment")
    return number


def page(customer: Customer, number: str) -> str:
    """What the order's page says."""
    text = re.sub(r"<[^>]+>", " ", customer.http.get(f"/orders/{number}").text)
    return " ".join(html.unescape(text).split())


def obligation(running: Running, number: str) -> Obligation:
    """The newest obligation of an order with one unit."""
    with running.services.database.read() as session:
        return obligations_of(session, by_number(session, number).id)[-1]


def mails(shop: NoteShop, running: Running, number: str) -> list[str]:
    """The keys of the mails about an order, without the ids in them."""
    from makegood.notify.models import of_order

    with running.services.database.read() as session:
        return [mail.key.split("/")[0] for mail in of_order(session, by_number(session, number).id)]
