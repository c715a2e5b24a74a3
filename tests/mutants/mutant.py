"""What a mutant is: a few exact replacements; a protection that is kept twice loses both."""

from __future__ import annotations

from dataclasses import dataclass

ADAPTER = "payments/providers/sandbox/adapter.py"


@dataclass(frozen=True)
class Mutant:
    """`changes` are (file below src/makegood, what stands there, what stands there instead); `test` must fail."""

    name: str
    changes: tuple[tuple[str, str, str], ...]
    test: str
