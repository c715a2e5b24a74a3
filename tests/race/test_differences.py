"""Two passes of reconciliation on PostgreSQL meet the same thing for the first time: it is kept once, both go on."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
import sqlalchemy as sa

from makegood.kernel import schema
from makegood.kernel.audit import AuditEvent
from makegood.kernel.clock import SystemClock
from makegood.kernel.database import Database
from makegood.kernel.ids import new_id
from makegood.payments.differences import NOT_BOOKED, PAID_HERE_ONLY, Differences
from makegood.payments.models import Difference
from tests.postgres import Postgres
from tests.shops import until

WAITING = sa.text("SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'")


@pytest.fixture(scope="module")
def database() -> Iterator[Database]:
    with Postgres() as server:
        fresh = Database(server.create("shop"))
        schema.migrate(fresh)
        yield fresh
        fresh.close()


@pytest.mark.parametrize("kind", [NOT_BOOKED, PAID_HERE_ONLY])
def test_a_difference_that_two_passes_meet_at_the_same_moment_is_kept_once(database: Database, kind: str) -> None:
    differences, ref = Differences(database, SystemClock()), new_id()

    def keep(text: str) -> None:
        with database.write() as session:
            differences.keep(session, "sandbox", kind, ref, text, None)

    def is_waiting() -> bool:
        with database.read() as session:
            return bool(session.scalar(WAITING))

    with ThreadPoolExecutor(1) as pool:
        with database.write() as session:
            differences.keep(session, "sandbox", kind, ref, "as the first says", None)
            other = pool.submit(keep, "as the second says")
            until(is_waiting, 20, "the other pass waiting")
        other.result(30)

    with database.read() as session:
        assert session.scalars(sa.select(Difference.text).where(Difference.ref == ref)).all() == ["as the second says"]
        told = sa.select(sa.func.count()).select_from(AuditEvent).where(AuditEvent.subject == ref)
        assert session.scalar(told) == 1
