"""A shop that sells marbles, and kites with a table of their own; its packages and its tables may be damaged."""

from __future__ import annotations

import multiprocessing
import os
import shutil
import sqlite3
import sys
import tempfile
import traceback
from pathlib import Path
from typing import Any, NoReturn

from tests.shops import Customer, Shop, until

PLUGINS = Path(__file__).parent / "plugins"
FORKS = multiprocessing.get_context("forkserver")
"""Forks what has only imported the shop: once it has been used, the object store's library hangs in a fork."""
FORKS.set_forkserver_preload(["makegood.app"])
NEXT = '''"""Tails for kites"""

import sqlalchemy as sa
from alembic import op

revision = "kites2"
down_revision = "kites1"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("kites_kite", sa.Column("tail", sa.String(), nullable=True))
'''


class Toyshop(Shop):
    """The shop in a folder, with its own copy of the plug-ins."""

    def __init__(self, folder: Path, **env: str) -> None:
        self.site = folder / "site"
        shutil.copytree(PLUGINS, self.site, ignore=shutil.ignore_patterns("__pycache__"))
        about = self.site / "toys-1.0.dist-info"
        about.mkdir()
        (about / "METADATA").write_text("Metadata-Version: 2.1\nName: toys\nVersion: 1.0\n")
        (about / "entry_points.txt").write_text(
            "[makegood.products]\nkites = kites:product\nmarbles = toys:marbles\ntops = tops:product\n"
        )
        path = os.pathsep.join([str(self.site), os.environ.get("PYTHONPATH", "")])
        super().__init__(folder, PYTHONPATH=path, PYTHONDONTWRITEBYTECODE="1", **env)

    def run(self, *arguments: str, **env: str) -> tuple[int, str]:
        """A command of this shop's, beside it: its exit code and everything it printed."""
        return command(*arguments, env={**self.env, **env})

    def sql(self, *statements: str) -> list[Any]:
        """Do something to the database behind the shop's back."""
        with sqlite3.connect(self.home / "shop.db", timeout=30) as connection:
            rows = [connection.execute(statement).fetchall() for statement in statements]
        connection.close()
        return rows[-1]

    def health(self) -> tuple[int, dict[str, Any]]:
        """What `/health` says."""
        answer = self.customer().http.get("/health")
        return answer.status_code, answer.json()

    def is_healthy(self) -> bool:
        return self.health()[0] == 200

    def said_since(self, mark: int) -> str:
        """What the shop printed after its log was `mark` bytes long."""
        return self.log.read_bytes()[mark:].decode(errors="replace")


def command(*arguments: str, env: dict[str, str]) -> tuple[int, str]:
    """`makegood …` in a process of its own that need not import everything again: its exit code and its output."""
    with tempfile.NamedTemporaryFile() as output:
        child = FORKS.Process(target=_become, args=(arguments, env, output.name))
        child.start()
        child.join()
        return child.exitcode or 0, output.read().decode()


def _become(arguments: tuple[str, ...], env: dict[str, str], output: str) -> NoReturn:
    code = 70
    try:
        written = os.open(output, os.O_WRONLY | os.O_APPEND)
        for stream in (1, 2):
            os.dup2(written, stream)
        sys.stdout, sys.stderr = os.fdopen(1, "w"), os.fdopen(2, "w")
        os.environ.clear()
        os.environ.update(env)
        sys.path[:0] = env.get("PYTHONPATH", "").split(os.pathsep)
        code = _run(arguments)
    except BaseException:  # noqa: BLE001 - this process must not become a second run of the tests
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def _run(arguments: tuple[str, ...]) -> int:
    from makegood.cli import main

    sys.argv = ["makegood", *arguments]
    try:
        main()
    except SystemExit as end:
        return int(end.code or 0)
    return 0


def payable(shop: Shop, product: str) -> tuple[Customer, dict[str, Any]]:
    """A customer with an order that can be paid."""
    customer = shop.customer()
    return customer, customer.payable(customer.checkout(customer.draft({}, product))["number"])


def bought(shop: Shop, product: str) -> tuple[Customer, dict[str, Any]]:
    """A customer whose order is delivered."""
    customer, order = payable(shop, product)
    shop.provider.act(order["ref"])
    done = customer.at_rest(order["number"])
    assert done["state"] == "delivered", done["units"]
    return customer, done


def waiting_for(customer: Customer, number: str) -> str:
    """The code of what the order waits for, once there is one."""

    def code() -> str | None:
        [unit] = customer.order(number)["units"]
        return (unit["problem"] or {}).get("code")

    return str(until(code, 30, f"the reason why {number} waits"))
