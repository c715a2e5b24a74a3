"""Which addresses the shop takes, and in which form it keeps them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from makegood.accounts import read_email
from makegood.accounts.errors import EmailInvalid


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        ("anna@example.org", "anna@example.org"),
        ("  Anna.B+posters@Example.ORG\n", "anna.b+posters@example.org"),
        ("o'neil@sub.example.co.uk", "o'neil@sub.example.co.uk"),
        ("anna@MÜNCHEN.example", "anna@xn--mnchen-3ya.example"),
        ("anna@例え.テスト", "anna@xn--r8jz45g.xn--zckzah"),
    ],
)
def test_an_address_has_one_form(typed: str, kept: str) -> None:
    assert read_email(typed) == kept == read_email(kept)


@pytest.mark.parametrize(
    "typed",
    [
        "", "anna", "@example.org", "anna@", "anna@localhost", "anna@@example.org", "a b@example.org",
        "anna@example..org", ".anna@example.org", "anna.@example.org", "anna@-x-.example", "anna@example.org.",
        "a@example.org,b@example.org", "a@example.org;b@example.org", "Anna <anna@example.org>",
        '"anna b"@example.org', "anna@[127.0.0.1]", "anna@127.0.0.1", "änna@example.org",
        "anna@example.org\r\nBcc: b@example.org", "an\0na@example.org", "a" * 65 + "@example.org",
        "anna@" + "a." * 125 + "org", "anna@" + "a" * 64 + ".org",
    ],
)  # fmt: skip
def test_what_mail_can_not_reach_is_refused(typed: str) -> None:
    with pytest.raises(EmailInvalid):
        read_email(typed)


@given(st.text(max_size=80) | st.from_regex(r"\A\S{1,20}@\S{1,30}\.\S{2,8}\Z"))
def test_any_text_is_either_refused_or_safe_to_put_into_a_header(text: str) -> None:
    try:
        email = read_email(text)
    except EmailInvalid:
        return
    assert email.isascii() and email.count("@") == 1 and not set(email) & set(' \r\n\t,;<>()"\0')
    assert read_email(email) == email
