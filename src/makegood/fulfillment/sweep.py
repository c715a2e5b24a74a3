"""The sweep over obligations: everything that is not at rest has a live workflow, or gets one."""

from __future__ import annotations

import sqlalchemy as sa

from makegood.engine import Engine, WorkState
from makegood.fulfillment.telling import Telling
from makegood.kernel.clock import Clock
from makegood.kernel.database import Database
from makegood.kernel.errors import MakegoodError
from makegood.orders.models import Obligation
from makegood.orders.obligations import Obligations, work_id
from makegood.orders.states import OPEN_DELIVERY, Money


class DeadlinePassed(MakegoodError):
    code = "DEADLINE_PASSED"
    customer = "We could not make this in the time that we promise, so we are giving your money back."
    operator = "Not delivered by {deadline}; the last error was {last}."


class FulfillmentSweep:
    """Without an age limit: what is owed is looked at until it is at rest."""

    def __init__(
        self, database: Database, engine: Engine, clock: Clock, obligations: Obligations, telling: Telling
    ) -> None:
        self._telling = telling
        self._database, self._engine, self._clock, self._obligations = database, engine, clock, obligations

    def run(self) -> None:
        """One pass."""
        query = sa.select(Obligation).where(Obligation.delivery.in_(OPEN_DELIVERY), Obligation.money == Money.KEPT)
        with self._database.read() as session:
            owed = list(session.scalars(query))
        now = self._clock.now()
        for obligation in [o for o in owed if o.deadline_at <= now]:
            self._undeliverable(obligation)
        waiting = [o for o in owed if o.deadline_at > now]
        states = self._engine.states([work_id(o.id, o.attempt) for o in waiting])
        for obligation in waiting:
            state = states[work_id(obligation.id, obligation.attempt)]
            if state in (WorkState.ABSENT, WorkState.ENDED):
                self._restart(obligation, state)

    def _restart(self, obligation: Obligation, state: WorkState) -> None:
        with self._database.write() as session:
            self._obligations.restart(session, obligation.id, obligation.attempt, f"its workflow is {state}")

    def _undeliverable(self, obligation: Obligation) -> None:
        last = f"{obligation.error_code}: {obligation.error_text}" if obligation.error_code else "none"
        error = DeadlinePassed(deadline=obligation.deadline_at.isoformat(), last=last)
        with self._database.write() as session:
            if self._obligations.give_back(session, obligation.id, error.for_customer(), error=error):
                self._telling.sorry(session, self._obligations.get(session, obligation.id))
