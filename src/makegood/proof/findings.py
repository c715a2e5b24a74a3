"""What is looked at and what was found: shared by the doctor, health and start-up."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from makegood.product_api import Check


@dataclass(frozen=True, slots=True)
class Findings:
    """Lines for people, and for `/health` what is amiss by its stable name; empty when all is well."""

    lines: tuple[Check, ...]
    issues: Mapping[str, Any] = field(default_factory=dict)

    @property
    def is_well(self) -> bool:
        return not any(line.problem for line in self.lines)


class Examination(Protocol):
    """One thing that is looked at. `keeps`: for how many seconds `/health` may believe a good look, or None where only
    the doctor looks, because it takes long or asks outsiders."""

    name: str
    keeps: float | None
    needs_database: bool

    def look(self) -> Findings: ...


def found(issue: str, lines: Iterable[Check]) -> Findings:
    """The lines, with what is wrong among them as one issue of that name."""
    every = tuple(lines)
    wrong = [sentence(line) for line in every if line.problem]
    return Findings(every, {issue: wrong} if wrong else {})


def sentence(line: Check) -> str:
    """The line as one sentence: what is wrong, and what mends it."""
    return f"{line.name}: {line.problem} {line.mend}".strip()
