"""API keys: shown once, kept as hashes, revoked at once."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.orm import Session

from makegood.accounts.callers import ALL_SCOPES, KEY_PREFIX, Scope
from makegood.accounts.errors import TooManyKeys
from makegood.accounts.models import ApiKey, token_hash
from makegood.kernel.clock import Clock
from makegood.kernel.errors import NotFound
from makegood.kernel.ids import new_id, new_secret

MOST_KEYS = 20
LONGEST_NAME = 80
SHOWN = len(KEY_PREFIX) + 6
USE_NOTED_EVERY = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class KeyView:
    """What a customer sees of a key that is not revoked."""

    id: str
    name: str
    prefix: str
    scopes: tuple[Scope, ...]
    created_at: datetime
    last_used_at: datetime | None


def make(
    session: Session, clock: Clock, customer_id: str, name: str, scopes: Iterable[Scope] = ALL_SCOPES
) -> tuple[KeyView, str]:
    """A new key: what is kept, and the secret that is shown this once. `TooManyKeys` beyond 20."""
    if len(of_customer(session, customer_id)) >= MOST_KEYS:
        raise TooManyKeys(customer=customer_id, limit=MOST_KEYS)
    secret = KEY_PREFIX + new_secret()
    key = ApiKey(
        id=new_id(), customer_id=customer_id, name=" ".join(name.split())[:LONGEST_NAME] or "API key",
        prefix=secret[:SHOWN], token_hash=token_hash("api_key", secret), scopes=sorted(scopes),
        created_at=clock.now(), last_used_at=None, revoked_at=None,
    )  # fmt: skip
    session.add(key)
    session.flush()
    return _view(key), secret


def of_customer(session: Session, customer_id: str) -> list[KeyView]:
    """The customer's keys that work, oldest first."""
    query = sa.select(ApiKey).where(ApiKey.customer_id == customer_id, ApiKey.revoked_at.is_(None))
    return [_view(key) for key in session.scalars(query.order_by(ApiKey.id))]


def revoke(session: Session, clock: Clock, customer_id: str, key_id: str) -> None:
    """End a key of this customer; one that isn't theirs, or is revoked already, is `NotFound`."""
    revoked = session.execute(
        sa.update(ApiKey)
        .where(ApiKey.id == key_id, ApiKey.customer_id == customer_id, ApiKey.revoked_at.is_(None))
        .values(revoked_at=clock.now())
        .returning(ApiKey.id)
    )
    if revoked.one_or_none() is None:
        raise NotFound(key=key_id)


def note_use(session: Session, clock: Clock, secret: str) -> None:
    """Remember when the key was last used, to the minute."""
    session.execute(
        sa.update(ApiKey).where(ApiKey.token_hash == token_hash("api_key", secret)).values(last_used_at=clock.now())
    )


def use_is_worth_noting(session: Session, clock: Clock, secret: str) -> bool:
    """Whether the last use that was noted is a while ago: so that reading requests seldom have to write."""
    last = session.scalar(sa.select(ApiKey.last_used_at).where(ApiKey.token_hash == token_hash("api_key", secret)))
    return last is None or last < clock.now() - USE_NOTED_EVERY


def _view(key: ApiKey) -> KeyView:
    return KeyView(
        id=key.id, name=key.name, prefix=key.prefix, scopes=tuple(Scope(scope) for scope in key.scopes),
        created_at=key.created_at, last_used_at=key.last_used_at,
    )  # fmt: skip
