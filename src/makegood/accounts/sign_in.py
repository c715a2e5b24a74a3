"""Signing in and what goes with it. Nothing here tells whether an address has an account."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Literal

import sqlalchemy as sa
from sqlalchemy.orm import Session as Transaction

from makegood.accounts import keys
from makegood.accounts.callers import ALL_SCOPES, Caller, Scope, identify, open_session, touch
from makegood.accounts.emails import read_email
from makegood.accounts.errors import LinkExpired, LinkInvalid, LinkUsed, PasswordWrong, SignInFailed, SignInNeeded
from makegood.accounts.limits import (
    LINKS_PER_ADDRESS,
    LINKS_PER_EMAIL,
    PASSWORDS_PER_ADDRESS,
    PASSWORDS_PER_EMAIL,
    Limits,
)
from makegood.accounts.models import Customer, Session, SignInLink, token_hash
from makegood.accounts.passwords import Passwords
from makegood.kernel import audit
from makegood.kernel.clock import Clock
from makegood.kernel.database import Database
from makegood.kernel.errors import NotFound
from makegood.kernel.ids import new_id, new_secret
from makegood.kernel.settings import Settings
from makegood.kernel.signing import Signer
from makegood.notify import Mailer, SignIn

SEEN_NOTED_EVERY = timedelta(minutes=10)
# Used and expired links are kept this long, so that a late click is told what is wrong.
LINKS_KEPT = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class SessionView:
    """What a customer sees of one of their sessions; `is_this` marks the one that asks."""

    id: str
    user_agent: str
    created_at: datetime
    last_seen_at: datetime
    is_this: bool


class Accounts:
    """Visitors, customers, their sessions and keys. Every method is its own transaction."""

    def __init__(self, database: Database, mailer: Mailer, clock: Clock, settings: Settings, signer: Signer) -> None:
        self._database = database
        self._mailer = mailer
        self._clock = clock
        self._settings = settings
        self._limits = Limits(clock, signer)
        self._passwords = Passwords()

    def identify(self, *, cookie: str | None, bearer: str | None) -> Caller:
        """Who is calling (see `callers.identify`); also notes, now and then, that session or key is in use."""
        now = self._clock.now()
        with self._database.read() as session:
            caller = identify(session, self._clock, cookie=cookie, bearer=bearer)
            if caller.via == "api_key" and bearer:
                note = keys.use_is_worth_noting(session, self._clock, bearer)
            else:
                seen = session.scalar(sa.select(Session.last_seen_at).where(Session.id == caller.session_id))
                note = seen is not None and seen < now - SEEN_NOTED_EVERY
        if note:
            with self._database.write() as session:
                if caller.session_id:
                    touch(session, caller.session_id, now, self._settings.session_days)
                    caller = replace(caller, was_prolonged=True)
                elif bearer:
                    keys.note_use(session, self._clock, bearer)
        return caller

    def visit(self, user_agent: str = "") -> tuple[Caller, str]:
        """A session for a new visitor; returns the caller and the cookie's value."""
        with self._database.write() as session:
            return open_session(session, self._clock, days=self._settings.session_days, user_agent=user_agent)

    def request_link(self, email: str, caller: Caller, *, address: str = "") -> None:
        """Mail a sign-in link, whether or not the address has an account: the first use makes one. `address` is the
        caller's network address. Raises `EmailInvalid`, `TooManyTries`."""
        to = read_email(email)
        now, token, link_id = self._clock.now(), new_secret(), new_id()
        minutes = self._settings.sign_in_minutes
        with self._database.write() as session:
            self._limits.take(session, (LINKS_PER_EMAIL, to), (LINKS_PER_ADDRESS, address))
            session.add(
                SignInLink(
                    id=link_id, token_hash=token_hash("sign_in", token), email=to, visitor_id=caller.visitor_id,
                    created_at=now, expires_at=now + timedelta(minutes=minutes), used_at=None,
                )
            )  # fmt: skip
            session.flush()
            letter = SignIn(link=f"{self._settings.public_address}/sign-in/{token}", minutes=minutes)
            self._mailer.post(session, key=f"sign_in/{link_id}", to=to, letter=letter)

    def look_at_link(self, token: str) -> str:
        """The address that the link signs in, for the page that asks to confirm; the link stays unused. Raises
        `LinkInvalid`, `LinkUsed`, `LinkExpired`."""
        with self._database.read() as session:
            return self._usable(session, token).email

    def use_link(self, token: str, caller: Caller, *, user_agent: str = "") -> tuple[Caller, str]:
        """Sign in, once per link: of several at the same moment one wins and the others get `LinkUsed`. Returns the
        caller and the new cookie's value. Raises what `look_at_link` raises."""
        now = self._clock.now()
        with self._database.write() as session:
            link = self._usable(session, token)
            won = session.execute(
                sa.update(SignInLink)
                .where(SignInLink.id == link.id, SignInLink.used_at.is_(None), SignInLink.expires_at > now)
                .values(used_at=now).returning(SignInLink.id)
            ).one_or_none()  # fmt: skip
            if won is None:
                raise LinkUsed(link=link.id)
            customer = self._prove(session, link.email)
            return self._open(session, customer, caller, "link", user_agent)

    def sign_in(
        self, email: str, password: str, caller: Caller, *, address: str = "", user_agent: str = ""
    ) -> tuple[Caller, str]:
        """Sign in by password. `SignInFailed` is the one answer to everything that is wrong; `TooManyTries` counts
        failures per e-mail address and per network address."""
        known_as = read_email(email)
        taken = self._take_password_try(known_as, address)
        with self._database.read() as session:
            customer = session.scalar(sa.select(Customer).where(Customer.email == known_as))
        # Outside of any transaction: hashing takes long on purpose.
        if not self._passwords.is_right(password, customer.password_hash if customer else None) or customer is None:
            raise SignInFailed
        with self._database.write() as session:
            self._limits.give_back(session, taken)
            unchanged = session.scalar(sa.select(Customer.password_hash).where(Customer.id == customer.id))
            if unchanged != customer.password_hash:
                raise SignInFailed
            return self._open(session, customer, caller, "password", user_agent)

    def set_password(self, new: str, caller: Caller, *, current: str | None = None, address: str = "") -> None:
        """Set the signed-in customer's password and end their other sessions. `current` is needed when there is a
        password, unless this session was just opened by a link. Raises `SignInNeeded`, `PasswordWrong`,
        `PasswordUnfit`, `TooManyTries`."""
        customer_id, session_id = _signed_in(caller)
        with self._database.read() as session:
            customer = session.get_one(Customer, customer_id)
            needs_current = customer.password_hash is not None and not self._just_linked(session, session_id)
        if needs_current:
            taken = self._take_password_try(customer.email, address)
            if current is None or not self._passwords.is_right(current, customer.password_hash):
                raise PasswordWrong(customer=customer_id)
        else:
            taken = []
        hashed = self._passwords.hash(new, email=customer.email)
        with self._database.write() as session:
            self._limits.give_back(session, taken)
            session.execute(sa.update(Customer).where(Customer.id == customer_id).values(password_hash=hashed))
            session.execute(sa.delete(Session).where(Session.customer_id == customer_id, Session.id != session_id))
            audit.record(session, self._clock, "customer.password_set", customer_id)

    def has_password(self, caller: Caller) -> bool:
        """Whether the signed-in customer has a password; `False` for everybody else."""
        with self._database.read() as session:
            known = session.scalar(sa.select(Customer.password_hash).where(Customer.id == caller.customer_id))
        return known is not None

    def sign_out(self, caller: Caller) -> None:
        """End the session that is calling; without one there is nothing to end."""
        with self._database.write() as session:
            session.execute(sa.delete(Session).where(Session.id == caller.session_id))

    def sessions(self, caller: Caller) -> list[SessionView]:
        """The signed-in customer's sessions, newest first."""
        customer_id, session_id = _signed_in(caller)
        query = sa.select(Session).where(Session.customer_id == customer_id, Session.expires_at > self._clock.now())
        with self._database.read() as session:
            return [
                SessionView(row.id, row.user_agent, row.created_at, row.last_seen_at, row.id == session_id)
                for row in session.scalars(query.order_by(Session.id.desc()))
            ]

    def end_session(self, session_id: str, caller: Caller) -> None:
        """End one of the customer's sessions; `NotFound` when it isn't theirs."""
        customer_id, _ = _signed_in(caller)
        ended = sa.delete(Session).where(Session.id == session_id, Session.customer_id == customer_id)
        with self._database.write() as session:
            if session.execute(ended.returning(Session.id)).one_or_none() is None:
                raise NotFound(session=session_id)
            audit.record(session, self._clock, "customer.session_ended", customer_id, ended=session_id)

    def make_key(self, name: str, caller: Caller, scopes: Iterable[Scope] = ALL_SCOPES) -> tuple[keys.KeyView, str]:
        """A new API key and its secret, which can't be shown again. Keys are made in a browser, not by other keys."""
        customer_id, _ = _signed_in(caller)
        with self._database.write() as session:
            key, secret = keys.make(session, self._clock, customer_id, name, scopes)
            audit.record(session, self._clock, "customer.key_made", customer_id, key=key.id)
        return key, secret

    def keys(self, caller: Caller) -> list[keys.KeyView]:
        """The signed-in customer's working keys, oldest first."""
        customer_id, _ = _signed_in(caller)
        with self._database.read() as session:
            return keys.of_customer(session, customer_id)

    def revoke_key(self, key_id: str, caller: Caller) -> None:
        """End a key at once; `NotFound` when it isn't the customer's."""
        customer_id, _ = _signed_in(caller)
        with self._database.write() as session:
            keys.revoke(session, self._clock, customer_id, key_id)
            audit.record(session, self._clock, "customer.key_revoked", customer_id, key=key_id)

    def forget_expired(self) -> None:
        """Delete expired sessions, old links and counts that no limit looks at; safe at any moment."""
        now = self._clock.now()
        with self._database.write() as session:
            session.execute(sa.delete(Session).where(Session.expires_at <= now))
            session.execute(sa.delete(SignInLink).where(SignInLink.expires_at <= now - LINKS_KEPT))
            self._limits.forget(session)

    def _usable(self, session: Transaction, token: str) -> SignInLink:
        link = session.scalar(sa.select(SignInLink).where(SignInLink.token_hash == token_hash("sign_in", token)))
        if link is None:
            raise LinkInvalid
        if link.used_at is not None:
            raise LinkUsed(link=link.id)
        if link.expires_at <= self._clock.now():
            raise LinkExpired(link=link.id)
        return link

    def _prove(self, session: Transaction, email: str) -> Customer:
        """The customer of an address that somebody has just proved to be theirs."""
        now = self._clock.now()
        customer = session.scalar(sa.select(Customer).where(Customer.email == email))
        if customer is None:
            customer = Customer(id=new_id(), email=email, password_hash=None, verified_at=now, created_at=now)
            session.add(customer)
            session.flush()
            audit.record(session, self._clock, "customer.created", customer.id, email=email)
        elif customer.verified_at is None:
            # Whoever set a password before the address was proved may have been somebody else.
            customer.verified_at, customer.password_hash = now, None
            session.flush()
        return customer

    def _open(
        self, session: Transaction, customer: Customer, caller: Caller, opened_by: Literal["link", "password"],
        user_agent: str,
    ) -> tuple[Caller, str]:  # fmt: skip
        """A new session in place of the old one, so that a cookie planted before gains nothing. The visitor stays,
        with drafts and guest orders, unless the browser was signed in as somebody else."""
        keeps_visitor = caller.customer_id in (None, customer.id)
        session.execute(sa.delete(Session).where(Session.id == caller.session_id))
        audit.record(session, self._clock, "customer.signed_in", customer.id, by=opened_by)
        return open_session(
            session, self._clock, days=self._settings.session_days,
            visitor_id=caller.visitor_id if keeps_visitor else None, customer=customer, opened_by=opened_by,
            user_agent=user_agent,
        )  # fmt: skip

    def _take_password_try(self, email: str, address: str) -> list[str]:
        # Counted before it is checked, so that many at the same moment can't pass the limit together.
        with self._database.write() as session:
            return self._limits.take(session, (PASSWORDS_PER_EMAIL, email), (PASSWORDS_PER_ADDRESS, address))

    def _just_linked(self, session: Transaction, session_id: str) -> bool:
        row = session.get(Session, session_id)
        fresh = self._clock.now() - timedelta(minutes=self._settings.sign_in_minutes)
        return row is not None and row.opened_by == "link" and row.created_at > fresh


def _signed_in(caller: Caller) -> tuple[str, str]:
    if caller.customer_id is None or caller.session_id is None:
        raise SignInNeeded(via=caller.via)
    return caller.customer_id, caller.session_id
