"""Tables of drafts."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column, relationship

from makegood.kernel.database import Base
from makegood.storage.assets import Asset


class Draft(Base):
    """A customer's work in progress on one product. Every change makes a new `version`."""

    __tablename__ = "draft"

    id: Mapped[str] = mapped_column(primary_key=True)
    product_id: Mapped[str]
    visitor_id: Mapped[str | None] = mapped_column(index=True)
    customer_id: Mapped[str | None] = mapped_column(index=True)
    version: Mapped[int]
    options: Mapped[dict[str, Any]]
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime] = mapped_column(index=True)

    files: Mapped[list[DraftFile]] = relationship(lazy="selectin", cascade="all, delete-orphan")


class DraftFile(Base):
    """An inspected upload in one slot of a draft. `derived` maps names to asset ids."""

    __tablename__ = "draft_file"

    id: Mapped[str] = mapped_column(primary_key=True)
    draft_id: Mapped[str] = mapped_column(sa.ForeignKey("draft.id", ondelete="CASCADE"), index=True)
    slot: Mapped[str]
    asset_id: Mapped[str] = mapped_column(sa.ForeignKey(Asset.id))
    facts: Mapped[dict[str, Any]]
    warnings: Mapped[list[Any]]
    derived: Mapped[dict[str, Any]]

    __table_args__ = (sa.UniqueConstraint("draft_id", "slot"),)


class IdempotentRequest(Base):
    """An answer that is given again to the same request by the same caller."""

    __tablename__ = "idempotent_request"

    caller: Mapped[str] = mapped_column(primary_key=True)
    key: Mapped[str] = mapped_column(primary_key=True)
    digest: Mapped[str]
    order_id: Mapped[str]
    at: Mapped[datetime] = mapped_column(index=True)
