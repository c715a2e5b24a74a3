"""`makegood orders …`: an operator's look at an order, and a hand. Works beside the running shop and alone."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from rich.console import Console

from makegood.cli.beside import beside
from makegood.fulfillment.downloads import downloads_of
from makegood.kernel import audit
from makegood.kernel.errors import MakegoodError
from makegood.kernel.money import Money
from makegood.orders.models import Obligation, Order
from makegood.orders.reading import OrderNotFound, obligations_of, state_of, unit_with_line
from makegood.payments.finding import find_orders
from makegood.web.order_view import order_json
from makegood.web.services import Services

BY = "cli"


def show(wanted: str, *, as_json: bool) -> int:
    """Print the order as its customer sees it, with what went wrong as an operator needs it."""
    with _order(wanted) as (shop, order):
        if order is None:
            return 1
        seen = order_json(shop, order.id)
        if as_json:
            print(json.dumps(seen, indent=1))
            return 0
        console = Console(highlight=False, soft_wrap=True)
        console.print(f"[bold]{seen['number']}[/bold]  {seen['state']}  {seen['total']['text']}  {seen['email']}")
        payment = seen["payment"] or {"provider": "none", "state": "none", "id": ""}
        console.print(f"payment  {payment['state']} by {payment['provider']}  {payment['id']}")
        with shop.database.read() as session:
            for owed in obligations_of(session, order.id):
                unit, line, _ = unit_with_line(session, owed.unit_id)
                what = f"unit {unit.unit_no}" + (f", goodwill {owed.number}" if owed.number else "")
                allocated = Money(owed.allocated_minor, order.currency).format()
                console.print(f"{what:<8} {owed.delivery}, {allocated} {owed.money}, attempt {owed.attempt}  {owed.id}")
                console.print(f"         {line.description}", markup=False)
                if owed.error_code:
                    console.print(f"         {owed.error_code}: {owed.error_text}", markup=False)
    return 0


def logs(wanted: str, *, as_json: bool) -> int:
    """Print what happened to the order and who fetched what of it, oldest first."""
    with _order(wanted) as (shop, order):
        if order is None:
            return 1
        story = _story(shop, order.id)
    for moment in story:
        if as_json:
            print(json.dumps(moment))
        else:
            known = {name: value for name, value in moment.items() if name not in ("at", "event", "subject")}
            facts = "  ".join(f"{name}={value}" for name, value in known.items() if value is not None)
            print(f"{moment['at'][:23].replace('T', ' ')}  {moment['event']:<28} {facts[:200]}")
    return 0


def retry(wanted: str, reason: str, unit: int | None) -> int:
    """Begin a new attempt at each obligation that is not at rest."""
    return _each(wanted, unit, lambda shop, owed: shop.operating.retry(owed.id, BY, reason), "begun again")


def refund(wanted: str, reason: str, unit: int | None) -> int:
    """Give the money of each obligation back that still has it."""
    return _each(wanted, unit, lambda shop, owed: shop.operating.refund(owed.id, BY, reason), "on the way back")


def redeliver(wanted: str, reason: str, unit: int | None) -> int:
    """Look at what was delivered, rebuild what is lost, and send fresh links."""
    return _each(
        wanted, unit, lambda shop, owed: shop.operating.redeliver(owed.id, BY, reason), "looked at and sent again"
    )


def complete(wanted: str, files: list[Path], reason: str, unit: int | None) -> int:
    """Deliver what was made by hand. An order with more units needs to be told which."""
    missing = [str(path) for path in files if not path.is_file()]
    if missing:
        print(f"There is no file {', '.join(missing)}.", file=sys.stderr)
        return 1
    with _order(wanted) as (shop, order):
        if order is None:
            return 1
        latest = {owed.unit_id: owed for owed in _obligations(shop, order, unit)}
        if len(latest) != 1:
            print(f"{order.number} has {len(latest)} units: say which with --unit.", file=sys.stderr)
            return 1
        [owed] = latest.values()
        done = _say_problem(lambda: shop.operating.complete(owed.id, files, BY, reason))
        return _report(order, int(bool(done)), "delivered") if done is not None else 1


def goodwill(wanted: str, reason: str, unit: int | None) -> int:
    """Make what was abandoned once more, at no price."""
    with _order(wanted) as (shop, order):
        if order is None:
            return 1
        latest = {owed.unit_id: owed for owed in _obligations(shop, order, unit)}
        made = [_say_problem(partial(shop.operating.goodwill, owed.id, BY, reason)) for owed in latest.values()]
        return _report(order, sum(one is not None for one in made), "made once more, at no price")


def _each(wanted: str, unit: int | None, act: Callable[[Services, Obligation], bool], done: str) -> int:
    with _order(wanted) as (shop, order):
        if order is None:
            return 1
        owed = _obligations(shop, order, unit)
        changed = sum(bool(_say_problem(partial(act, shop, one))) for one in owed)
        if not changed:
            for one in owed:
                print(f"  unit {one.unit_id[-6:]} is {one.delivery}, its money {one.money}", file=sys.stderr)
        return _report(order, changed, done)


def _report(order: Order, changed: int, done: str) -> int:
    print(f"{order.number}: {changed} {'unit' if changed == 1 else 'units'} {done}")
    return 0 if changed else 1


def _say_problem(act: Callable[[], Any]) -> Any:
    """What `act` returns, or None when it can't be done: why has been said then."""
    try:
        return act()
    except MakegoodError as error:
        print(error.for_operator(), file=sys.stderr)
        return None


def _obligations(shop: Services, order: Order, unit_no: int | None) -> list[Obligation]:
    with shop.database.read() as session:
        owed = obligations_of(session, order.id)
        return [o for o in owed if unit_no in (None, unit_with_line(session, o.unit_id)[0].unit_no)]


def _story(shop: Services, order_id: str) -> list[dict[str, Any]]:
    with shop.database.read() as session:
        events = [
            {**event.data, "at": event.at.isoformat(), "event": event.event, "subject": event.subject}
            for event in audit.of_order(session, order_id)
        ]
        fetched = [
            {
                "at": one.at.isoformat(), "event": "artefact.fetched", "subject": obligation_id, "name": one.name,
                "via": one.via, "from": one.origin, "agent": one.agent,
            }
            for one, obligation_id in downloads_of(session, order_id)
        ]  # fmt: skip
    return sorted(events + fetched, key=lambda moment: str(moment["at"]))


@contextmanager
def _order(wanted: str) -> Iterator[tuple[Services, Order | None]]:
    """The shop's parts and the one order that is meant; None if there is none or several, which has been said then."""
    with beside() as running:
        shop = running.services
        with shop.database.read() as session:
            found = find_orders(session, wanted)
            if len(found) > 1:
                print(f"{len(found)} orders fit; name one:", file=sys.stderr)
            for order in found if len(found) > 1 else []:
                total = Money(order.total_minor, order.currency).format()
                line = (
                    f"  {order.number}  {order.created_at:%Y-%m-%d %H:%M}  {state_of(session, order):<18} {total:>10}"
                )
                print(f"{line}  {order.email}", file=sys.stderr)
        if not found:
            print(OrderNotFound(number=wanted).for_operator(), file=sys.stderr)
        yield shop, found[0] if len(found) == 1 else None
