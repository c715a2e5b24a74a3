"""What can go wrong between the outbox and the mail server."""

from __future__ import annotations

from makegood.kernel.errors import MakegoodError, Misconfigured, Temporary


class HeaderInjection(MakegoodError):
    code = "MAIL_HEADER_INVALID"
    operator = "The mail's {header} could end its line or name somebody else, so it was not accepted: {value!r}."


class LetterTemplateBroken(Misconfigured):
    code = "MAIL_TEMPLATE_BROKEN"
    operator = "The mail template {template} is missing or broken ({reason}); reinstall or mend it."


class SenderInvalid(Misconfigured):
    code = "MAIL_FROM_INVALID"
    operator = "MAKEGOOD_MAIL_FROM is not of the form `Name <address>`: {value!r}."


class MailRefused(MakegoodError):
    """The server will never take this mail for this address."""

    code = "MAIL_REFUSED"
    customer = "The mail server of this address refused our mail. Your order page has everything that was in it."
    operator = "{server} refused the mail for good: {answer}"


class MailPostponed(Temporary):
    code = "MAIL_POSTPONED"
    customer = "Our mail to you is delayed. Your order page has everything that will be in it."
    operator = "{server} could not take the mail just now: {answer}"


class MailNotSent(Temporary):
    """Something that nobody has foreseen."""

    code = "MAIL_NOT_SENT"
    customer = "Our mail to you is delayed. Your order page has everything that will be in it."
    operator = "The mail could not be sent: {problem}"


class MailServerUnreachable(Temporary):
    code = "MAIL_SERVER_UNREACHABLE"
    customer = "Our mail to you is delayed. Your order page has everything that will be in it."
    operator = "No conversation with {server} was possible: {reason}"


class MailServerMisconfigured(Misconfigured):
    """The server doesn't accept the shop itself: mails wait until the operator mends the settings."""

    code = "MAIL_SERVER_MISCONFIGURED"
    operator = "{server} does not accept this shop ({reason}); check MAKEGOOD_SMTP_… and MAKEGOOD_MAIL_FROM."
