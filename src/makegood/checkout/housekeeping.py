"""Letting go: expired drafts, orders that nobody paid, assets that nobody needs."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import sqlalchemy as sa

from makegood.checkout.drafts import Drafts
from makegood.checkout.models import IdempotentRequest
from makegood.kernel.clock import Clock
from makegood.kernel.database import Database
from makegood.orders.models import Obligation, Order
from makegood.orders.states import Delivery, Money
from makegood.storage import assets, retention
from makegood.storage.assets import Hold, HoldKind
from makegood.storage.objects import ObjectStore

AFTER_CLOSING = timedelta(days=7)
IDEMPOTENCY_LASTS = timedelta(days=7)


class Housekeeping:
    """Runs by itself; each part goes on where another fails."""

    def __init__(
        self, database: Database, objects: ObjectStore, clock: Clock, drafts: Drafts, grace: timedelta
    ) -> None:
        self._database, self._objects, self._clock = database, objects, clock
        self._drafts, self._grace = drafts, grace

    @property
    def parts(self) -> tuple[Callable[[], object], ...]:
        """One pass, in parts of which none needs another to succeed."""
        return self._drafts.expire, self._release_orders, self._forget_requests, self._delete_unheld

    def _delete_unheld(self) -> None:
        retention.delete_unheld(self._database, self._objects, self._clock, self._grace)

    def _release_orders(self) -> None:
        """An order lets go of its inputs a week after nobody can pay it any more, or once all its money is back."""
        holding = sa.exists().where(Hold.kind == HoldKind.ORDER, Hold.holder == Order.id)
        closed = Order.closed_at < self._clock.now() - AFTER_CLOSING
        owed = sa.exists().where(Obligation.order_id == Order.id)
        unfinished = sa.exists().where(
            Obligation.order_id == Order.id,
            ~sa.and_(
                Obligation.delivery == Delivery.ABANDONED,
                Obligation.money.in_((Money.REFUNDED, Money.CHARGED_BACK)),
            ),
        )
        over = sa.or_(closed & Order.paid_at.is_(None), owed & ~unfinished)
        with self._database.write() as session:
            for order_id in list(session.scalars(sa.select(Order.id).where(holding, over).limit(200))):
                assets.release(session, HoldKind.ORDER, order_id)
                # What was made before an obligation was abandoned is nobody's either.
                made = sa.select(Obligation.id).where(
                    Obligation.order_id == order_id, Obligation.delivery == Delivery.ABANDONED
                )
                for obligation_id in list(session.scalars(made)):
                    assets.release(session, HoldKind.DELIVERY, obligation_id)

    def _forget_requests(self) -> None:
        with self._database.write() as session:
            session.execute(
                sa.delete(IdempotentRequest).where(IdempotentRequest.at < self._clock.now() - IDEMPOTENCY_LASTS)
            )
