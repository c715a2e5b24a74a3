"""How operators come in: setting up by a one-time link, password and second factor, sessions that end by themselves."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.orm import Session as Transaction

from makegood.accounts.callers import LONGEST_USER_AGENT
from makegood.accounts.emails import read_email
from makegood.accounts.errors import EmailInvalid, FactorWrong, OperatorSignInFailed, SetUpLinkInvalid
from makegood.accounts.limits import OPERATORS_PER_ADDRESS, OPERATORS_PER_EMAIL, Limits
from makegood.accounts.models import token_hash
from makegood.accounts.operator_models import Operator, OperatorLink, OperatorSession, RecoveryCode, Role
from makegood.accounts.operators import LINK_PURPOSE, open_session
from makegood.accounts.passwords import Passwords
from makegood.accounts.second_factor import SecondFactor, new_recovery_codes
from makegood.kernel import audit
from makegood.kernel.clock import Clock
from makegood.kernel.database import Database
from makegood.kernel.ids import new_id, new_secret
from makegood.kernel.settings import Settings
from makegood.kernel.signing import Signer

SESSION_PURPOSE = "operator_session"
SEEN_NOTED_EVERY = timedelta(minutes=1)
ENDED_KEPT = timedelta(days=30)
"""How long ended sessions are remembered: a browser that comes back is asked to sign in, a stranger's is not."""


@dataclass(frozen=True, slots=True)
class ActingOperator:
    """The operator behind a request."""

    id: str
    email: str
    role: Role
    session_id: str

    def may(self, role: Role) -> bool:
        """Whether they may do what `role` may."""
        return self.role.includes(role)


@dataclass(frozen=True, slots=True)
class SetUp:
    """What the set-up page shows: whose it is, and the new second factor as a secret and as an `otpauth:` address."""

    email: str
    role: Role
    secret: str
    factor_address: str


@dataclass(frozen=True, slots=True)
class OperatorSessionView:
    """One of an operator's open sessions; `is_this` marks the one that asks."""

    id: str
    user_agent: str
    address: str
    created_at: datetime
    last_seen_at: datetime
    is_this: bool


