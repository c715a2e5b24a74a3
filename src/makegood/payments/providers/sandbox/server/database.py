"""The sandbox's own SQLite file: schema, and transactions that are on the disk when they end."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from makegood.kernel.clock import Clock
from makegood.payments.providers.sandbox.server.config import SandboxMisconfigured

SCHEMA_VERSION = 1

SCHEMA = """
CREATE TABLE payments (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, token TEXT NOT NULL, reference TEXT NOT NULL,
    amount INTEGER NOT NULL CHECK (amount > 0), currency TEXT NOT NULL, description TEXT NOT NULL,
    return_url TEXT NOT NULL, cancel_url TEXT NOT NULL, email TEXT, metadata TEXT NOT NULL,
    status TEXT NOT NULL CHECK (status IN ('open','processing','succeeded','failed','cancelled','expired')),
    final INTEGER NOT NULL DEFAULT 0, decline_code TEXT, card TEXT,
    amount_captured INTEGER NOT NULL DEFAULT 0 CHECK (amount_captured IN (0, amount)),
    amount_refunded INTEGER NOT NULL DEFAULT 0 CHECK (amount_refunded >= 0),
    amount_charged_back INTEGER NOT NULL DEFAULT 0 CHECK (amount_charged_back >= 0),
    attempts INTEGER NOT NULL DEFAULT 0, authenticating TEXT, created INTEGER NOT NULL, expires INTEGER NOT NULL,
    CHECK (amount_refunded + amount_charged_back <= amount_captured),
    CHECK ((status = 'succeeded') = (amount_captured > 0)));
CREATE INDEX payments_reference ON payments (reference);
CREATE TABLE refunds (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, payment TEXT NOT NULL REFERENCES payments (id),
    reference TEXT, amount INTEGER NOT NULL CHECK (amount > 0), currency TEXT NOT NULL, reason TEXT,
    status TEXT NOT NULL CHECK (status IN ('pending','succeeded','failed')), failure_code TEXT,
    source TEXT NOT NULL CHECK (source IN ('api','dashboard')), created INTEGER NOT NULL);
CREATE INDEX refunds_payment ON refunds (payment);
CREATE INDEX refunds_reference ON refunds (reference);
CREATE TABLE disputes (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, payment TEXT NOT NULL REFERENCES payments (id),
    amount INTEGER NOT NULL CHECK (amount > 0), currency TEXT NOT NULL, reason TEXT NOT NULL,
    status TEXT NOT NULL CHECK (status IN ('open','won','lost')), created INTEGER NOT NULL, closed INTEGER);
CREATE UNIQUE INDEX one_open_dispute ON disputes (payment) WHERE status = 'open';
CREATE TABLE ledger (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, kind TEXT NOT NULL CHECK (kind IN ('capture','refund','chargeback')),
    payment TEXT NOT NULL REFERENCES payments (id), refund TEXT REFERENCES refunds (id),
    dispute TEXT REFERENCES disputes (id), amount INTEGER NOT NULL CHECK (amount > 0), currency TEXT NOT NULL,
    created INTEGER NOT NULL);
CREATE UNIQUE INDEX one_capture ON ledger (payment) WHERE kind = 'capture';
CREATE UNIQUE INDEX one_entry_a_refund ON ledger (refund) WHERE refund IS NOT NULL;
CREATE UNIQUE INDEX one_entry_a_dispute ON ledger (dispute) WHERE dispute IS NOT NULL;
CREATE TABLE events (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, type TEXT NOT NULL,
    payment TEXT NOT NULL REFERENCES payments (id), body BLOB NOT NULL, created INTEGER NOT NULL);
CREATE INDEX events_payment ON events (payment);
CREATE TABLE deliveries (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, event TEXT NOT NULL REFERENCES events (id),
    behaviour TEXT NOT NULL, status TEXT NOT NULL CHECK (status IN ('pending','delivered','given_up','suppressed')),
    well_signed INTEGER NOT NULL, after_settlement INTEGER NOT NULL, tries INTEGER NOT NULL DEFAULT 0,
    next_try REAL, created INTEGER NOT NULL);
