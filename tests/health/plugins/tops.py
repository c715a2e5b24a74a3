"""Tops, which keep nothing in tables until a test breaks them."""

from __future__ import annotations

from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship  # noqa: F401
from toys import Toy

product = Toy("tops", "Top")
