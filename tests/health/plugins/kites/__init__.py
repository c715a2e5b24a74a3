"""Kites, which keep a table of their own."""

from __future__ import annotations

from pathlib import Path

from toys import Toy

from kites.models import Base


class Kites(Toy):
    metadata = Base.metadata
    migrations = Path(__file__).parent / "migrations"


product = Kites("kites", "Kite")
