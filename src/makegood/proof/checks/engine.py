"""The engine, and who works with it."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.orm import Session

from makegood.engine import Engine
from makegood.kernel.database import Base, Database
from makegood.orders.models import Obligation
from makegood.orders.states import OPEN_DELIVERY, Money, PaymentState
from makegood.payments.debts import owed_back
from makegood.payments.models import Payment, PaymentEvent
from makegood.product_api import Check
from makegood.proof.findings import Findings, found

SILENT_LEASES = 3.0
MEND = "See whether it hangs, and end it if so: the others, or the next start, take its work over."
NOBODY = "Start the shop (`makegood serve`) or a worker (`makegood worker`): it is all made then."


class EngineAnswers:
    """In a process that serves: whether work can be asked for."""

    name = "engine"
    keeps: float | None = 1.0
    needs_database = True

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def look(self) -> Findings:
        try:
            self._engine.states(["health"])
        except (RuntimeError, sa.exc.SQLAlchemyError) as error:
            mend = "It begins by itself once the database is whole; if it doesn't, restart the shop."
            return found("engine", [Check("engine", f"no work can be asked for: {error}", mend)])
        return found("engine", [Check("engine")])


class SomebodyWorks:
    """Whether what is owed has somebody who works on it, and nobody who counts as alive is silent."""

    name = "workers"
    keeps: float | None = 2.0
    needs_database = True

    def __init__(self, engine: Engine, database: Database, lease_seconds: float) -> None:
        self._engine, self._database, self._lease = engine, database, lease_seconds

    def look(self) -> Findings:
        alive = [worker for worker in self._engine.workers() if not worker.dead]
        lines = []
        for worker in alive:
            silent = worker.quiet_seconds > SILENT_LEASES * self._lease
            problem = f"it has been silent for {worker.quiet_seconds:.0f} s" if silent else ""
            lines.append(Check(f"worker {worker.process} on {worker.host}", problem, MEND if silent else ""))
        if all(line.problem for line in lines) and (waits := self._waits()):
            lines.append(Check("workers", f"nobody works, and there is work: {waits}", NOBODY))
        return found("workers", lines or [Check("workers: none runs, and nothing is owed")])

    def _waits(self) -> str:
        """What has to be done by somebody who works, counted by kind; empty if there is nothing."""
        owed = Obligation.delivery.in_(OPEN_DELIVERY) & (Obligation.money == Money.KEPT)
        with self._database.read() as session:
            counts = {
                "unit": _count(session, Obligation, owed),
                "refund": len(owed_back(session)),
                "notification": _count(session, PaymentEvent, PaymentEvent.handled_at.is_(None)),
                "payment request": _count(session, Payment, Payment.state == PaymentState.REQUESTED),
            }
        return ", ".join(f"{count} {what}{'' if count == 1 else 's'}" for what, count in counts.items() if count)


def _count(session: Session, of: type[Base], which: sa.ColumnElement[bool]) -> int:
    return session.scalar(sa.select(sa.func.count()).select_from(of).where(which)) or 0