CREATE INDEX deliveries_due ON deliveries (next_try) WHERE status = 'pending';
CREATE INDEX deliveries_event ON deliveries (event);
CREATE TABLE tries (
    delivery TEXT NOT NULL REFERENCES deliveries (id), no INTEGER NOT NULL, at REAL NOT NULL, status INTEGER,
    error TEXT, duration_ms INTEGER NOT NULL, PRIMARY KEY (delivery, no));
CREATE TABLE timers (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, at REAL NOT NULL, kind TEXT NOT NULL, subject TEXT NOT NULL,
    detail TEXT NOT NULL);
CREATE INDEX timers_at ON timers (at);
CREATE TABLE idempotency (
    key TEXT NOT NULL, path TEXT NOT NULL, digest TEXT NOT NULL, status INTEGER NOT NULL, answer TEXT NOT NULL,
    created INTEGER NOT NULL, PRIMARY KEY (key, path));
CREATE TABLE faults (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, kind TEXT NOT NULL, moment TEXT NOT NULL, method TEXT,
    path_prefix TEXT NOT NULL, seconds REAL NOT NULL, remaining INTEGER NOT NULL CHECK (remaining >= 0));
CREATE TABLE refund_outcomes (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, outcome TEXT NOT NULL, delay REAL NOT NULL,
    remaining INTEGER NOT NULL CHECK (remaining >= 0));
"""


@dataclass(frozen=True, slots=True)
class Tx:
    """One transaction: where to write, what time it is (unix seconds), and where hosted pages live."""

    sql: sqlite3.Connection
    now: float
    root: str

    @property
    def second(self) -> int:
        """The time in whole seconds, as it is shown on the wire."""
        return int(self.now)


class Books:
    """The database of one sandbox. One connection serves all threads in turn; every commit is fsynced."""

    def __init__(self, path: Path, clock: Clock, root: str) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._clock = clock
        self._root = root
        self._turn = threading.RLock()
        self.on_commit: Callable[[], None] = lambda: None
        self._connection = sqlite3.connect(path, timeout=15, isolation_level=None, check_same_thread=False)
        self._connection.row_factory = sqlite3.Row
        self._connection.execute("PRAGMA journal_mode = WAL")
        self._connection.execute("PRAGMA synchronous = FULL")
        self._connection.execute("PRAGMA foreign_keys = ON")
        self._prepare(path)

    def _prepare(self, path: Path) -> None:
        with self.write() as tx:
            version = tx.sql.execute("PRAGMA user_version").fetchone()[0]
            if version not in (0, SCHEMA_VERSION):
                raise SandboxMisconfigured(problem=f"{path} has schema {version}, this code knows {SCHEMA_VERSION}")
            if version == 0:
                for statement in SCHEMA.split(";\n"):
                    tx.sql.execute(statement)
                tx.sql.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")

    def now(self) -> float:
        """The sandbox's time in unix seconds."""
        return self._clock.now().timestamp()

    @contextmanager
    def write(self) -> Iterator[Tx]:
        """A transaction that holds the write lock from its start; rolled back if the block raises."""
        with self._turn:
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield Tx(self._connection, self.now(), self._root)
                self._connection.execute("COMMIT")
            except BaseException:
                # SQLite has already rolled back by itself after some failures, a full disk for one.
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
                raise
        self.on_commit()

    @contextmanager
    def read(self) -> Iterator[Tx]:
        """A consistent view of everything that is committed."""
        with self._turn:
            self._connection.execute("BEGIN")
            try:
                yield Tx(self._connection, self.now(), self._root)
            finally:
                self._connection.execute("ROLLBACK")

    def close(self) -> None:
        """Close the file; nothing can be read or written afterwards."""
        with self._turn:
            self._connection.close()
