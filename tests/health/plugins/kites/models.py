"""The table of kites."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from makegood.kernel.database import NAMING


class Base(DeclarativeBase):
    metadata = sa.MetaData(naming_convention=NAMING)


class Kite(Base):
    __tablename__ = "kites_kite"

    id: Mapped[str] = mapped_column(primary_key=True)
    colour: Mapped[str]