class OperatorSignIn:
    """The console's door. Every method is its own transaction; whatever succeeds or fails here is audited."""

    def __init__(self, database: Database, clock: Clock, settings: Settings, signer: Signer) -> None:
        self._database, self._clock, self._settings = database, clock, settings
        self._limits, self._passwords = Limits(clock, signer), Passwords()
        self._factor = SecondFactor(signer, settings.shop_name)

    def look_at_link(self, token: str) -> SetUp:
        """What the link sets up; it stays unused. Raises `SetUpLinkInvalid`."""
        with self._database.read() as session:
            link, operator = self._usable(session, token)
            return SetUp(
                operator.email, Role(operator.role), self._factor.secret(link.factor_seed),
                self._factor.address(link.factor_seed, operator.email),
            )  # fmt: skip

    def set_up(
        self, token: str, password: str, code: str, *, address: str = "", user_agent: str = ""
    ) -> tuple[list[str], str]:
        """Set password and second factor, which `code` proves to work; ends every session and recovery code there was.
        Returns the recovery codes, which can't be shown again, and the value of the cookie of a new session. Of several
        at once one wins. Raises `SetUpLinkInvalid`, `PasswordUnfit`, `FactorWrong`."""
        setting_up = self.look_at_link(token)
        hashed = self._passwords.hash(password, email=setting_up.email)
        now = self._clock.now()
        with self._database.write() as session:
            link, operator = self._usable(session, token)
            step = self._factor.step_of(link.factor_seed, code, now)
            if step is None:
                raise FactorWrong
            won = session.execute(
                sa.update(OperatorLink)
                .where(OperatorLink.id == link.id, OperatorLink.used_at.is_(None))
                .values(used_at=now)
            )
            if won.rowcount != 1:  # type: ignore[attr-defined]
                raise SetUpLinkInvalid
            operator.password_hash, operator.factor_seed = hashed, link.factor_seed
            operator.factor_step, operator.ready_at = step, now
            session.execute(
                sa.update(OperatorSession)
                .where(OperatorSession.operator_id == operator.id, OperatorSession.ended_at.is_(None))
                .values(ended_at=now)
            )
            codes = self._new_codes(session, operator.id)
            audit.record(session, self._clock, "operator.set_up", operator.id, who=operator.email, by=operator.email)
            return codes, self._open(session, operator, address, user_agent, "link")

    def sign_in(self, email: str, password: str, code: str, *, address: str = "", user_agent: str = "") -> str:
        """Sign in with password and second factor: six digits that were not used before, or a recovery code. Returns
        the cookie's value. `OperatorSignInFailed` is the one answer to everything that is wrong; `TooManyTries` counts
        failures per operator and per network address."""
        known, taken = self._count_try(email, address)
        # Outside of any transaction: hashing takes long on purpose.
        is_right = self._passwords.is_right(password, known.password_hash if known else None)
        with self._database.write() as session:
            operator = self._locked(session, known.id) if known else None
            by = None
            if (
                known
                and operator
                and is_right
                and operator.password_hash == known.password_hash
                and _is_active(operator)
            ):
                by = self._second_factor(session, operator, code)
            if operator is not None and by is not None:
                self._limits.give_back(session, taken)
                return self._open(session, operator, address, user_agent, by)
            self._note_failure(session, operator, address, "second factor" if is_right else "password")
        raise OperatorSignInFailed

    def identify(self, cookie: str | None) -> ActingOperator | None:
        """Who is behind the cookie, if their session is open and they are not disabled. Being asked keeps it open."""
        if not cookie:
            return None
        now = self._clock.now()
        query = (
            sa.select(OperatorSession, Operator)
            .join(Operator, Operator.id == OperatorSession.operator_id)
            .where(
                OperatorSession.token_hash == token_hash(SESSION_PURPOSE, cookie), *open_session(now, self._settings)
            )
            .where(Operator.disabled_at.is_(None), Operator.ready_at.is_not(None))
        )
        with self._database.read() as session:
            found = session.execute(query).one_or_none()
        if found is None:
            return None
        row, operator = found
        if row.last_seen_at < now - SEEN_NOTED_EVERY:
            with self._database.write() as session:
                session.execute(
                    sa.update(OperatorSession)
                    .where(OperatorSession.id == row.id, OperatorSession.ended_at.is_(None))
                    .values(last_seen_at=now)
                )
        return ActingOperator(operator.id, operator.email, Role(operator.role), row.id)

    def was_signed_in(self, cookie: str | None) -> bool:
        """Whether the cookie is one of ours, though its session may have ended: then its browser is asked to sign in,
        where a stranger's is told that there is nothing."""
        if not cookie:
            return False
        known = sa.exists().where(OperatorSession.token_hash == token_hash(SESSION_PURPOSE, cookie))
        with self._database.read() as session:
            return bool(session.scalar(sa.select(known)))

    def sessions(self, who: ActingOperator) -> list[OperatorSessionView]:
        """The operator's own open sessions, newest first."""
        query = (
            sa.select(OperatorSession)
            .where(OperatorSession.operator_id == who.id, *open_session(self._clock.now(), self._settings))
            .order_by(OperatorSession.id.desc())
        )
        with self._database.read() as session:
            return [
                OperatorSessionView(
                    row.id, row.user_agent, row.address, row.created_at, row.last_seen_at, row.id == who.session_id
                )
                for row in session.scalars(query)
            ]

    def end_session(self, who: ActingOperator, session_id: str) -> bool:
        """End one of the operator's own sessions (their present one: sign out). Returns whether it was open."""
        with self._database.write() as session:
            ended = session.execute(
                sa.update(OperatorSession)
                .where(OperatorSession.id == session_id, OperatorSession.operator_id == who.id)
                .where(OperatorSession.ended_at.is_(None))
                .values(ended_at=self._clock.now())
            )
            if ended.rowcount != 1:  # type: ignore[attr-defined]
                return False
            audit.record(
                session, self._clock, "operator.signed_out", who.id, who=who.email, by=who.email, ended=session_id
            )
        return True

    def forget_expired(self) -> None:
        """Delete sessions and links that ended long ago; safe at any moment."""
        long_ago = self._clock.now() - ENDED_KEPT
        with self._database.write() as session:
            session.execute(sa.delete(OperatorSession).where(OperatorSession.expires_at < long_ago))
            session.execute(sa.delete(OperatorLink).where(OperatorLink.expires_at < long_ago))

    def _usable(self, session: Transaction, token: str) -> tuple[OperatorLink, Operator]:
        query = (
            sa.select(OperatorLink, Operator)
            .join(Operator, Operator.id == OperatorLink.operator_id)
            .where(OperatorLink.token_hash == token_hash(LINK_PURPOSE, token))
            .where(OperatorLink.used_at.is_(None), OperatorLink.expires_at > self._clock.now())
            .where(Operator.disabled_at.is_(None))
        )
        found = session.execute(query).one_or_none()
        if found is None:
            raise SetUpLinkInvalid
        return found

    def _count_try(self, email: str, address: str) -> tuple[Operator | None, list[str]]:
        """The operator of that address, if any, and the try counted before it is checked. The row is locked while it
        counts, so that many tries at the same moment can't pass the limit together."""
        try:
            known_as = read_email(email)
        except EmailInvalid:
            known_as = ""
        with self._database.write() as session:
            known = session.scalar(sa.select(Operator).where(Operator.email == known_as).with_for_update())
            taken = self._limits.take(session, (OPERATORS_PER_EMAIL, known_as), (OPERATORS_PER_ADDRESS, address))
        return (known if known is not None and _is_active(known) else None), taken

    def _locked(self, session: Transaction, operator_id: str) -> Operator:
        query = sa.select(Operator).where(Operator.id == operator_id).with_for_update()
        return session.scalars(query.execution_options(populate_existing=True)).one()

    def _second_factor(self, session: Transaction, operator: Operator, code: str) -> str | None:
        """How the second factor was given, used up in the caller's transaction; None if it is wrong or was used."""
        now = self._clock.now()
        step = self._factor.step_of(operator.factor_seed or "", code, now)
        if step is not None:
            used = session.execute(
                sa.update(Operator)
                .where(Operator.id == operator.id, Operator.factor_step < step)
                .values(factor_step=step)
            )
            return "code" if used.rowcount == 1 else None  # type: ignore[attr-defined]
        used = session.execute(
            sa.update(RecoveryCode)
            .where(RecoveryCode.operator_id == operator.id, RecoveryCode.used_at.is_(None))
            .where(RecoveryCode.code_hash == self._factor.recovery_hash(operator.id, code))
            .values(used_at=now)
        )
        return "recovery code" if used.rowcount == 1 else None  # type: ignore[attr-defined]

    def _new_codes(self, session: Transaction, operator_id: str) -> list[str]:
        codes = new_recovery_codes()
        session.execute(sa.delete(RecoveryCode).where(RecoveryCode.operator_id == operator_id))
        session.add_all(
            RecoveryCode(operator_id=operator_id, code_hash=self._factor.recovery_hash(operator_id, code))
            for code in codes
        )
        return codes

    def _open(self, session: Transaction, operator: Operator, address: str, user_agent: str, factor: str) -> str:
        now, cookie = self._clock.now(), new_secret()
        session.add(
            OperatorSession(
                id=new_id(), token_hash=token_hash(SESSION_PURPOSE, cookie), operator_id=operator.id,
                user_agent=user_agent[:LONGEST_USER_AGENT], address=address[:64], created_at=now, last_seen_at=now,
                expires_at=now + timedelta(hours=self._settings.console_hours),
            )
        )  # fmt: skip
        audit.record(
            session, self._clock, "operator.signed_in", operator.id, who=operator.email, by=operator.email,
            factor=factor, address=address,
        )  # fmt: skip
        return cookie

    def _note_failure(self, session: Transaction, operator: Operator | None, address: str, wrong: str) -> None:
        # People type passwords into the wrong field: of an unknown address nothing is kept.
        audit.record(
            session, self._clock, "operator.sign_in_failed", operator.id if operator else "unknown",
            who=operator.email if operator else "somebody unknown", wrong=wrong if operator else "address",
            address=address,
        )  # fmt: skip


def _is_active(operator: Operator) -> bool:
    return operator.disabled_at is None and operator.ready_at is not None
