"""Conversations with a mail server that wants, or says, different things."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from makegood.kernel.errors import MakegoodError
from makegood.kernel.settings import Settings
from makegood.notify.errors import (
    MailPostponed,
    MailRefused,
    MailServerMisconfigured,
    MailServerUnreachable,
)
from makegood.notify.transport import Envelope, Smtp
from tests.notify.mail_server import MailServer, free_port

pytestmark = pytest.mark.filterwarnings("ignore:Requiring AUTH while not requiring TLS")

ENVELOPE = Envelope("shop@shop.example", "anna@example.org", b"Subject: x\r\n\r\n.\r\nhello\r\n")


def smtp(port: int, **more: object) -> Smtp:
    settings = Settings.model_validate({"smtp_host": "127.0.0.1", "smtp_port": port, "smtp_tls": "none", **more})
    return Smtp(settings, own_name="shop.example")


@pytest.fixture
def server() -> Iterator[MailServer]:
    server = MailServer().start()
    yield server
    server.stop()


@pytest.fixture
def private_server() -> Iterator[MailServer]:
    server = MailServer(user="shop", password="right").start()
    yield server
    server.stop()


def test_the_server_that_accepted_is_named_with_its_words(server: MailServer) -> None:
    assert smtp(server.port).send(ENVELOPE) == f"127.0.0.1:{server.port}: taken"
    assert len(server.mails) == 1 and server.mails[0].get_content().splitlines() == [".", "hello"]


def test_a_server_that_wants_a_name_and_password_gets_them(private_server: MailServer) -> None:
    smtp(private_server.port, smtp_user="shop", smtp_password="right").send(ENVELOPE)
    assert len(private_server.mails) == 1


@pytest.mark.parametrize("password", ["wrong", ""])
def test_a_log_in_that_fails_is_the_operators_to_mend_and_no_reason_to_give_up(
    private_server: MailServer, password: str
) -> None:
    with pytest.raises(MailServerMisconfigured) as raised:
        smtp(private_server.port, smtp_user="shop" if password else "", smtp_password=password).send(ENVELOPE)
    assert raised.value.can_heal and private_server.mails == []


def test_a_server_without_encryption_gets_nothing_when_encryption_is_wanted(server: MailServer) -> None:
    with pytest.raises((MailServerMisconfigured, MailServerUnreachable)):
        smtp(server.port, smtp_tls="starttls").send(ENVELOPE)
    with pytest.raises(MailServerUnreachable):
        smtp(server.port, smtp_tls="tls").send(ENVELOPE)
    assert server.mails == []


@pytest.mark.parametrize(
    ("stage", "answer", "error"),
    [
        ("rcpt", "550 no such user", MailRefused),
        ("rcpt", "450 greylisted", MailPostponed),
        ("data", "554 looks like spam", MailRefused),
        ("data", "452 disk full", MailPostponed),
        ("data", "421 going down", MailPostponed),
    ],
)
def test_an_answer_is_final_or_temporary_as_the_server_says(
    server: MailServer, stage: str, answer: str, error: type[MakegoodError]
) -> None:
    if stage == "rcpt":
        server.refuses_at_rcpt["anna@example.org"] = answer
    else:
        server.answers["anna@example.org"] = [answer]
    with pytest.raises(error, match=answer[4:]):
        smtp(server.port).send(ENVELOPE)


def test_nobody_listening_is_temporary() -> None:
    with pytest.raises(MailServerUnreachable) as raised:
        smtp(free_port()).send(ENVELOPE)
    assert raised.value.can_heal
