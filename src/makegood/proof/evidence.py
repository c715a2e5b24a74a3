"""What a clause looks at, and what it says."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from sqlalchemy.orm import Session

from makegood.payments.provider import PaymentProvider
from makegood.storage.objects import ObjectStore


@dataclass(frozen=True, slots=True)
class Violation:
    """Something that contradicts the promise: which clause, which order, and what is wrong in one sentence."""

    clause: str
    order: str
    problem: str


@dataclass(frozen=True, slots=True)
class Evidence:
    """What clauses may look at."""

    session: Session
    objects: ObjectStore
    providers: Mapping[str, PaymentProvider]
    now: datetime


class Clause(Protocol):
    """One clause of the promise."""

    name: str

    def violations(self, evidence: Evidence) -> Iterator[tuple[str, str]]:
        """Pairs of an order's number and what is wrong with it."""
        ...
