"""A mail server to talk to: aiosmtpd, with the behaviour that a test asks for, by recipient."""

from __future__ import annotations

from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any

from makegood.testing.servers import free_port


class MailServer:
    """Accepts mail on `port`. `answers[recipient]` is what it says to the next mails for them, before it accepts."""

    def __init__(self, *, user: str = "", password: str = "") -> None:
        self.port = free_port()
        self.mails: list[EmailMessage] = []
        self.answers: dict[str, list[str]] = {}
        self.refuses_at_rcpt: dict[str, str] = {}
        self._login = (user.encode(), password.encode()) if user else None
        self._controller: Any = None

    def start(self) -> MailServer:
        # Only tests need it, so the shop is installed without it.
        from aiosmtpd.controller import Controller

        options: dict[str, Any] = {}
        if self._login:
            options = {"authenticator": self._authenticate, "auth_required": True, "auth_require_tls": False}
        self._controller = Controller(self, hostname="127.0.0.1", port=self.port, **options)
        self._controller.start()
        return self

    def stop(self) -> None:
        if self._controller:
            self._controller.stop()
            self._controller = None

    def to(self, recipient: str) -> list[EmailMessage]:
        return [mail for mail in self.mails if mail["X-Envelope-To"] == recipient]

    async def handle_RCPT(self, server: Any, session: Any, envelope: Any, address: str, options: Any) -> str:
        if address in self.refuses_at_rcpt:
            return self.refuses_at_rcpt[address]
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        recipient = envelope.rcpt_tos[0]
        if self.answers.get(recipient):
            return self.answers[recipient].pop(0)
        mail = message_from_bytes(envelope.content, policy=policy.default)
        assert isinstance(mail, EmailMessage)
        mail["X-Envelope-To"] = ",".join(envelope.rcpt_tos)
        self.mails.append(mail)
        return "250 taken"

    def _authenticate(self, server: Any, session: Any, envelope: Any, mechanism: str, data: Any) -> Any:
        from aiosmtpd.smtp import AuthResult

        return AuthResult(success=(data.login, data.password) == self._login, handled=False)
