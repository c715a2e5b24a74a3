"""The outbox: one row per mail, written in the transaction that has something to tell."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, Session, mapped_column

from makegood.kernel.database import Base
from makegood.kernel.errors import NotFound
from makegood.kernel.states import States

ERASED_DOMAIN = "erased.invalid"
"""The domain of the addresses that stand for people who were taken out: nobody is written to there."""


class MailState(StrEnum):
    """`accepted` means that a mail server took responsibility for it (or that the shop's own outbox shows it)."""

    WAITING = "waiting"
    ACCEPTED = "accepted"
    FAILED = "failed"


# A failed mail can wait again, because an operator asked for it, or still turn out to have been accepted.
MAIL = States(
    "mail",
    {
        MailState.WAITING: [MailState.WAITING, MailState.ACCEPTED, MailState.FAILED],
        MailState.FAILED: [MailState.WAITING, MailState.ACCEPTED],
        MailState.ACCEPTED: [],
    },
)


class Mail(Base):
    """One mail to one person, rendered when it was posted.

    `key` says what it tells (`receipt/{order}`), so that it is told once. `tries` counts how often sending was asked
    for; `next_try_at` is when the sweep may ask again; after `give_up_at` a temporary failure is final.
    """

    __tablename__ = "mail"

    id: Mapped[str] = mapped_column(primary_key=True)
    key: Mapped[str] = mapped_column(unique=True)
    message_id: Mapped[str] = mapped_column(unique=True)
    order_id: Mapped[str | None] = mapped_column(index=True)
    to: Mapped[str] = mapped_column(index=True)
    subject: Mapped[str]
    html: Mapped[str] = mapped_column(sa.Text)
    text: Mapped[str] = mapped_column(sa.Text)
    headers: Mapped[dict[str, Any]]
    state: Mapped[str]
    tries: Mapped[int]
    next_try_at: Mapped[datetime]
    give_up_at: Mapped[datetime]
    accepted_at: Mapped[datetime | None]
    accepted_by: Mapped[str | None]
    last_error: Mapped[str | None] = mapped_column(sa.Text)
    created_at: Mapped[datetime] = mapped_column(index=True)

    __table_args__ = (
        sa.Index("ix_mail_due", "state", "next_try_at"),
        sa.CheckConstraint(f"state IN ({', '.join(repr(str(state)) for state in MailState)})", "state"),
        sa.CheckConstraint("tries >= 1", "tries"),
        sa.CheckConstraint("(state = 'accepted') = (accepted_at IS NOT NULL)", "accepted_at"),
    )


def get(session: Session, mail_id: str) -> Mail:
    """The mail, or `NotFound`."""
    mail = session.get(Mail, mail_id)
    if mail is None:
        raise NotFound(mail=mail_id)
    return mail


def of_order(session: Session, order_id: str) -> list[Mail]:
    """What was told about an order, oldest first."""
    return list(session.scalars(sa.select(Mail).where(Mail.order_id == order_id).order_by(Mail.id)))


def recent(session: Session, limit: int = 100) -> list[Mail]:
    """The newest mails, newest first: what the outbox page shows."""
    return list(session.scalars(sa.select(Mail).order_by(Mail.id.desc()).limit(limit)))
