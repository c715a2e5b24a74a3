"""Tables of the catalogue."""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from makegood.kernel.database import Base


class Promotion(Base):
    """A promotion code: `percent` off, for `product_id` or everything, `uses_left` times or without limit."""

    __tablename__ = "promotion"

    code: Mapped[str] = mapped_column(primary_key=True)
    percent: Mapped[int]
    product_id: Mapped[str | None]
    uses_left: Mapped[int | None]
    until: Mapped[datetime | None]

    __table_args__ = (
        sa.CheckConstraint("percent BETWEEN 1 AND 100", "percent"),
        sa.CheckConstraint("uses_left IS NULL OR uses_left >= 0", "uses_left"),
    )
