"""The way out of the outbox: an SMTP server, or the outbox itself when no server is set."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

import aiosmtplib

from makegood.kernel.settings import Settings
from makegood.notify.errors import MailPostponed, MailRefused, MailServerMisconfigured, MailServerUnreachable

ANSWER_SECONDS = 20
CONVERSATION_SECONDS = 60
GOOD_BYE_SECONDS = 5
LOOK_SECONDS = 5


@dataclass(frozen=True, slots=True)
class Envelope:
    """What the server is given: bare ASCII addresses and the message's bytes."""

    sender: str
    recipient: str
    message: bytes


class Transport(Protocol):
    """Hands a message over. Returns who accepted it, with their words; raises a typed error otherwise."""

    def send(self, envelope: Envelope) -> str: ...


class Outbox:
    """For a shop without a mail server: the row that is already there is all that anybody needs."""

    def send(self, envelope: Envelope) -> str:
        return "outbox"


class Smtp:
    """One conversation per mail with the server in the settings, limited in time as a whole."""

    def __init__(self, settings: Settings, own_name: str) -> None:
        self._settings = settings
        self._own_name = own_name
        self._server = f"{settings.smtp_host}:{settings.smtp_port}"

    def send(self, envelope: Envelope) -> str:
        """`MailRefused` when this mail can never be accepted; everything else that goes wrong may heal."""
        server = self._server
        with self._named_errors():
            return f"{server}: {asyncio.run(self._converse(envelope))}"[:300]

    def log_in(self) -> None:
        """Begin a conversation, log in and leave, without a mail. Raises like `send`."""
        with self._named_errors():
            asyncio.run(self._greet())

    @contextlib.contextmanager
    def _named_errors(self) -> Iterator[None]:
        server = self._server
        try:
            yield
        except aiosmtplib.SMTPRecipientsRefused as error:
            refusal = error.recipients[0]
            raise _refused(server, refusal.code, refusal.message) from error
        except aiosmtplib.SMTPDataError as error:
            raise _refused(server, error.code, error.message) from error
        except (aiosmtplib.SMTPAuthenticationError, aiosmtplib.SMTPSenderRefused) as error:
            if error.code < 500:
                raise MailPostponed(server=server, answer=f"{error.code} {error.message}") from error
            raise MailServerMisconfigured(server=server, reason=f"{error.code} {error.message}") from error
        except aiosmtplib.SMTPResponseException as error:
            raise MailPostponed(server=server, answer=f"{error.code} {error.message}") from error
        except aiosmtplib.SMTPNotSupported as error:
            raise MailServerMisconfigured(server=server, reason=error.message) from error
        except (aiosmtplib.SMTPException, OSError) as error:
            raise MailServerUnreachable(server=server, reason=f"{type(error).__name__}: {error}") from error

    async def _converse(self, envelope: Envelope) -> str:
        client = self._client(ANSWER_SECONDS)
        try:
            # A server that answers each command just in time must not hold a worker for hours.
            async with asyncio.timeout(CONVERSATION_SECONDS):
                await client.connect()
                _, answer = await client.sendmail(envelope.sender, [envelope.recipient], envelope.message)
            # The message is accepted: a good-bye that fails must not make it look unsent.
            with contextlib.suppress(aiosmtplib.SMTPException, OSError):
                await client.quit(timeout=GOOD_BYE_SECONDS)
        finally:
            client.close()
        return answer

    async def _greet(self) -> None:
        client = self._client(LOOK_SECONDS)
        try:
            async with asyncio.timeout(2 * LOOK_SECONDS):
                await client.connect()
                await client.quit(timeout=LOOK_SECONDS)
        finally:
            client.close()

    def _client(self, answer_seconds: float) -> aiosmtplib.SMTP:
        settings = self._settings
        return aiosmtplib.SMTP(
            hostname=settings.smtp_host, port=settings.smtp_port, local_hostname=self._own_name,
            username=settings.smtp_user or None, password=settings.smtp_password or None,
            use_tls=settings.smtp_tls == "tls", start_tls=settings.smtp_tls == "starttls", timeout=answer_seconds,
        )  # fmt: skip


def transport_for(settings: Settings, own_name: str) -> Transport:
    """SMTP when a server is set, else the outbox. `own_name` is how this host introduces itself."""
    return Smtp(settings, own_name) if settings.smtp_host else Outbox()


def _refused(server: str, code: int, message: str) -> MailRefused | MailPostponed:
    kind = MailRefused if code >= 500 else MailPostponed
    return kind(server=server, answer=f"{code} {message}")
