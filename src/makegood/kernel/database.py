"""The one way to the database: SQLite in WAL with `synchronous=FULL`, writers in `BEGIN IMMEDIATE`."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.orm import DeclarativeBase, Session

from makegood.kernel.absences import CoreTablesOnly, name_what_is_missing
from makegood.kernel.ids import new_id

NAMING = {
    "ix": "ix_%(column_0_label)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_name)s",
    "pk": "pk_%(table_name)s",
}


class UtcDateTime(sa.types.TypeDecorator[datetime]):
    """A moment in UTC, aware on this side whatever the database keeps."""

    impl = sa.DateTime
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: sa.Dialect) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a moment without a time zone")
        return value.astimezone(UTC).replace(tzinfo=None)

    def process_result_value(self, value: datetime | None, dialect: sa.Dialect) -> datetime | None:
        return None if value is None else value.replace(tzinfo=UTC)


class Base(DeclarativeBase):
    """Base of the core's tables."""

    metadata = sa.MetaData(naming_convention=NAMING)
    type_annotation_map = {datetime: UtcDateTime, dict[str, Any]: sa.JSON, list[Any]: sa.JSON}  # noqa: RUF012

    def __init_subclass__(cls, **options: Any) -> None:
        if not cls.__module__.startswith("makegood.") or cls.__module__.startswith("makegood.products."):
            raise CoreTablesOnly(model=f"{cls.__module__}.{cls.__qualname__}")
        super().__init_subclass__(**options)


BOOT = new_id()
"""Names this process, from its start to its end, to everybody else who uses the database."""
POSTGRES = {
    "application_name": BOOT, "connect_timeout": 5,
    "keepalives_idle": 30, "keepalives_interval": 5, "keepalives_count": 3,
}  # fmt: skip
"""A host that is gone is noticed within a minute, not after the system's two hours."""

FROZEN_SECONDS = 300
"""A process that does nothing for so long within a transaction stands still, and must not keep its locks."""
SERVER_SIDE = (
    "SET idle_in_transaction_session_timeout = '{seconds}s'; SET tcp_user_timeout = '60s'; "
    "SET tcp_keepalives_idle = 30; SET tcp_keepalives_interval = 5; SET tcp_keepalives_count = 3"
)
"""So is a host that is gone noticed by the server, which has its locks."""

PING_AFTER_SECONDS = 1.0
"""What was used more lately than this is taken to live; a server that is started anew takes longer than that."""


def _postgres_engine(url: str) -> sa.Engine:
    """A pool that asks a connection whether it lives only after it has been idle for a while."""
    import psycopg

    engine = sa.create_engine(
        _with_driver(url), pool_size=20, max_overflow=40, pool_use_lifo=True, connect_args=POSTGRES,
        hide_parameters=True,
    )  # fmt: skip

    @event.listens_for(engine, "connect")
    def opened(connection: Any, _record: Any) -> None:
        # With the driver's usual hundred, statements that come round after it are prepared and forgotten each time.
        connection.prepared_max = 1000
        connection.autocommit = True
        connection.execute(SERVER_SIDE.format(seconds=FROZEN_SECONDS))
        connection.autocommit = False

    @event.listens_for(engine, "checkin")
    def used(_connection: Any, record: Any) -> None:
        record.info["used_at"] = time.monotonic()

    @event.listens_for(engine, "checkout")
    def alive(connection: Any, record: Any, _proxy: Any) -> None:
        if time.monotonic() - record.info.get("used_at", time.monotonic()) < PING_AFTER_SECONDS:
            return
        try:
            connection.execute("SELECT 1")
            connection.rollback()
        except psycopg.Error as error:
            raise sa.exc.DisconnectionError from error

    return engine


def _with_driver(url: str) -> sa.URL:
    address = sa.make_url(url)
    plain = address.drivername in ("postgres", "postgresql")
    return address.set(drivername="postgresql+psycopg") if plain else address


def create_engine(url: str, *, implicit_begin: bool = False) -> sa.Engine:
    """An engine with our durability and locking, whose errors quote no values. `implicit_begin` leaves
    transactions to the driver, for the durable engine, which begins its own."""
    if not url.startswith("sqlite"):
        return _postgres_engine(url)
    engine = sa.create_engine(
        url, pool_size=20, max_overflow=40, connect_args={"check_same_thread": False}, hide_parameters=True
    )

    @event.listens_for(engine, "connect")
    def prepare(connection: Any, _record: Any) -> None:
        connection.isolation_level = "IMMEDIATE" if implicit_begin else None
        for pragma in ("busy_timeout=30000", "journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
            connection.execute(f"PRAGMA {pragma}")

    if not implicit_begin:

        @event.listens_for(engine, "begin")
        def begin(connection: sa.Connection) -> None:
            # A deferred transaction that upgrades to writing fails at once, whatever the busy time-out.
            writing = connection.get_execution_options().get("writing", False)
            connection.exec_driver_sql("BEGIN IMMEDIATE" if writing else "BEGIN")

    return engine


_COMMITTED = "after_commit"


def after_commit(session: Session, call: Callable[[], None]) -> None:
    """Call `call` once the transaction of `Database.write` is committed, and not at all if it isn't: for shortcuts,
    since a kill in between loses it."""
    session.info.setdefault(_COMMITTED, []).append(call)


@contextmanager
def advisory_lock(engine: sa.Engine, number: int) -> Iterator[None]:
    """Only one process of any host is within this block at a time. SQLite's single process needs no lock."""
    if engine.dialect.name == "sqlite":
        yield
        return
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        # Who waits within a statement has a snapshot, for which an index that is built concurrently waits in turn.
        while not connection.scalar(sa.select(sa.func.pg_try_advisory_lock(number))):
            time.sleep(0.05)
        try:
            yield
        finally:
            connection.execute(sa.select(sa.func.pg_advisory_unlock(number)))


def one_at_a_time(session: Session, names: Iterable[str]) -> None:
    """Until its transaction ends, nobody else who asks for one of these names gets past this call. SQLite's writers
    come one after the other anyway."""
    if session.get_bind().dialect.name == "sqlite":
        return
    numbers = {int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], signed=True) for name in names}
    # In one order for everybody, so that no two wait for each other.
    for number in sorted(numbers):
        session.execute(sa.select(sa.func.pg_advisory_xact_lock(number)))


class Database:
    """Transactions: `write()` commits when its block ends well and rolls back when it doesn't; `read()` only reads."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.engine = create_engine(url)
        event.listen(self.engine, "handle_error", name_what_is_missing)
        self._writing = self.engine.execution_options(writing=True)
        # PostgreSQL at its usual level gives each statement a snapshot of its own, in a transaction or not: there a
        # read needs no BEGIN and no ROLLBACK, which are two of three round trips.
        self._reading = self.engine if self.is_sqlite else self.engine.execution_options(isolation_level="AUTOCOMMIT")

    @contextmanager
    def write(self) -> Iterator[Session]:
        with Session(self._writing, expire_on_commit=False) as session:
            with session.begin():
                yield session
            for call in session.info.pop(_COMMITTED, ()):
                call()

    @contextmanager
    def read(self) -> Iterator[Session]:
        # Nothing is written by accident: where each statement stands alone, nothing would be rolled back.
        with Session(self._reading, expire_on_commit=False, autoflush=False) as session:
            yield session

    @property
    def is_sqlite(self) -> bool:
        return self.engine.dialect.name == "sqlite"

    def close(self) -> None:
        self.engine.dispose()
