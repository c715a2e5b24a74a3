"""One time for all hosts of a shop: that of its database, where the database is a server."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.orm import Session

from makegood.kernel import logs
from makegood.kernel.clock import Clock, MovedClock, SystemClock
from makegood.kernel.database import Database
from makegood.kernel.errors import MakegoodError
from makegood.kernel.settings import Settings

log = logs.get("kernel")


class SharedClock:
    """The clock of the database's host, so that all hosts of a shop have one time: a host whose own is off ends no
    term and passes no deadline too early. Between two looks it goes by what has passed here, which no setting of the
    host's clock changes; until the first has succeeded it is the host's."""

    def __init__(self, database: Database, host: Clock) -> None:
        self._database, self._host = database, host
        self._seen: tuple[datetime, float] | None = None

    def now(self) -> datetime:
        if self._seen is None:
            return self._host.now()
        moment, at = self._seen
        return moment + timedelta(seconds=time.monotonic() - at)

    @property
    def host_is_off(self) -> timedelta:
        """By how much the host's own clock is ahead of the time that counts."""
        return self._host.now() - self.now()

    def look(self) -> None:
        """Ask the database. What is within the look's own uncertainty moves nothing."""
        began = time.monotonic()
        with self._database.read() as session:
            seconds = session.scalar(sa.select(database_time(session)))
        half = (time.monotonic() - began) / 2
        theirs = datetime.fromtimestamp(seconds or 0, UTC)
        if self._seen is None or abs(theirs + timedelta(seconds=half) - self.now()) > timedelta(seconds=half):
            self._seen = theirs, began + half


def clock_of(settings: Settings, database: Database) -> Clock:
    """The time by which this shop goes: the database's where it is a server, else the host's."""
    moved = timedelta(seconds=settings.test_clock_seconds) if settings.env == "test" else timedelta()
    host = MovedClock(moved) if moved else SystemClock()
    if database.is_sqlite:
        return host
    shared = SharedClock(database, host)
    try:
        shared.look()
    except (MakegoodError, sa.exc.SQLAlchemyError) as error:
        # The database does not answer, which others say; a process that stays looks again.
        log.warning("clock.not_shared", problem=str(error)[:300])
    return shared


def database_time(session: Session) -> sa.ColumnElement[float]:
    """Seconds since 1970 on the database's clock, which doesn't stand still within a transaction."""
    if session.get_bind().dialect.name == "sqlite":
        return sa.literal_column("(julianday('now') - 2440587.5) * 86400.0", sa.Double())
    return sa.literal_column("extract(epoch from clock_timestamp())::double precision", sa.Double())
