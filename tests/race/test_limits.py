"""On PostgreSQL many try at the same moment: no more of them get through than the limit says."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier

import pytest
import sqlalchemy as sa

from makegood.accounts.errors import TooManyTries
from makegood.accounts.limits import Limit, Limits
from makegood.accounts.models import RateEvent
from makegood.kernel import schema
from makegood.kernel.clock import SystemClock
from makegood.kernel.database import Database
from makegood.kernel.signing import Signer
from tests.postgres import Postgres

AT_ONCE, COUNT = 12, 4
PER_EMAIL = Limit("test/email", COUNT, timedelta(hours=1))
PER_ADDRESS = Limit("test/address", AT_ONCE, timedelta(hours=1))


@pytest.fixture(scope="module")
def database() -> Iterator[Database]:
    with Postgres() as server:
        fresh = Database(server.create("shop"))
        schema.migrate(fresh)
        yield fresh
        fresh.close()


def test_many_tries_at_the_same_moment_do_not_pass_the_limit_together(database: Database) -> None:
    limits, barrier = Limits(SystemClock(), Signer(b"key")), Barrier(AT_ONCE)
    wanted = [(PER_EMAIL, "kim@example.com"), (PER_ADDRESS, "192.0.2.1")]

    def attempt(number: int) -> bool:
        with database.write() as session:
            # A connection of its own before the others are met.
            session.execute(sa.select(1))
            barrier.wait(30)
            try:
                # In either order: nobody waits for somebody who waits for them.
                limits.take(session, *(wanted if number % 2 else reversed(wanted)))
            except TooManyTries:
                return False
            time.sleep(0.1)
            return True

    with ThreadPoolExecutor(AT_ONCE) as pool:
        passed = list(pool.map(attempt, range(AT_ONCE)))

    assert passed.count(True) == COUNT
    with database.read() as session:
        kept = dict(session.execute(sa.select(RateEvent.purpose, sa.func.count()).group_by(RateEvent.purpose)).all())
    assert kept == {"test/email": COUNT, "test/address": COUNT}
