"""What a clause looks at, and what it says."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol, TypeVar

from sqlalchemy.orm import Session

from makegood.kernel.database import Database
from makegood.payments.provider import PaymentProvider, ProviderUnavailable
from makegood.storage.objects import ObjectStore


@dataclass(frozen=True, slots=True)
class Violation:
    """Something that contradicts the promise: which clause, which order, and what is wrong in one sentence."""

    clause: str
    order: str
    problem: str


Thing = TypeVar("Thing")
PATIENCE = (0.5, 1.0, 2.0, 4.0, 8.0)
"""Seconds between the looks at what a provider says and our books don't: its notification is on its way, or the poll is
about to ask."""
MOST_UNSEEN = 3
"""How many things may go unanswered before no further one is asked about."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """What a clause may look at. `session` is its own: it may see everything as it was when the clause began."""

    database: Database
    session: Session
    objects: ObjectStore
    providers: Mapping[str, PaymentProvider]
    now: datetime
    patience: tuple[float, ...] = PATIENCE
    unseen: list[str] = field(default_factory=list)
    """What could not be looked at, and why."""

    def lasting(
        self, things: Iterable[Thing], look: Callable[[Session, Thing], Iterator[tuple[str, str]]]
    ) -> Iterator[tuple[str, str]]:
        """What `look` finds at each thing and finds there again each time after a while, our books read anew and its
        provider asked anew: beside a working shop money moves between any two questions."""
        found = self._found(things, look)
        for seconds in self.patience:
            if not found:
                return
            time.sleep(seconds)
            found = self._found([thing for thing, _ in found], look)
        for _, problems in found:
            yield from problems

    def _found(
        self, things: Iterable[Thing], look: Callable[[Session, Thing], Iterator[tuple[str, str]]]
    ) -> list[tuple[Thing, list[tuple[str, str]]]]:
        found, unanswered = [], 0
        for thing in things:
            try:
                with self.database.read() as session:
                    if problems := list(look(session, thing)):
                        found.append((thing, problems))
            except ProviderUnavailable as error:
                # One that is not answered for hides none of the others; a provider that is away answers for none.
                unanswered += 1
                if error.for_operator() not in self.unseen:
                    self.unseen.append(error.for_operator())
                if unanswered > MOST_UNSEEN:
                    break
        return found


class Clause(Protocol):
    """One clause of the promise."""

    name: str

    def violations(self, evidence: Evidence) -> Iterator[tuple[str, str]]:
        """Pairs of an order's number and what is wrong with it."""
        ...
