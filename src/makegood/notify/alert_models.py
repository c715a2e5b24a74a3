"""The table of alerts."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, Session, mapped_column

from makegood.kernel.database import Base


class Alert(Base):
    """Something that an operator has to know, from when it was first seen until it is over. `subjects` is a list of
    `{"id", "text"}`: all that it concerns now; `told_subjects` what the last message said. `reached` names the
    addresses (by hash) that have accepted the present message, while others, which are asked again, have not."""

    __tablename__ = "alert"

    id: Mapped[str] = mapped_column(primary_key=True)
    kind: Mapped[str] = mapped_column(index=True)
    open_kind: Mapped[str | None] = mapped_column(unique=True)
    """The kind while it is open, so that there is at most one open alert of a kind."""
    title: Mapped[str]
    subjects: Mapped[list[Any]]
    opened_at: Mapped[datetime] = mapped_column(index=True)
    seen_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]
    told_at: Mapped[datetime | None]
    told_subjects: Mapped[list[Any]]
    end_told_at: Mapped[datetime | None]
    reached: Mapped[list[Any]]
    telling_until: Mapped[datetime | None]
    last_error: Mapped[str | None] = mapped_column(sa.Text)

    __table_args__ = (sa.CheckConstraint("(open_kind IS NULL) = (ended_at IS NOT NULL)", "open"),)


def open_alerts(session: Session) -> list[Alert]:
    """What is amiss now, the oldest first."""
    query = sa.select(Alert).where(Alert.ended_at.is_(None)).order_by(Alert.opened_at)
    return list(session.scalars(query))


def ended_alerts(session: Session, limit: int = 20) -> list[Alert]:
    """What was amiss, the newest first."""
    query = sa.select(Alert).where(Alert.ended_at.is_not(None)).order_by(Alert.ended_at.desc()).limit(limit)
    return list(session.scalars(query))
