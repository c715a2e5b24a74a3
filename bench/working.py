"""A worker that counts: takes part until so many orders are delivered and told of, and prints what that took."""

from __future__ import annotations

import json
import os
import sys
import time
from collections import Counter
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from makegood.app import build
from makegood.engine import Engine
from makegood.kernel.database import Database
from makegood.kernel.settings import Settings
from makegood.notify.models import Mail, MailState
from makegood.orders.models import Obligation
from makegood.orders.states import Delivery

counted: Counter[str] = Counter()


def main() -> None:
    """`python -m bench.working DATABASE ORDERS`, with the settings of the shop in the environment."""
    _count()
    running = build(Settings().model_copy(update={"work": True}), hosts_sandbox=False)
    services, orders = running.services, int(sys.argv[2])
    began, spent = time.time(), time.process_time()
    running.start()
    delivered = sa.select(sa.func.count()).select_from(Obligation).where(Obligation.delivery == Delivery.DELIVERED)
    unsent = sa.select(sa.func.count()).select_from(Mail).where(Mail.state != MailState.ACCEPTED)
    while True:
        with services.database.read() as session:
            done = (session.scalar(delivered) or 0) >= orders and not session.scalar(unsent)
        if done:
            break
        time.sleep(0.1)
    print(json.dumps({"began": began, "ended": time.time(), "cpu": time.process_time() - spent, **counted}), flush=True)
    os._exit(0)


def _count() -> None:
    write, step, workflow = Database.write, Engine.step, Engine.workflow

    def counted_write(self: Database) -> AbstractContextManager[Session]:
        counted["commits"] += 1
        return write(self)

    def counted_step(self: Engine, name: str, work: Callable[[], Any], of: str = "") -> Any:
        counted["steps"] += 1
        return step(self, name, work, of)

    def counted_workflow(self: Engine, name: str, body: Callable[..., None], *, queue: str) -> None:
        def run(*args: Any) -> None:
            counted["workflows"] += 1
            body(*args)

        workflow(self, name, run, queue=queue)

    Database.write, Engine.step, Engine.workflow = counted_write, counted_step, counted_workflow  # type: ignore[assignment,method-assign]


if __name__ == "__main__":
    main()
