"""Operators: who may look into the console and act in it; added, disabled and given roles by owners or on the shell."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session as Transaction

from makegood.accounts.emails import read_email
from makegood.accounts.errors import LastOwner, OperatorUnknown
from makegood.accounts.models import token_hash
from makegood.accounts.operator_models import Operator, OperatorLink, OperatorSession, RecoveryCode, Role
from makegood.kernel import audit
from makegood.kernel.clock import Clock
from makegood.kernel.database import Database
from makegood.kernel.ids import new_id, new_secret
from makegood.kernel.settings import Settings

LINK_PURPOSE = "operator_link"


@dataclass(frozen=True, slots=True)
class Invitation:
    """A link that sets up password and second factor, once; it can't be shown again. `is_new`: not a known operator
    who starts over."""

    email: str
    role: Role
    link: str
    expires_at: datetime
    is_new: bool


@dataclass(frozen=True, slots=True)
class OperatorView:
    """What owners see of an operator. `last_seen_at` is None for somebody who never signed in or was long away."""

    id: str
    email: str
    role: Role
    created_at: datetime
    ready_at: datetime | None
    disabled_at: datetime | None
    last_seen_at: datetime | None
    open_sessions: int
    recovery_codes: int

    @property
    def state(self) -> str:
        if self.disabled_at is not None:
            return "disabled"
        return "active" if self.ready_at is not None else "invited"


class Operators:
    """Every method is its own transaction and is audited in it. `by` is the actor: an operator's address or `cli`."""

    def __init__(self, database: Database, clock: Clock, settings: Settings) -> None:
        self._database, self._clock, self._settings = database, clock, settings

    def exist(self) -> bool:
        """Whether there is anybody who can sign in, or has been asked to set that up."""
        with self._database.read() as session:
            return bool(session.scalar(sa.select(sa.exists().where(Operator.disabled_at.is_(None)))))

    def add(self, email: str, role: Role | None, by: str) -> Invitation:
        """A new operator, or a known one who starts over (lost phone, disabled before): the link replaces password,
        second factor and recovery codes when it is used; older links end now. What a disabled one signed in with never
        counts again. Without `role` a known operator keeps theirs, the very first becomes owner and others operator.
        Raises `EmailInvalid`."""
        known_as = read_email(email)
        try:
            return self._add(known_as, role, by)
        except IntegrityError:
            # Somebody added the same address at the same moment: it is a known one now.
            return self._add(known_as, role, by)

    def all(self) -> list[OperatorView]:
        """Everybody, by address, disabled ones last."""
        now = self._clock.now()
        open_ones = sa.and_(*open_session(now, self._settings))
        sessions = (
            sa.select(
                OperatorSession.operator_id,
                sa.func.max(OperatorSession.last_seen_at).label("seen"),
                sa.func.sum(sa.case((open_ones, 1), else_=0)).label("open"),
            )
            .group_by(OperatorSession.operator_id).subquery()
        )  # fmt: skip
        codes = (
            sa.select(sa.func.count())
            .where(RecoveryCode.operator_id == Operator.id, RecoveryCode.used_at.is_(None))
            .scalar_subquery()
        )
        seen = sa.type_coerce(sessions.c.seen, OperatorSession.last_seen_at.type)
        query = (
            sa.select(Operator, seen, sessions.c.open, codes)
            .join(sessions, sessions.c.operator_id == Operator.id, isouter=True)
            .order_by(Operator.disabled_at.is_not(None), Operator.email)
        )  # fmt: skip
        with self._database.read() as session:
            return [
                OperatorView(
                    row.id, row.email, Role(row.role), row.created_at, row.ready_at, row.disabled_at, seen_at,
                    int(open_count or 0) if row.disabled_at is None else 0, left,
                )
                for row, seen_at, open_count, left in session.execute(query)
            ]  # fmt: skip

    def disable(self, email: str, by: str, *, even_last_owner: bool = False) -> None:
        """End an operator's rights, sessions and links at once. `OperatorUnknown`; `LastOwner` unless allowed."""
        with self._one(email) as (session, operator):
            if not even_last_owner:
                self._keep_an_owner(session, operator)
            if operator.disabled_at is not None:
                return
            operator.disabled_at = self._clock.now()
            self._end_sessions(session, operator.id)
            self._end_links(session, operator.id)
            self._note(session, operator, "operator.disabled", by)

    def change_role(self, email: str, role: Role, by: str) -> None:
        """Give an operator another role, at once, in open sessions too. `OperatorUnknown`, `LastOwner`."""
        with self._one(email) as (session, operator):
            if role != Role.OWNER:
                self._keep_an_owner(session, operator)
            before, operator.role = operator.role, role
            self._note(session, operator, "operator.role_changed", by, before=before, role=role)

    def end_sessions(self, email: str, by: str) -> int:
        """Sign an operator out everywhere; returns how many sessions ended."""
        with self._one(email) as (session, operator):
            ended = self._end_sessions(session, operator.id)
            self._note(session, operator, "operator.sessions_ended", by, ended=ended)
        return ended

    def _add(self, email: str, role: Role | None, by: str) -> Invitation:
        now, token = self._clock.now(), new_secret()
        with self._database.write() as session:
            _lock_owners(session)
            operator = session.scalar(sa.select(Operator).where(Operator.email == email).with_for_update())
            is_new = operator is None
            if operator is None:
                first = not session.scalar(sa.select(sa.exists().where(Operator.disabled_at.is_(None))))
                operator = Operator(
                    id=new_id(), email=email, role=role or (Role.OWNER if first else Role.OPERATOR), factor_step=0,
                    created_at=now,
                )  # fmt: skip
                session.add(operator)
                session.flush()
            else:
                if role is not None and role != Role.OWNER and operator.disabled_at is None:
                    self._keep_an_owner(session, operator)
                if operator.disabled_at is not None:
                    self._forget_secrets(session, operator)
                operator.role, operator.disabled_at = role or operator.role, None
            self._end_links(session, operator.id)
            expires_at = now + timedelta(hours=self._settings.operator_link_hours)
            session.add(
                OperatorLink(
                    id=new_id(), token_hash=token_hash(LINK_PURPOSE, token), operator_id=operator.id,
                    factor_seed=new_secret(), created_at=now, expires_at=expires_at,
                )
            )  # fmt: skip
            self._note(session, operator, "operator.invited", by, role=operator.role, again=not is_new)
            return Invitation(
                email,
                Role(operator.role),
                f"{self._settings.public_address}/console/set-up/{token}",
                expires_at,
                is_new,
            )

    @contextmanager
    def _one(self, email: str) -> Iterator[tuple[Transaction, Operator]]:
        with self._database.write() as session:
            _lock_owners(session)
            known_as = email.strip().lower()
            operator = session.scalar(sa.select(Operator).where(Operator.email == known_as).with_for_update())
            if operator is None:
                raise OperatorUnknown(who=known_as)
            yield session, operator

    def _forget_secrets(self, session: Transaction, operator: Operator) -> None:
        """Who was shut out comes back by the link alone, not by what they had before."""
        operator.ready_at = operator.password_hash = operator.factor_seed = None
        session.execute(sa.delete(RecoveryCode).where(RecoveryCode.operator_id == operator.id))

    def _keep_an_owner(self, session: Transaction, operator: Operator) -> None:
        if operator.role != Role.OWNER or operator.ready_at is None or operator.disabled_at is not None:
            return
        others = session.scalar(
            sa.select(sa.func.count()).select_from(Operator).where(
                Operator.role == Role.OWNER, Operator.ready_at.is_not(None), Operator.disabled_at.is_(None),
                Operator.id != operator.id,
            )
        )  # fmt: skip
        if not others:
            raise LastOwner(who=operator.email)

    def _end_sessions(self, session: Transaction, operator_id: str) -> int:
        ended = session.execute(
            sa.update(OperatorSession)
            .where(OperatorSession.operator_id == operator_id, OperatorSession.ended_at.is_(None))
            .values(ended_at=self._clock.now())
        )
        return int(ended.rowcount)  # type: ignore[attr-defined]

    def _end_links(self, session: Transaction, operator_id: str) -> None:
        session.execute(
            sa.update(OperatorLink)
            .where(OperatorLink.operator_id == operator_id, OperatorLink.used_at.is_(None))
            .values(used_at=self._clock.now())
        )

    def _note(self, session: Transaction, operator: Operator, event: str, by: str, **data: Any) -> None:
        audit.record(session, self._clock, event, operator.id, who=operator.email, by=by, **data)


def open_session(now: datetime, settings: Settings) -> tuple[sa.ColumnElement[bool], ...]:
    """What must hold of an operator's session for it to count at `now`."""
    return (
        OperatorSession.ended_at.is_(None),
        OperatorSession.expires_at > now,
        OperatorSession.last_seen_at > now - timedelta(minutes=settings.console_idle_minutes),
    )


def _lock_owners(session: Transaction) -> None:
    """First and in one order, so that two owners can't end each other at the same moment."""
    owners = sa.select(Operator).where(Operator.role == Role.OWNER).order_by(Operator.id).with_for_update()
    session.scalars(owners).all()
