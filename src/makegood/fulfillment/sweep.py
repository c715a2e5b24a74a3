"""The sweep over obligations: everything that is not at rest has a live workflow, or gets one."""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa

from makegood.engine import Engine, WorkState
from makegood.fulfillment.telling import Telling
from makegood.kernel import logs
from makegood.kernel.clock import Clock
from makegood.kernel.database import Database
from makegood.kernel.errors import MakegoodError
from makegood.kernel.logs import contained
from makegood.orders.models import Obligation, OrderLine
from makegood.orders.obligations import Obligations
from makegood.orders.states import OPEN_DELIVERY, Money

AT_A_TIME = 200
log = logs.get("fulfillment")


class DeadlinePassed(MakegoodError):
    code = "DEADLINE_PASSED"
    customer = "We could not make this in the time that we promise, so we are giving your money back."
    operator = "Not delivered by {deadline}; the last error was {last}."


class FulfillmentSweep:
    """Without an age limit: what is owed is looked at until it is at rest."""

    def __init__(
        self, database: Database, engine: Engine, clock: Clock, obligations: Obligations, telling: Telling
    ) -> None:
        self._database, self._engine, self._clock = database, engine, clock
        self._obligations, self._telling = obligations, telling

    def run(self) -> None:
        """One pass."""
        query = sa.select(Obligation).where(Obligation.delivery.in_(OPEN_DELIVERY), Obligation.money == Money.KEPT)
        with self._database.read() as session:
            owed = list(session.scalars(query))
        now = self._clock.now()
        for obligation in [o for o in owed if o.deadline_at <= now]:
            with contained(log, "obligation.not_given_up", obligation=obligation.id):
                self._undeliverable(obligation, now)
        waiting = [o for o in owed if o.deadline_at > now]
        states = self._engine.states(sorted({o.work for o in waiting}))
        for obligation in waiting:
            state = states[obligation.work]
            if state in (WorkState.ABSENT, WorkState.ENDED):
                with contained(log, "obligation.not_restarted", obligation=obligation.id):
                    self._restart(obligation, state)

    def tell_lines(self) -> None:
        """Tell of lines of several units that came to rest without their fulfilment: by a refund, a dispute."""
        with self._database.read() as session:
            untold = list(session.scalars(sa.select(OrderLine.id).where(OrderLine.untold).limit(AT_A_TIME)))
        for line_id in untold:
            with contained(log, "line.not_told", line=line_id), self._database.write() as session:
                self._telling.line_at_rest(session, line_id)

    def _restart(self, obligation: Obligation, state: WorkState) -> None:
        with self._database.write() as session:
            self._obligations.restart(session, obligation.id, obligation.attempt, f"its workflow is {state}")

    def _undeliverable(self, obligation: Obligation, now: datetime) -> None:
        last = f"{obligation.error_code}: {obligation.error_text}" if obligation.error_code else "none"
        error = DeadlinePassed(deadline=obligation.deadline_at.isoformat(), last=last)
        with self._database.write() as session:
            if self._obligations.give_up_late(session, obligation.id, now, error):
                self._telling.sorry(session, self._obligations.get(session, obligation.id))
