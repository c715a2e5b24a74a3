"""Whether the files that pages are made of are there."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

from makegood.product_api import Check
from makegood.proof.findings import Findings, found

HERE = Path(__file__).parent
MEND = "Reinstall makegood, or put the file back into pages/templates."
BUILD = "Run `make setup`, which builds the pages."


class PagesAreThere:
    name = "pages"
    keeps: float | None = 5.0
    needs_database = False

    def look(self) -> Findings:
        wanted = _named_templates()
        gone = [name for name in wanted if not (HERE / "templates" / name).is_file()]
        lines = [Check(f"page template {name}", "the file is gone", MEND) for name in gone]
        if not (HERE / "static" / "dist" / "manifest.json").is_file():
            lines.append(Check("built pages", "static/dist/manifest.json is gone", BUILD))
        return found("pages", lines or [Check(f"page templates, {len(wanted)} of them")])


@cache
def _named_templates() -> tuple[str, ...]:
    """Every template that a page of ours names: read from the pages' own code, so that none can be forgotten."""
    named: set[str] = set()
    for source in (*HERE.glob("*.py"), *(HERE / "templates").glob("*.html")):
        named |= set(re.findall(r'"([\w-]+\.html)"', source.read_text(encoding="utf-8")))
    return tuple(sorted(named))
