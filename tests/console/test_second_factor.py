"""Two factors, each code once, few tries; sessions that end by themselves. On a database alone, with its own clock."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pyotp
import pytest
import sqlalchemy as sa
from argon2 import PasswordHasher

from makegood.accounts.errors import (
    FactorWrong,
    LastOwner,
    OperatorSignInFailed,
    SetUpLinkInvalid,
    TooManyTries,
)
from makegood.accounts.operator_models import Role
from makegood.accounts.operator_sign_in import ActingOperator, OperatorSignIn
from makegood.accounts.operators import Operators
from makegood.kernel import schema
from makegood.kernel.audit import AuditEvent
from makegood.kernel.database import Database
from makegood.kernel.settings import Settings
from makegood.kernel.signing import Signer

EMAIL, PASSWORD = "kim@example.com", "four boats upon a pond"


class StillClock:
    """A clock that moves only when it is told to: hashing takes long enough for a code to change."""

    def __init__(self) -> None:
        self.moment = datetime(2026, 6, 14, 12, 0, 5, tzinfo=UTC)

    def now(self) -> datetime:
        return self.moment


@dataclass
class Door:
    """The door of the console, an operator in front of it, and the app on their phone."""

    home: Path
    database: Database
    operators: Operators
    sign_in: OperatorSignIn
    clock: StillClock
    codes: list[str]
    secret: str = ""

    def invite(self, email: str = EMAIL, role: Role | None = None) -> str:
        return self.operators.add(email, role, "cli").link.rsplit("/", 1)[-1]

    def set_up(self, token: str, email: str = EMAIL) -> str:
        """Use the link; returns the cookie."""
        address = self.sign_in.look_at_link(token).factor_address
        self.secret = parse_qs(urlsplit(address).query)["secret"][0]
        self.codes, cookie = self.sign_in.set_up(token, PASSWORD, self.code())
        return cookie

    def code(self, **later: float) -> str:
        """What the phone shows, with its clock off by so much."""
        return pyotp.TOTP(self.secret).at(int((self.clock.now() + timedelta(**later)).timestamp()))

    def later(self, **duration: float) -> None:
        self.clock.moment += timedelta(**duration)

    def enter(self, code: str, password: str = PASSWORD, email: str = EMAIL) -> str:
        return self.sign_in.sign_in(email, password, code, address="10.0.0.1")

    def is_refused(self, code: str, password: str = PASSWORD, email: str = EMAIL) -> bool:
        with pytest.raises(OperatorSignInFailed):
            self.enter(code, password, email)
        return True

    def who(self, cookie: str) -> ActingOperator | None:
        return self.sign_in.identify(cookie)

    def audited(self, event: str) -> list[AuditEvent]:
        with self.database.read() as session:
            return list(session.scalars(sa.select(AuditEvent).where(AuditEvent.event == event)))


@pytest.fixture(scope="module")
def migrated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty database with all tables."""
    database = Database(Settings(home=tmp_path_factory.mktemp("migrated")).database)
    schema.migrate(database)
    database.close()
    return Path(str(database.engine.url.database))


@pytest.fixture
def door(tmp_path: Path, migrated: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Door]:
    cheap = PasswordHasher(time_cost=1, memory_cost=1024, parallelism=1)
    monkeypatch.setattr("makegood.accounts.passwords.PasswordHasher", lambda: cheap)
    shutil.copy(migrated, tmp_path / "shop.db")
    settings = Settings(home=tmp_path)
    database, clock = Database(settings.database), StillClock()
    sign_in = OperatorSignIn(database, clock, settings, Signer(b"test"))
    yield Door(tmp_path, database, Operators(database, clock, settings), sign_in, clock, [])
    database.close()


@pytest.fixture
def ready(door: Door) -> Door:
    """An operator who is set up, half a minute later."""
    door.set_up(door.invite())
    door.later(seconds=30)
    return door


def test_password_and_code_open_a_session_and_both_are_needed(ready: Door) -> None:
    assert ready.is_refused(ready.code(), password="four boats upon a lake")
    assert ready.is_refused("000000")
    assert ready.is_refused("")
    assert ready.is_refused(ready.code(), email="nobody@example.com")
    who = ready.who(ready.enter(ready.code()))
    assert who is not None
    assert (who.email, who.role) == (EMAIL, Role.OWNER)


def test_a_code_that_was_used_is_refused_while_it_still_shows(ready: Door) -> None:
    code = ready.code()
    ready.enter(code)
    assert ready.is_refused(code)
    ready.later(seconds=30)
    assert ready.is_refused(code)
    ready.enter(ready.code())


def test_the_code_that_proved_the_set_up_signs_nobody_in(door: Door) -> None:
    door.set_up(door.invite())
    assert door.is_refused(door.code())


def test_an_older_code_than_the_one_that_was_used_is_refused(ready: Door) -> None:
    before = ready.code()
    ready.later(seconds=30)
    ready.enter(ready.code())
    assert ready.is_refused(before)


@pytest.mark.parametrize(("off", "is_let_in"), [(-30, True), (30, True), (-90, False), (90, False)])
def test_a_phone_may_be_half_a_minute_off_and_no_more(ready: Door, off: int, is_let_in: bool) -> None:
    ready.later(minutes=10)
    code = ready.code(seconds=off)
    if is_let_in:
        assert ready.who(ready.enter(code))
    else:
        assert ready.is_refused(code)


