"""Who a cookie or a key belongs to, what is theirs, and how it ends."""

from __future__ import annotations

import pytest

from makegood.accounts import NOBODY, Caller, Scope, owns
from makegood.accounts.errors import ApiKeyInvalid, ScopeMissing, SignInNeeded, TooManyKeys
from makegood.kernel.errors import NotFound
from tests.accounts.front_door import Door


@pytest.mark.parametrize("cookie", [None, "", "made-up", "mgk_made-up"])
def test_a_cookie_that_is_none_of_ours_is_nobodys(door: Door, cookie: str | None) -> None:
    assert door.accounts.identify(cookie=cookie, bearer=None) == NOBODY


def test_a_session_lives_while_it_is_used_and_ends_when_it_is_not(door: Door) -> None:
    guest, cookie = door.accounts.visit()
    for _ in range(3):
        door.later(days=20)
        assert door.who(cookie) == guest
    door.later(days=31)
    assert door.who(cookie) == NOBODY


def test_signing_out_ends_this_session_only(door: Door) -> None:
    here, cookie = door.by_link("anna@example.org")
    there, other = door.by_link("anna@example.org")
    door.accounts.sign_out(here)
    door.accounts.sign_out(NOBODY)
    assert door.who(cookie) == NOBODY and door.who(other) == there


def test_a_session_can_be_ended_from_another_by_its_customer_only(door: Door) -> None:
    lost, cookie = door.by_link("anna@example.org")
    here, _ = door.by_link("anna@example.org")
    ben, _ = door.by_link("ben@example.org")
    assert [view.is_this for view in door.accounts.sessions(here)] == [True, False]
    with pytest.raises(NotFound):
        door.accounts.end_session(str(lost.session_id), ben)
    assert door.who(cookie) == lost
    door.accounts.end_session(str(lost.session_id), here)
    assert door.who(cookie) == NOBODY and len(door.accounts.sessions(here)) == 1


def test_a_key_speaks_for_its_customer_until_it_is_revoked(door: Door) -> None:
    anna, cookie = door.by_link("anna@example.org")
    view, secret = door.accounts.make_key(" my\nprogram ", anna)
    assert secret.startswith("mgk_") and secret.startswith(view.prefix) and view.name == "my program"
    caller = door.accounts.identify(cookie=cookie, bearer=secret)
    assert (caller.customer_id, caller.email, caller.via) == (anna.customer_id, "anna@example.org", "api_key")
    assert door.accounts.keys(anna)[0].last_used_at is not None
    ben, _ = door.by_link("ben@example.org")
    with pytest.raises(NotFound):
        door.accounts.revoke_key(view.id, ben)
    door.accounts.revoke_key(view.id, anna)
    with pytest.raises(ApiKeyInvalid):
        door.accounts.identify(cookie=cookie, bearer=secret)
    assert door.accounts.keys(anna) == []
    with pytest.raises(NotFound):
        door.accounts.revoke_key(view.id, anna)


@pytest.mark.parametrize("bearer", ["", "mgk_", "mgk_made-up", "made-up"])
def test_a_wrong_key_is_an_error_even_beside_a_good_cookie(door: Door, bearer: str) -> None:
    _, cookie = door.accounts.visit()
    with pytest.raises(ApiKeyInvalid):
        door.accounts.identify(cookie=cookie, bearer=bearer)


def test_a_key_that_may_only_read_may_not_order(door: Door) -> None:
    anna, _ = door.by_link("anna@example.org")
    _, secret = door.accounts.make_key("reader", anna, [Scope.READ])
    caller = door.accounts.identify(cookie=None, bearer=secret)
    caller.need(Scope.READ)
    anna.need(Scope.ORDER)
    with pytest.raises(ScopeMissing):
        caller.need(Scope.ORDER)


def test_keys_and_strangers_can_not_reach_the_account(door: Door) -> None:
    anna, _ = door.by_link("anna@example.org")
    _, secret = door.accounts.make_key("program", anna)
    for caller in (NOBODY, door.accounts.visit()[0], door.accounts.identify(cookie=None, bearer=secret)):
        for reach in (door.accounts.sessions, door.accounts.keys, lambda who: door.accounts.make_key("x", who)):
            with pytest.raises(SignInNeeded):
                reach(caller)


def test_keys_do_not_grow_without_end(door: Door) -> None:
    anna, _ = door.by_link("anna@example.org")
    made = [door.accounts.make_key(f"key {number}", anna)[0] for number in range(20)]
    with pytest.raises(TooManyKeys):
        door.accounts.make_key("one more", anna)
    door.accounts.revoke_key(made[0].id, anna)
    door.accounts.make_key("one more", anna)


ORDER = {"visitor_id": "v1", "customer_id": None, "email": "anna@example.org"}


@pytest.mark.parametrize(
    ("caller", "theirs"),
    [
        (Caller("v1", None, None, "session"), True),
        (Caller("v2", None, None, "session"), False),
        (Caller("v2", "c1", "anna@example.org", "session"), True),
        (Caller(None, "c1", "anna@example.org", "api_key"), True),
        (Caller("v2", "c1", None, "session"), False),
        (Caller("v2", "c2", "ben@example.org", "session"), False),
        (NOBODY, False),
    ],
)
def test_a_guest_order_is_its_visitors_and_of_whoever_proved_the_address(caller: Caller, theirs: bool) -> None:
    assert owns(caller, **ORDER) is theirs


def test_nobody_owns_what_belongs_to_nobody() -> None:
    assert not owns(NOBODY, visitor_id=None, customer_id=None, email=None)
    assert owns(Caller("v2", "c1", None, "session"), visitor_id="v1", customer_id="c1", email=None)


def test_what_expired_is_forgotten_and_what_is_alive_stays(door: Door) -> None:
    old, _ = door.by_link("old@example.org")
    token = door.token("late@example.org")
    door.later(days=31)
    anna, cookie = door.by_link("anna@example.org")
    door.accounts.forget_expired()
    assert door.who(cookie) == anna
    with pytest.raises(Exception, match="LINK_INVALID"):
        door.accounts.use_link(token, NOBODY)
    with pytest.raises(NotFound):
        door.accounts.end_session(str(old.session_id), door.by_link("old@example.org")[0])
