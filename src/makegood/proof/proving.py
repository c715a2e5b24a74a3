"""Going through the clauses."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import sqlalchemy as sa

from makegood.kernel.clock import Clock
from makegood.kernel.database import Database
from makegood.kernel.errors import MakegoodError
from makegood.orders.models import Obligation, Order
from makegood.payments.provider import PaymentProvider
from makegood.proof.clauses import CLAUSES
from makegood.proof.evidence import PATIENCE, Evidence, Violation
from makegood.storage.objects import ObjectStore


@dataclass(frozen=True, slots=True)
class Report:
    """What was looked at and what was found. `unanswered` names the clauses that could not be looked into, and why."""

    orders: int
    obligations: int
    clauses: tuple[str, ...]
    violations: tuple[Violation, ...]
    unanswered: tuple[str, ...]

    @property
    def holds(self) -> bool:
        """Whether the promise is kept as far as anyone can see; what can't be seen is no proof."""
        return not self.violations and not self.unanswered


def prove(
    database: Database, objects: ObjectStore, providers: Mapping[str, PaymentProvider], clock: Clock,
    patience: tuple[float, ...] = PATIENCE,
) -> Report:  # fmt: skip
    """Look into every clause. Reads only. `patience` is how long a provider may be ahead of our books."""
    violations: list[Violation] = []
    unanswered: list[str] = []
    for clause in CLAUSES:
        # One of them reads every file back: the next must not look at what was before that.
        with database.read() as session:
            evidence = Evidence(database, session, objects, providers, clock.now(), patience)
            try:
                # One by one: what was found before something could not be seen was found.
                for found in clause.violations(evidence):
                    violations.append(Violation(clause.name, *found))  # noqa: PERF401
            except MakegoodError as error:
                evidence.unseen.append(error.for_operator())
            unanswered += [f"{clause.name}: {problem}" for problem in evidence.unseen]
    with database.read() as session:
        orders = session.scalar(sa.select(sa.func.count()).select_from(Order)) or 0
        obligations = session.scalar(sa.select(sa.func.count()).select_from(Obligation)) or 0
    return Report(orders, obligations, tuple(c.name for c in CLAUSES), tuple(violations), tuple(unanswered))
