"""Telling the customer: mails as rows in an outbox, sent at least once, each under one permanent Message-ID."""

from makegood.notify.letters import (
    Apology,
    Delivered,
    DeliveredUnit,
    Download,
    Letter,
    Line,
    OrderLink,
    Page,
    Receipt,
    Refunded,
    SignIn,
)
from makegood.notify.mails import Mailer
from makegood.notify.models import Mail, MailState

__all__ = [
    "Apology",
    "Delivered",
    "DeliveredUnit",
    "Download",
    "Letter",
    "Line",
    "Mail",
    "MailState",
    "Mailer",
    "OrderLink",
    "Page",
    "Receipt",
    "Refunded",
    "SignIn",
]
