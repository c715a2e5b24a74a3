"""How far a provider's lists have been read: kept page by page, beginning anew with an overlap."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from makegood.kernel.clock import Clock
from makegood.kernel.database import Database
from makegood.payments.models import ReconciliationCursor
from makegood.payments.provider import Stream

OVERLAP = timedelta(hours=2)
"""How far a reading goes back behind the youngest object of the one before, by the provider's clock: longer than a
payment of ours stays open, so that whatever a list shows late is met twice rather than never."""


@dataclass(slots=True)
class Reading:
    """One way through a list. `version` None: a reading of everything, which moves no cursor."""

    provider: str
    stream: Stream
    since: datetime | None
    cursor: str | None = None
    newest: datetime | None = None
    unsettled: datetime | None = None
    version: int | None = None

    def meet(self, created_at: datetime | None, *, is_settled: bool) -> None:
        """Remember when the object was created, and that it has to be looked at again if it is not settled."""
        if created_at is None:
            return
        self.newest = max(self.newest or created_at, created_at)
        if not is_settled:
            self.unsettled = min(self.unsettled or created_at, created_at)

    def next_since(self) -> datetime | None:
        """Where the next reading begins: never behind what may still change."""
        if self.newest is None:
            return self.since
        return min(self.newest - OVERLAP, self.unsettled or self.newest)


class Cursors:
    """The cursors of every provider and stream. Two readings at once do no harm: only one of them moves the cursor."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database, self._clock = database, clock

    def begin(self, provider: str, stream: Stream, *, full: bool) -> Reading:
        """The reading that is due: the one that a kill interrupted, or the next."""
        if full:
            return Reading(provider, stream, None)
        with self._database.read() as session:
            row = session.get(ReconciliationCursor, (provider, stream))
        if row is None:
            return self._first(provider, stream)
        return Reading(provider, stream, row.since, row.cursor, row.newest, row.unsettled, row.version)

    def advance(self, reading: Reading, cursor: str | None) -> None:
        """The page has been dealt with: go on at `cursor`, or, if it was the last, begin the next reading."""
        reading.cursor = cursor
        if reading.version is None:
            return
        values: dict[str, object] = {
            "since": reading.since, "cursor": cursor, "newest": reading.newest, "unsettled": reading.unsettled
        }  # fmt: skip
        if cursor is None:
            values = {
                "since": reading.next_since(), "cursor": None, "newest": None, "unsettled": None,
                "finished_at": self._clock.now(),
            }  # fmt: skip
        with self._database.write() as session:
            moved = session.execute(
                sa.update(ReconciliationCursor)
                .where(
                    ReconciliationCursor.provider == reading.provider,
                    ReconciliationCursor.stream == reading.stream,
                    ReconciliationCursor.version == reading.version,
                )
                .values(version=reading.version + 1, **values)
            )
        # Whoever lost reads on to the end all the same, without moving anything.
        reading.version = reading.version + 1 if moved.rowcount == 1 else None  # type: ignore[attr-defined]

    def _first(self, provider: str, stream: Stream) -> Reading:
        try:
            with self._database.write() as session:
                session.add(ReconciliationCursor(provider=provider, stream=stream, version=0))
        except IntegrityError:
            # Another reading has begun at the same moment; it keeps the cursor.
            return Reading(provider, stream, None)
        return Reading(provider, stream, None, version=0)
