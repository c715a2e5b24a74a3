"""The audit log: every change of state and every act of an operator, in the transaction that made it."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, Session, mapped_column

from makegood.kernel.clock import Clock
from makegood.kernel.database import Base
from makegood.kernel.ids import new_id


class AuditEvent(Base):
    """What happened, to what, when. Names are dotted and documented (`payment.succeeded`, `artefact.verified`)."""

    __tablename__ = "audit_event"

    id: Mapped[str] = mapped_column(primary_key=True)
    at: Mapped[datetime] = mapped_column(index=True)
    event: Mapped[str] = mapped_column(index=True)
    order_id: Mapped[str | None] = mapped_column(index=True)
    subject: Mapped[str] = mapped_column(index=True)
    data: Mapped[dict[str, Any]]


_INSERT = sa.insert(AuditEvent)
"""Past the unit of work: nobody reads the row again in its transaction."""


def record(session: Session, clock: Clock, event: str, subject: str, order_id: str | None = None, **data: Any) -> None:
    """Add one event about `subject` (an id), in the caller's transaction."""
    session.connection().execute(
        _INSERT,
        {"id": new_id(), "at": clock.now(), "event": event, "subject": subject, "order_id": order_id, "data": data},
    )


def of_order(session: Session, order_id: str) -> list[AuditEvent]:
    """An order's whole story, oldest first."""
    query = sa.select(AuditEvent).where(AuditEvent.order_id == order_id).order_by(AuditEvent.at, AuditEvent.id)
    return list(session.scalars(query))
