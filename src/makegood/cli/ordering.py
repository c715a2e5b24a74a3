"""`makegood orders …`: an operator's look at an order, and a hand. Works beside the running shop."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from sqlalchemy.orm import Session

from makegood.app import build
from makegood.kernel import audit
from makegood.kernel import logs as logging
from makegood.kernel.errors import MakegoodError
from makegood.kernel.settings import Settings
from makegood.orders.models import Obligation, Order
from makegood.orders.reading import by_number, obligations_of
from makegood.orders.states import OPEN_DELIVERY, Money
from makegood.web.order_view import order_json
from makegood.web.services import Services


def show(number: str, *, as_json: bool) -> int:
    """Print the order as its customer sees it, with what went wrong as an operator needs it."""
    with _order(number) as (shop, order):
        if order is None:
            return 1
        seen = order_json(shop, order.id)
        if as_json:
            print(json.dumps(seen, indent=1))
            return 0
        console = Console()
        console.print(f"{seen['number']}  {seen['state']}  {seen['total']['text']}  {seen['email']}", highlight=False)
        payment = seen["payment"] or {"provider": "none", "state": "none"}
        console.print(f"payment  {payment['state']} by {payment['provider']}", highlight=False)
        with shop.database.read() as session:
            for owed in obligations_of(session, order.id):
                line = f"unit {owed.unit_id[-6:]}  {owed.delivery}, money {owed.money}, attempt {owed.attempt}"
                console.print(
                    line + (f"  {owed.error_code}: {owed.error_text}" if owed.error_code else ""), highlight=False
                )
    return 0


def logs(number: str, *, as_json: bool) -> int:
    """Print the order's audit events, oldest first."""
    with _order(number) as (shop, order):
        if order is None:
            return 1
        with shop.database.read() as session:
            story = audit.of_order(session, order.id)
    for event in story:
        if as_json:
            print(
                json.dumps({"at": event.at.isoformat(), "event": event.event, "subject": event.subject, **event.data})
            )
        else:
            facts = " ".join(f"{name}={value}" for name, value in event.data.items() if value is not None)
            print(f"{event.at:%Y-%m-%d %H:%M:%S.%f}  {event.event:<28} {facts[:200]}")
    return 0


def retry(number: str) -> int:
    """Begin a new attempt at each obligation that is not at rest."""

    def again(shop: Services, session: Session, owed: Obligation) -> bool:
        return owed.delivery in OPEN_DELIVERY and shop.obligations.restart(
            session, owed.id, owed.attempt, "an operator asked for it"
        )

    return _each(number, again, "begun again")


def refund(number: str, reason: str) -> int:
    """Give the money of each obligation back that still has it."""

    def back(shop: Services, session: Session, owed: Obligation) -> bool:
        return owed.money == Money.KEPT and shop.obligations.give_back(session, owed.id, reason)

    return _each(number, back, "on its way back")


def _each(number: str, act: Callable[[Services, Session, Obligation], bool], done: str) -> int:
    with _order(number) as (shop, order):
        if order is None:
            return 1
        with shop.database.write() as session:
            changed = sum(act(shop, session, owed) for owed in obligations_of(session, order.id))
            if changed:
                audit.record(session, shop.clock, "operator.acted", order.id, order.id, what=done, units=changed)
        print(f"{order.number}: {changed} units {done}")
    return 0 if changed else 1


@contextmanager
def _order(number: str) -> Iterator[tuple[Services, Order | None]]:
    """The shop's parts and the order, which is None if there is no such one; that has been said then."""
    logging.configure(json=False, level="WARNING")
    running = build(Settings())
    shop = running.services
    shop.engine.attach()
    try:
        with shop.database.read() as session:
            order: Order | None = by_number(session, number)
    except MakegoodError as error:
        print(error.for_operator(), file=sys.stderr)
        order = None
    try:
        yield shop, order
    finally:
        shop.engine.stop()
        running.isolated.stop()
        if running.sandbox:
            running.sandbox.close()
        shop.database.close()
