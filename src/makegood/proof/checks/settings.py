"""The settings: those that are set and that nobody reads."""

from __future__ import annotations

import difflib
from collections.abc import Mapping

from makegood.kernel.settings import Settings
from makegood.product_api import Check
from makegood.proof.findings import Findings, found

PREFIX = "MAKEGOOD_"
OTHERS = {"MAKEGOOD_SANDBOX_API_KEY"}
"""Read by the sandbox where it runs as a process of its own."""


class SettingsAreKnown:
    name = "settings"
    keeps: float | None = None
    needs_database = False

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._environment = environment

    def look(self) -> Findings:
        known = {PREFIX + name.upper() for name in Settings.model_fields} | OTHERS
        given = {name for name in self._environment if name.upper().startswith(PREFIX)}
        lines = [_unknown(name, known) for name in sorted(given) if name.upper() not in known]
        return found("settings", lines or [Check(f"settings, {len(given)} of them set")])


def _unknown(name: str, known: set[str]) -> Check:
    meant = difflib.get_close_matches(name.upper(), known, n=1)
    mend = f"Did you mean {meant[0]}?" if meant else "Remove it; src/makegood/kernel/settings.py has what there is."
    return Check(f"setting {name}", "nobody reads it", mend)
