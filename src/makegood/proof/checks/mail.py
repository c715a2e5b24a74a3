"""The mail server."""

from __future__ import annotations

from makegood.kernel.errors import MakegoodError
from makegood.kernel.settings import Settings
from makegood.notify.message import read_sender
from makegood.notify.transport import Smtp
from makegood.product_api import Check
from makegood.proof.findings import Findings, found

FIX = "Set MAKEGOOD_SMTP_… right and restart; the mails wait meanwhile, and order pages have all that is in them."


class MailServerKnowsUs:
    """Logs in and leaves again, without a mail."""

    name = "mail"
    keeps: float | None = 180.0
    needs_database = False

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def look(self) -> Findings:
        settings = self._settings
        try:
            sender = read_sender(settings.mail_from)
            if settings.smtp_host:
                Smtp(settings, sender.domain).log_in()
        except MakegoodError as error:
            return found("mail", [Check("mail server", error.for_operator(), FIX)])
        if settings.smtp_host:
            return found("mail", [Check(f"mail server {settings.smtp_host}:{settings.smtp_port} accepts the log-in")])
        if settings.env == "production":
            problem = "MAKEGOOD_SMTP_HOST is not set, so mails stay in the outbox and reach nobody."
            return found("mail", [Check("mail server", problem, "Set MAKEGOOD_SMTP_HOST and restart.")])
        return found("mail", [Check("mail: none is set, mails stay in the outbox")])
