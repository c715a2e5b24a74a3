"""Whether the files that pages are made of are there."""

from __future__ import annotations

import re
from functools import cached_property
from pathlib import Path

from makegood.product_api import Check
from makegood.proof.findings import Findings, found

BUILD = "Run `make setup`, which builds the pages."


class PagesAreThere:
    """The templates that a package of pages names, and, where it has any, the built files."""

    keeps: float | None = 5.0
    needs_database = False

    def __init__(self, name: str, package: Path) -> None:
        self.name, self._package = name, package

    def look(self) -> Findings:
        folder = self._package / "templates"
        gone = [name for name in self._named if not (folder / name).is_file()]
        mend = f"Reinstall makegood, or put the file back into {self.name}/templates."
        lines = [Check(f"template {name} of the {self.name}", "the file is gone", mend) for name in gone]
        static = self._package / "static"
        if static.is_dir() and not (static / "dist" / "manifest.json").is_file():
            lines.append(Check("built pages", "static/dist/manifest.json is gone", BUILD))
        return found(self.name, lines or [Check(f"templates of the {self.name}, {len(self._named)} of them")])

    @cached_property
    def _named(self) -> tuple[str, ...]:
        """Every template that the package names: read from its own code, so that none can be forgotten."""
        named: set[str] = set()
        for source in (*self._package.glob("*.py"), *(self._package / "templates").glob("*.html")):
            named |= set(re.findall(r'"([\w-]+\.html)"', source.read_text(encoding="utf-8")))
        return tuple(sorted(named))
