"""Signing in with a password, and setting one."""

from __future__ import annotations

import threading
from collections import Counter

import pytest
import sqlalchemy as sa
from argon2 import PasswordHasher

from makegood.accounts import NOBODY, Caller
from makegood.accounts.errors import PasswordUnfit, PasswordWrong, SignInFailed, SignInNeeded, TooManyTries
from makegood.accounts.models import Customer
from tests.accounts.front_door import Door

RIGHT = "a good long password"
WRONG = "another long password"


@pytest.fixture
def anna(door: Door) -> Caller:
    caller, _ = door.by_link("anna@example.org")
    door.accounts.set_password(RIGHT, caller)
    return caller


def test_the_right_password_signs_in_under_a_new_cookie(door: Door, anna: Caller) -> None:
    guest, planted = door.accounts.visit()
    caller, cookie = door.accounts.sign_in("Anna@example.org", RIGHT, guest)
    assert caller.customer_id == anna.customer_id and caller.email == "anna@example.org"
    assert caller.visitor_id == guest.visitor_id and door.who(planted) == NOBODY and door.who(cookie) == caller


def test_the_same_letters_typed_on_another_keyboard_are_the_same_password(door: Door, anna: Caller) -> None:
    door.accounts.set_password("passwörd für anna", anna)
    door.accounts.sign_in("anna@example.org", "passwo\u0308rd fu\u0308r anna", NOBODY)


def test_unknown_address_no_password_and_wrong_password_are_answered_alike(door: Door, anna: Caller) -> None:
    door.by_link("linked@example.org")
    answers = set()
    for email in ("anna@example.org", "linked@example.org", "stranger@example.org"):
        with pytest.raises(SignInFailed) as raised:
            door.accounts.sign_in(email, WRONG, NOBODY)
        answers.add((raised.value.code, str(raised.value), raised.value.for_customer()))
    assert len(answers) == 1


def test_an_unknown_address_costs_a_hash_too(door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    checked: list[str] = []
    hasher = door.accounts._passwords._hasher
    verify = type(hasher).verify

    def watched(self: PasswordHasher, known: str, given: str) -> bool:
        checked.append(known)
        return verify(self, known, given)

    monkeypatch.setattr(type(hasher), "verify", watched)
    with pytest.raises(SignInFailed):
        door.accounts.sign_in("stranger@example.org", WRONG, NOBODY)
    assert len(checked) == 1 and checked[0].startswith("$argon2id$")


def test_ten_wrong_passwords_close_the_door_for_a_while_even_to_the_right_one(door: Door, anna: Caller) -> None:
    for _ in range(10):
        with pytest.raises(SignInFailed):
            door.accounts.sign_in("anna@example.org", WRONG, NOBODY)
    with pytest.raises(TooManyTries) as raised:
        door.accounts.sign_in("anna@example.org", RIGHT, NOBODY)
    assert 0 < raised.value.facts["retry_after"] <= 900
    door.by_link("anna@example.org")
    door.later(minutes=16)
    door.accounts.sign_in("anna@example.org", RIGHT, NOBODY)


def test_guesses_at_the_same_moment_can_not_pass_the_limit_together(door: Door, anna: Caller) -> None:
    outcomes: list[str] = []

    def guess() -> None:
        try:
            door.accounts.sign_in("anna@example.org", WRONG, NOBODY)
        except (SignInFailed, TooManyTries) as error:
            outcomes.append(error.code)

    threads = [threading.Thread(target=guess) for _ in range(14)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert Counter(outcomes) == {"SIGN_IN_FAILED": 10, "TOO_MANY_TRIES": 4}


def test_right_passwords_use_nothing_up(door: Door, anna: Caller) -> None:
    for _ in range(12):
        door.accounts.sign_in("anna@example.org", RIGHT, NOBODY, address="203.0.113.9")


def test_many_addresses_from_one_network_are_limited_too(door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(door.accounts._passwords, "is_right", lambda password, known: False)
    for number in range(30):
        with pytest.raises(SignInFailed):
            door.accounts.sign_in(f"a{number}@example.org", WRONG, NOBODY, address="203.0.113.9")
    with pytest.raises(TooManyTries):
        door.accounts.sign_in("fresh@example.org", WRONG, NOBODY, address="203.0.113.9")
    with pytest.raises(SignInFailed):
        door.accounts.sign_in("fresh@example.org", WRONG, NOBODY, address="203.0.113.10")


def test_only_somebody_signed_in_in_a_browser_can_set_a_password(door: Door, anna: Caller) -> None:
    _, key = door.accounts.make_key("program", anna)
    guest, _ = door.accounts.visit()
    for caller in (NOBODY, guest, door.accounts.identify(cookie=None, bearer=key)):
        with pytest.raises(SignInNeeded):
            door.accounts.set_password(WRONG, caller)


def test_changing_it_needs_the_present_one_and_ends_the_other_sessions(door: Door, anna: Caller) -> None:
    elsewhere, cookie = door.accounts.sign_in("anna@example.org", RIGHT, NOBODY)
    here, stays = door.accounts.sign_in("anna@example.org", RIGHT, NOBODY)
    for current in (None, WRONG):
        with pytest.raises(PasswordWrong):
            door.accounts.set_password(WRONG, here, current=current)
    assert door.who(cookie) == elsewhere
    door.accounts.set_password(WRONG, here, current=RIGHT)
    assert door.who(cookie) == NOBODY and door.who(stays) == here
    door.accounts.sign_in("anna@example.org", WRONG, NOBODY)


def test_a_forgotten_one_is_replaced_just_after_a_link_but_not_much_later(door: Door, anna: Caller) -> None:
    caller, _ = door.by_link("anna@example.org")
    door.accounts.set_password(WRONG, caller)
    door.later(hours=2)
    with pytest.raises(PasswordWrong):
        door.accounts.set_password(RIGHT, caller)


@pytest.mark.parametrize("unfit", ["", "short", "aaaaaaaaaaaaaaa", "Anna@example.org", "x1" * 200])
def test_an_unfit_password_is_refused_and_the_old_one_stays(door: Door, anna: Caller, unfit: str) -> None:
    with pytest.raises(PasswordUnfit):
        door.accounts.set_password(unfit, anna)
    door.accounts.sign_in("anna@example.org", RIGHT, NOBODY)


def test_a_password_set_before_the_address_was_proved_is_void(door: Door, anna: Caller) -> None:
    with door.database.write() as session:
        session.execute(sa.update(Customer).values(verified_at=None))
    unproved, _ = door.accounts.sign_in("anna@example.org", RIGHT, NOBODY)
    assert unproved.email is None, "the address is not theirs yet"
    door.by_link("anna@example.org")
    with pytest.raises(SignInFailed):
        door.accounts.sign_in("anna@example.org", RIGHT, NOBODY)
