"""Accounts on a database of their own. Mails are posted for real; what would send them is not needed here."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import sqlalchemy as sa

from makegood.accounts import NOBODY, Accounts, Caller
from makegood.kernel.clock import MovedClock
from makegood.kernel.database import Database
from makegood.notify import Mail


class NoWorkers:
    """Takes work that nobody does: the mails stay in the outbox, where the tests read them."""

    def enqueue(self, session: Any, workflow: str, identity: str, *args: Any, delay: float = 0) -> None:
        return None


@dataclass
class Door:
    """The accounts and what a person would do with them."""

    accounts: Accounts
    database: Database
    clock: MovedClock

    def later(self, **duration: float) -> None:
        self.clock.offset += timedelta(**duration)

    def mails_to(self, email: str) -> list[Mail]:
        with self.database.read() as session:
            return list(session.scalars(sa.select(Mail).where(Mail.to == email).order_by(Mail.id)))

    def token(self, email: str, caller: Caller = NOBODY) -> str:
        """Ask for a link and read it in the mail."""
        self.accounts.request_link(email, caller)
        found = re.search(r"/sign-in/(\S+)", self.mails_to(email)[-1].text)
        assert found
        return found[1]

    def by_link(self, email: str, caller: Caller = NOBODY) -> tuple[Caller, str]:
        return self.accounts.use_link(self.token(email, caller), caller)

    def who(self, cookie: str) -> Caller:
        return self.accounts.identify(cookie=cookie, bearer=None)
