"""`makegood recover`: one pass of every sweep now, beside the running shop or before its next start."""

from __future__ import annotations

import sys

import sqlalchemy as sa
from sqlalchemy.orm import Session

from makegood.cli.beside import beside
from makegood.cli.home import address_of
from makegood.fulfillment.models import Redelivery
from makegood.kernel.errors import MakegoodError
from makegood.notify.models import Mail
from makegood.orders.models import Obligation, Order, Refund
from makegood.payments.finding import find_orders
from makegood.payments.models import Payment, PaymentEvent

Seen = dict[tuple[str, str], tuple[str | None, object]]


def recover(wanted: str) -> int:
    """Look at everything that is not at rest, begin again what nothing works on, and say what that was. Of an order
    that is named, its payments are asked for first, and only what concerns it is said."""
    problems = 0
    with beside() as running:
        shop = running.services
        with shop.database.read() as session:
            orders = find_orders(session, wanted) if wanted else []
            before = _tries(session)
        if wanted and not orders:
            print(f"No order {wanted}.", file=sys.stderr)
            return 1
        works = [lambda one=order: shop.settling.settle_order(one.id) for order in orders]
        for work in (*works, *running.sweeps):
            try:
                work()
            except MakegoodError as error:
                problems += 1
                print(f"  ✗ {error.for_operator()}", file=sys.stderr)
        with shop.database.read() as session:
            changed = _changes(session, before, {order.id for order in orders})
        alone = address_of(shop.settings.home) is None and shop.database.is_sqlite
    for line in changed:
        print(f"  {line}")
    later = "; it is worked on when the shop starts" if alone and changed else ""
    print(f"{len(changed)} begun again{later}." if changed else "Nothing had to be begun again.")
    return 1 if problems else 0


def _tries(session: Session) -> Seen:
    """How often each thing that is not at rest was tried, with the order that it is of."""
    queries = {
        "making": sa.select(Obligation.id, Obligation.order_id, Obligation.attempt).where(Obligation.money == "kept"),
        "refund": sa.select(Obligation.id, Obligation.order_id, Obligation.refund_try),
        "payment request": sa.select(Payment.id, Payment.order_id, Payment.request_try),
        "payment": sa.select(Payment.id, Payment.order_id, Payment.state),
        "notification": sa.select(PaymentEvent.id, sa.null(), PaymentEvent.handle_try),
        "refund of money for nothing": sa.select(Refund.id, sa.null(), Refund.tries),
        "redelivery": sa.select(Redelivery.id, Obligation.order_id, Redelivery.tries).join(
            Obligation, Obligation.id == Redelivery.obligation_id
        ),
        "mail": sa.select(Mail.id, Mail.order_id, Mail.tries),
    }
    return {
        (what, identity): (order_id, tries)
        for what, query in queries.items()
        for identity, order_id, tries in session.execute(query)
    }


def _changes(session: Session, before: Seen, only: set[str]) -> list[str]:
    lines = []
    numbers: dict[str | None, str] = dict(session.execute(sa.select(Order.id, Order.number)).all())
    for (what, identity), (order_id, tries) in _tries(session).items():
        was = before.get((what, identity))
        if was is None or was[1] == tries or (only and order_id not in only):
            continue
        said = f"now {tries}" if isinstance(tries, str) else f"try {tries}"
        lines.append(f"{numbers.get(order_id, identity[:13])}  {what}, {said}")
    return lines
