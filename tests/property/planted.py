"""Bugs as shops like this really had them, planted one at a time: the state machine must find each."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import replace
from datetime import timedelta
from typing import Any
from unittest.mock import patch

import sqlalchemy as sa

from makegood.checkout.open_orders import OpenOrders
from makegood.checkout.ordering import Ordering
from makegood.engine import WorkState
from makegood.fulfillment.sweep import FulfillmentSweep
from makegood.kernel import faults
from makegood.kernel.ids import new_id
from makegood.kernel.states import States
from makegood.orders.models import Obligation, Order, Refund
from makegood.orders.obligations import Obligations
from makegood.payments.models import Payment
from makegood.payments.provider import ProviderRefund
from makegood.payments.refunding import Refunding
from makegood.storage import assets
from tests.property import promise

Bug = Callable[[], AbstractContextManager[None]]


@contextmanager
def acknowledged_first() -> Iterator[None]:
    """The payment is marked paid in one transaction, and what it buys is owed in another, later."""
    owe = Obligations.owe

    def later(self: Any, session: Any, order: Any, *args: Any) -> None:
        from makegood.kernel.database import after_commit

        assert promise.worlds.current is not None
        services = promise.worlds.current.running.services

        def now() -> None:
            faults.reach("planted:between")
            with services.database.write() as another:
                owe(self, another, another.get_one(Order, order.id), *args)

        after_commit(session, now)

    with patch.object(Obligations, "owe", later):
        yield


@contextmanager
def checked_then_inserted() -> Iterator[None]:
    """A double submit is looked for before the transaction, and no constraint stands behind the look."""
    with ExitStack() as stack:
        stack.enter_context(patch("makegood.checkout.ordering.open_for", lambda _: None))
        stack.enter_context(patch.object(Ordering, "_known_in", lambda *_: None))
        stack.enter_context(patch.object(OpenOrders, "find", lambda *_: None))
        stack.enter_context(patch.object(OpenOrders, "same", lambda *_: None))
        stack.enter_context(patch("makegood.checkout.ordering.IdempotentRequest", _unkeyed))
        yield


def _unkeyed(**values: Any) -> Any:
    from makegood.checkout.models import IdempotentRequest

    return IdempotentRequest(**{**values, "key": new_id()})


@contextmanager
def no_compare_and_set() -> Iterator[None]:
    """A state is written whatever it was."""

    def change(_: Any, column: Any, identity: Any, new: str, _guards: Any, _come_from: Any, also: Any) -> sa.Update:
        values = {column.key: new, **also}
        return sa.update(column.class_).where(identity).values(values).execution_options(synchronize_session=False)

    with patch.object(States, "_change", change):
        yield


@contextmanager
def swept_with_an_age_limit() -> Iterator[None]:
    """The sweep looks only at what has been owed since an hour ago."""
    states = FulfillmentSweep.run

    def run(self: Any) -> None:
        ago = self._clock.now() - timedelta(hours=1)
        asked = self._engine.states

        def young(identities: list[str]) -> dict[str, WorkState]:
            with self._database.read() as session:
                query = sa.select(Obligation.id).where(Obligation.owed_at < ago)
                old = set(session.scalars(query))
            found = asked(identities)
            return {one: WorkState.RUNNING if one.split("/")[0] in old else state for one, state in found.items()}

        with patch.object(self._engine, "states", young):
            states(self)

    with patch.object(FulfillmentSweep, "run", run):
        yield


@contextmanager
def refunded_without_a_permanent_id() -> Iterator[None]:
    """Each try at a refund is a new one to the provider, and nobody looks what went back before."""

    def anew(self: Refunding, refund: Refund, payment: Payment) -> ProviderRefund:
        faults.reach("refund:before")
        provider = self._providers[payment.provider]
        seen = provider.refund(payment.provider_ref or "", new_id(), refund.amount_minor, refund.reason)
        faults.reach("refund:after")
        return replace(seen, reference=refund.reference)

    with patch.object(Refunding, "_ask", anew):
        yield


@contextmanager
def held_late() -> Iterator[None]:
    """An order holds its inputs only once it is paid."""
    hold = assets.hold

    def late(session: Any, clock: Any, asset_ids: Any, kind: Any, holder: str, *more: Any) -> None:
        if kind == assets.HoldKind.ORDER:
            paid = session.scalar(sa.select(Payment.paid_at).where(Payment.order_id == holder))
            if paid is None:
                return
        hold(session, clock, asset_ids, kind, holder, *more)

    with patch.object(assets, "hold", late):
        yield


BUGS: dict[str, Bug] = {
    "acknowledged first": acknowledged_first,
    "checked, then inserted": checked_then_inserted,
    "no compare-and-set": no_compare_and_set,
    "swept with an age limit": swept_with_an_age_limit,
    "refunded without a permanent id": refunded_without_a_permanent_id,
    "held late": held_late,
}
