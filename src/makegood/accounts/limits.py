"""How often something may be tried, counted in the database: per address and per account."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from math import ceil

import sqlalchemy as sa
from sqlalchemy.orm import Session

from makegood.accounts.errors import TooManyTries
from makegood.accounts.models import RateEvent
from makegood.kernel.clock import Clock
from makegood.kernel.database import one_at_a_time
from makegood.kernel.ids import new_id
from makegood.kernel.signing import Signer


@dataclass(frozen=True, slots=True)
class Limit:
    """At most `count` times within `window`, per subject."""

    purpose: str
    count: int
    window: timedelta


LINKS_PER_EMAIL = Limit("link/email", 5, timedelta(hours=1))
LINKS_PER_ADDRESS = Limit("link/address", 30, timedelta(hours=1))
PASSWORDS_PER_EMAIL = Limit("password/email", 10, timedelta(minutes=15))
PASSWORDS_PER_ADDRESS = Limit("password/address", 30, timedelta(minutes=15))
LOOKUPS_PER_PAIR = Limit("lookup/pair", 5, timedelta(hours=1))
LOOKUPS_PER_ADDRESS = Limit("lookup/address", 30, timedelta(hours=1))
LOOKUP_MAILS_PER_EMAIL = Limit("lookup/email", 5, timedelta(hours=1))
OPERATORS_PER_EMAIL = Limit("operator/email", 5, timedelta(minutes=15))
OPERATORS_PER_ADDRESS = Limit("operator/address", 20, timedelta(minutes=15))

LONGEST = timedelta(hours=1)


class Limits:
    """Counts within the caller's transaction, so that two tries at once can't take the same place."""

    def __init__(self, clock: Clock, signer: Signer) -> None:
        self._clock = clock
        self._signer = signer

    def take(self, session: Session, *wanted: tuple[Limit, str]) -> list[str]:
        """Count one try for each (limit, subject); an empty subject isn't counted. Raises `TooManyTries` and counts
        nothing when one of them is full. Returns ids for `give_back`."""
        counted = [(limit, self._hidden(limit, subject)) for limit, subject in wanted if subject]
        one_at_a_time(session, [f"{limit.purpose}/{subject}" for limit, subject in counted])
        for limit, subject in counted:
            self._check(session, limit, subject)
        events = [
            RateEvent(id=new_id(), purpose=limit.purpose, subject=subject, at=self._clock.now())
            for limit, subject in counted
        ]
        session.add_all(events)
        session.flush()
        return [event.id for event in events]

    def give_back(self, session: Session, taken: list[str]) -> None:
        """Uncount tries that turned out to be right."""
        session.execute(sa.delete(RateEvent).where(RateEvent.id.in_(taken)))

    def forget(self, session: Session) -> None:
        """Delete what no limit looks at any more."""
        session.execute(sa.delete(RateEvent).where(RateEvent.at < self._clock.now() - LONGEST))

    def _hidden(self, limit: Limit, subject: str) -> str:
        return self._signer.signature("rate", f"{limit.purpose}\0{subject}")

    def _check(self, session: Session, limit: Limit, subject: str) -> None:
        now = self._clock.now()
        moments = list(
            session.scalars(
                sa.select(RateEvent.at)
                .where(RateEvent.purpose == limit.purpose, RateEvent.subject == subject)
                .where(RateEvent.at > now - limit.window)
                .order_by(RateEvent.at.desc()).limit(limit.count)
            )
        )  # fmt: skip
        if len(moments) < limit.count:
            return
        seconds = max(1, ceil((moments[-1] + limit.window - now).total_seconds()))
        raise TooManyTries(purpose=limit.purpose, retry_after=seconds, minutes=ceil(seconds / 60))
