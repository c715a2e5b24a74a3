"""Letting go of what has an end of its own: expired drafts, remembered requests."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import sqlalchemy as sa

from makegood.checkout.drafts import Drafts
from makegood.checkout.models import IdempotentRequest
from makegood.kernel.clock import Clock
from makegood.kernel.database import Database

IDEMPOTENCY_LASTS = timedelta(days=7)


class Housekeeping:
    """Runs by itself; each part goes on where another fails."""

    def __init__(self, database: Database, clock: Clock, drafts: Drafts) -> None:
        self._database, self._clock, self._drafts = database, clock, drafts

    @property
    def parts(self) -> tuple[Callable[[], object], ...]:
        """One pass, in parts of which none needs another to succeed."""
        return self._drafts.expire, self._forget_requests

    def _forget_requests(self) -> None:
        with self._database.write() as session:
            session.execute(
                sa.delete(IdempotentRequest).where(IdempotentRequest.at < self._clock.now() - IDEMPOTENCY_LASTS)
            )
