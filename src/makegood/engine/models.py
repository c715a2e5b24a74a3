"""Tables of the engine's own: who works, and what was taken over from the dead."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from makegood.kernel.database import Base


class WorkerRow(Base):
    """One boot of one process that works. Times are seconds since 1970 on the database's clock, the only clock that
    all hosts share. Once `dead`, an executor never comes back: its process restarts under a new id."""

    __tablename__ = "worker"

    executor_id: Mapped[str] = mapped_column(primary_key=True)
    host: Mapped[str]
    process: Mapped[int]
    started_at: Mapped[float] = mapped_column(sa.Double)
    seen_at: Mapped[float] = mapped_column(sa.Double, index=True)
    dead: Mapped[bool]


class TakeOver(Base):
    """The claim of whoever resumes a workflow that lost its process: one wins, and a dead winner's claim runs out."""

    __tablename__ = "take_over"

    workflow_id: Mapped[str] = mapped_column(primary_key=True)
    taken_from: Mapped[str]
    taken_at: Mapped[float] = mapped_column(sa.Double)
    tries: Mapped[int]