def test_five_failures_close_the_door_for_a_while_even_for_the_right_code(ready: Door) -> None:
    for _ in range(5):
        assert ready.is_refused("123456")
    with pytest.raises(TooManyTries):
        ready.enter(ready.code())
    ready.later(minutes=16)
    assert ready.who(ready.enter(ready.code()))


def test_right_sign_ins_are_not_counted(ready: Door) -> None:
    for _ in range(8):
        ready.enter(ready.code())
        ready.later(seconds=30)


def test_a_recovery_code_stands_in_once(ready: Door) -> None:
    code = ready.codes[0]
    assert ready.who(ready.enter(code.lower().replace("-", " ").replace(" ", "")))
    assert ready.is_refused(code)
    assert ready.who(ready.enter(ready.codes[1]))
    assert ready.operators.all()[0].recovery_codes == 8


def test_a_session_ends_when_it_is_idle_and_after_half_a_day_in_any_case(ready: Door) -> None:
    idle = ready.enter(ready.code())
    ready.later(minutes=31)
    assert ready.who(idle) is None
    busy = ready.enter(ready.code())
    for _ in range(12 * 3 - 1):
        ready.later(minutes=20)
        assert ready.who(busy)
    ready.later(minutes=20)
    assert ready.who(busy) is None


def test_a_set_up_link_works_once_and_only_the_newest(door: Door) -> None:
    first = door.invite()
    newest = door.invite()
    with pytest.raises(SetUpLinkInvalid):
        door.sign_in.look_at_link(first)
    door.set_up(newest)
    with pytest.raises(SetUpLinkInvalid):
        door.set_up(newest)
    late = door.invite("lee@example.com")
    door.later(hours=25)
    with pytest.raises(SetUpLinkInvalid):
        door.sign_in.look_at_link(late)


def test_a_wrong_first_code_sets_nothing_up(door: Door) -> None:
    token = door.invite()
    with pytest.raises(FactorWrong):
        door.sign_in.set_up(token, PASSWORD, "000000")
    door.set_up(token)


def test_starting_over_ends_what_there_was(ready: Door) -> None:
    cookie, old_codes, old_secret = ready.enter(ready.code()), ready.codes, ready.secret
    token = ready.invite()
    assert ready.who(cookie), "until the link is used"
    ready.set_up(token)
    ready.later(seconds=30)
    assert ready.who(cookie) is None
    assert ready.is_refused(old_codes[5])
    assert ready.is_refused(pyotp.TOTP(old_secret).at(int(ready.clock.now().timestamp())))
    assert ready.who(ready.enter(ready.code()))


def test_disabling_ends_sessions_and_links_at_once(ready: Door) -> None:
    token = ready.invite("lee@example.com", Role.VIEWER)
    cookie = ready.set_up(token, "lee@example.com")
    again = ready.invite("lee@example.com")
    ready.operators.disable("Lee@example.com", EMAIL)
    assert ready.who(cookie) is None
    ready.later(seconds=30)
    assert ready.is_refused(ready.code(), email="lee@example.com")
    with pytest.raises(SetUpLinkInvalid):
        ready.sign_in.look_at_link(again)


def test_a_disabled_operator_who_is_asked_back_comes_in_by_the_new_link_alone(ready: Door) -> None:
    lee = "lee@example.com"
    ready.set_up(ready.invite(lee, Role.VIEWER), lee)
    ready.operators.disable(lee, EMAIL)
    ready.later(seconds=30)

    token = ready.invite(lee)

    assert ready.is_refused(ready.code(), email=lee)
    assert ready.is_refused(ready.codes[0], email=lee)
    [view] = [view for view in ready.operators.all() if view.email == lee]
    assert (view.state, view.role, view.recovery_codes) == ("invited", Role.VIEWER, 0)
    ready.set_up(token, lee)
    ready.later(seconds=30)
    assert ready.who(ready.enter(ready.code(), email=lee))


def test_the_last_owner_stays(ready: Door) -> None:
    with pytest.raises(LastOwner):
        ready.operators.disable(EMAIL, EMAIL)
    with pytest.raises(LastOwner):
        ready.operators.change_role(EMAIL, Role.VIEWER, EMAIL)
    with pytest.raises(LastOwner):
        ready.operators.add(EMAIL, Role.VIEWER, EMAIL)
    ready.set_up(ready.invite("lee@example.com", Role.OWNER), "lee@example.com")
    ready.operators.disable(EMAIL, "lee@example.com")


def test_a_copy_of_the_database_alone_gives_no_code(ready: Door) -> None:
    with closing(sqlite3.connect(ready.home / "shop.db")) as stolen:
        kept = "\n".join(stolen.iterdump())
    assert ready.secret not in kept
    assert not [code for code in ready.codes if code in kept or code.replace("-", "") in kept]


def test_every_sign_in_and_every_failure_is_in_the_audit_log(ready: Door) -> None:
    ready.enter(ready.code())
    ready.is_refused("000000")
    ready.is_refused(ready.code(), password="wrong")
    ready.is_refused(ready.code(), email="hunter2@example.com")
    assert [event.data["by"] for event in ready.audited("operator.signed_in")] == [EMAIL, EMAIL]
    failures = [(event.data["who"], event.data["wrong"]) for event in ready.audited("operator.sign_in_failed")]
    assert failures == [(EMAIL, "second factor"), (EMAIL, "password"), ("somebody unknown", "address")]
