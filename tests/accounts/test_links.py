"""Signing in with a mailed link."""

from __future__ import annotations

import threading
from collections import Counter

import pytest

from makegood.accounts import NOBODY, Caller, read_email
from makegood.accounts.errors import EmailInvalid, LinkExpired, LinkInvalid, LinkUsed, TooManyTries
from makegood.kernel.errors import MakegoodError
from tests.accounts.front_door import Door


def test_the_link_signs_in_and_proves_the_address(door: Door) -> None:
    caller, cookie = door.by_link("anna@example.org")
    assert caller.is_signed_in and caller.email == "anna@example.org"
    assert door.who(cookie) == caller


def test_coming_back_it_is_the_same_customer_however_the_address_is_typed(door: Door) -> None:
    first, _ = door.by_link("anna@example.org")
    door.accounts.request_link(" ANNA@Example.org ", NOBODY)
    again, _ = door.by_link("anna@example.org")
    assert again.customer_id == first.customer_id and again.session_id != first.session_id
    assert len(door.mails_to(read_email("ANNA@Example.org"))) == 3


def test_of_eight_at_the_same_moment_exactly_one_wins(door: Door) -> None:
    token = door.token("anna@example.org")
    outcomes: list[str] = []
    start = threading.Barrier(8)

    def use() -> None:
        start.wait()
        try:
            door.accounts.use_link(token, NOBODY)
            outcomes.append("in")
        except LinkUsed:
            outcomes.append("used")

    threads = [threading.Thread(target=use) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert Counter(outcomes) == {"in": 1, "used": 7}


def test_looking_at_a_link_does_not_use_it_up(door: Door) -> None:
    token = door.token("anna@example.org")
    assert [door.accounts.look_at_link(token) for _ in range(3)] == ["anna@example.org"] * 3
    door.accounts.use_link(token, NOBODY)
    with pytest.raises(LinkUsed):
        door.accounts.look_at_link(token)


def test_an_old_link_is_refused(door: Door) -> None:
    token = door.token("anna@example.org")
    door.later(minutes=31)
    for use in (lambda: door.accounts.look_at_link(token), lambda: door.accounts.use_link(token, NOBODY)):
        with pytest.raises(LinkExpired):
            use()


def test_a_secret_for_something_else_is_no_sign_in_link(door: Door) -> None:
    signed_in, cookie = door.by_link("anna@example.org")
    _, key = door.accounts.make_key("program", signed_in)
    for secret in (cookie, key, "", "x" * 43):
        with pytest.raises(LinkInvalid):
            door.accounts.use_link(secret, NOBODY)


def test_a_link_is_no_session_and_a_session_is_no_key(door: Door) -> None:
    token = door.token("anna@example.org")
    assert door.who(token) == NOBODY
    _, cookie = door.accounts.use_link(token, NOBODY)
    with pytest.raises(MakegoodError) as raised:
        door.accounts.identify(cookie=None, bearer=cookie)
    assert raised.value.code == "API_KEY_INVALID"


def test_what_is_asked_for_a_stranger_looks_the_same_as_for_a_customer(door: Door) -> None:
    door.by_link("anna@example.org")
    for email in ("anna@example.org", "stranger@example.org"):
        door.accounts.request_link(email, NOBODY)
    known, unknown = door.mails_to("anna@example.org")[-1], door.mails_to("stranger@example.org")[-1]
    assert known.subject == unknown.subject and len(known.text) == len(unknown.text)


def test_an_address_that_is_none_gets_no_mail(door: Door) -> None:
    with pytest.raises(EmailInvalid):
        door.accounts.request_link("anna@example.org\r\nBcc: b@example.org", NOBODY)


@pytest.mark.parametrize(
    ("emails", "address", "allowed"),
    [(["anna@example.org"] * 6, "", 5), ([f"a{i}@example.org" for i in range(31)], "203.0.113.9", 30)],
)
def test_links_are_limited_per_address_and_per_network(
    door: Door, emails: list[str], address: str, allowed: int
) -> None:
    for email in emails[:allowed]:
        door.accounts.request_link(email, NOBODY, address=address)
    with pytest.raises(TooManyTries) as raised:
        door.accounts.request_link(emails[allowed], NOBODY, address=address)
    assert raised.value.status == 429 and 3500 < raised.value.facts["retry_after"] <= 3600
    assert sum(len(door.mails_to(email)) for email in set(emails)) == allowed
    door.later(seconds=raised.value.facts["retry_after"] + 1)
    door.accounts.request_link(emails[allowed], NOBODY, address=address)


def test_signing_in_replaces_the_session_and_keeps_the_visitor(door: Door) -> None:
    guest, planted = door.accounts.visit()
    caller, cookie = door.by_link("anna@example.org", guest)
    assert caller.visitor_id == guest.visitor_id and cookie != planted
    assert door.who(planted) == NOBODY, "whoever knew the cookie before knows nothing now"
    assert door.who(cookie).visitor_id == guest.visitor_id


def test_signing_in_as_somebody_else_leaves_the_former_customers_visitor_behind(door: Door) -> None:
    anna, cookie = door.by_link("anna@example.org")
    ben, _ = door.by_link("ben@example.org", anna)
    assert ben.visitor_id != anna.visitor_id and ben.customer_id != anna.customer_id
    assert door.who(cookie) == NOBODY


def test_a_caller_by_key_can_use_a_link_in_a_session_of_its_own(door: Door) -> None:
    by_key = Caller(visitor_id=None, customer_id=None, email=None, via="none")
    caller, cookie = door.by_link("anna@example.org", by_key)
    assert caller.visitor_id is not None and door.who(cookie) == caller
