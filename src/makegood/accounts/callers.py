"""Who is behind a request, and what is theirs."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Literal

import sqlalchemy as sa
from sqlalchemy.orm import Session as Transaction

from makegood.accounts.errors import ApiKeyInvalid, ScopeMissing
from makegood.accounts.models import ApiKey, Customer, Session, Visitor, token_hash
from makegood.kernel.clock import Clock
from makegood.kernel.ids import new_id, new_secret

KEY_PREFIX = "mgk_"
LONGEST_USER_AGENT = 300


class Scope(StrEnum):
    """What an API key may do: look at what is its customer's, or also make drafts and orders."""

    READ = "read"
    ORDER = "order"


ALL_SCOPES = frozenset(Scope)


@dataclass(frozen=True, slots=True)
class Caller:
    """Who is calling. `email` is set only when the caller has proved that it is theirs."""

    visitor_id: str | None
    customer_id: str | None
    email: str | None
    via: Literal["session", "api_key", "none"]
    session_id: str | None = None
    scopes: frozenset[Scope] = ALL_SCOPES
    was_prolonged: bool = field(default=False, compare=False)
    """That the session has just been given its whole time anew, which its cookie should be as well."""

    @property
    def is_signed_in(self) -> bool:
        return self.customer_id is not None

    def need(self, scope: Scope) -> None:
        """Raise `ScopeMissing` unless the caller may do this; only API keys can lack a scope."""
        if scope not in self.scopes:
            raise ScopeMissing(scope=scope)


NOBODY = Caller(visitor_id=None, customer_id=None, email=None, via="none")


def identify(transaction: Transaction, clock: Clock, *, cookie: str | None, bearer: str | None) -> Caller:
    """The caller behind a session cookie's value or a bearer API key; the key goes first. A key that is unknown or
    revoked raises `ApiKeyInvalid`; a cookie that is unknown, ended or expired is nobody's: the browser is new again."""
    if bearer is not None:
        return _by_key(transaction, bearer)
    return _by_cookie(transaction, clock, cookie) if cookie else NOBODY


def open_session(
    transaction: Transaction,
    clock: Clock,
    *,
    days: int,
    visitor_id: str | None = None,
    customer: Customer | None = None,
    opened_by: Literal["visit", "link", "password"] = "visit",
    user_agent: str = "",
) -> tuple[Caller, str]:
    """Begin a session with a secret of its own; returns the caller and the cookie's value. Without `visitor_id` the
    visitor is a new one."""
    now, cookie = clock.now(), new_secret()
    if visitor_id is None:
        visitor_id = new_id()
        transaction.add(Visitor(id=visitor_id, created_at=now))
        transaction.flush()
    session = Session(
        id=new_id(), token_hash=token_hash("session", cookie), visitor_id=visitor_id,
        customer_id=customer.id if customer else None, opened_by=opened_by,
        user_agent=user_agent[:LONGEST_USER_AGENT], created_at=now, last_seen_at=now,
        expires_at=now + timedelta(days=days),
    )  # fmt: skip
    transaction.add(session)
    transaction.flush()
    return _caller(session, customer), cookie


def owns(caller: Caller, *, visitor_id: str | None, customer_id: str | None, email: str | None) -> bool:
    """Whether a thing with these owners is the caller's: made by the same visitor or customer, or ordered for an
    address that the caller has proved to be theirs. `email` is in the form of `read_email`."""
    return _same(caller.visitor_id, visitor_id) or _same(caller.customer_id, customer_id) or _same(caller.email, email)


def touch(transaction: Transaction, session_id: str, now: datetime, days: int) -> None:
    """Note that the session is in use, which also prolongs it."""
    transaction.execute(
        sa.update(Session).where(Session.id == session_id, Session.expires_at > now)
        .values(last_seen_at=now, expires_at=now + timedelta(days=days))
    )  # fmt: skip


def _same(mine: str | None, theirs: str | None) -> bool:
    return mine is not None and mine == theirs


def _by_cookie(transaction: Transaction, clock: Clock, cookie: str) -> Caller:
    found = transaction.execute(
        sa.select(Session, Customer).join_from(Session, Customer, Session.customer_id == Customer.id, isouter=True)
        .where(Session.token_hash == token_hash("session", cookie), Session.expires_at > clock.now())
    ).one_or_none()  # fmt: skip
    return NOBODY if found is None else _caller(found[0], found[1])


def _by_key(transaction: Transaction, bearer: str) -> Caller:
    found = transaction.execute(
        sa.select(ApiKey, Customer).join_from(ApiKey, Customer, ApiKey.customer_id == Customer.id)
        .where(ApiKey.token_hash == token_hash("api_key", bearer), ApiKey.revoked_at.is_(None))
    ).one_or_none()  # fmt: skip
    if found is None:
        raise ApiKeyInvalid
    key, customer = found
    return Caller(
        visitor_id=None, customer_id=customer.id, email=_proved(customer), via="api_key",
        scopes=frozenset(Scope(scope) for scope in key.scopes),
    )  # fmt: skip


def _caller(session: Session, customer: Customer | None) -> Caller:
    return Caller(
        visitor_id=session.visitor_id, customer_id=session.customer_id, email=_proved(customer), via="session",
        session_id=session.id,
    )  # fmt: skip


def _proved(customer: Customer | None) -> str | None:
    return customer.email if customer and customer.verified_at else None
