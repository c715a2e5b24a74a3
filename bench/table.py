"""The one table that `make bench` prints: where it was measured, then sections of lines with aligned figures."""

from __future__ import annotations

import os
import platform
import shutil
import sqlite3
import statistics
import subprocess
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

PACKAGES = ("makegood", "dbos", "sqlalchemy", "fastapi", "typst", "av", "numpy", "pillow", "pikepdf", "weasyprint")
PROGRAMS = {"ffmpeg": ["ffmpeg", "-version"], "audiowaveform": ["audiowaveform", "--version"]}
NAME_WIDTH, FIGURE_WIDTH = 62, 12
NOT_INSTALLED = "not installed"


@dataclass(frozen=True, slots=True)
class Line:
    """One measured thing: figures by column name, or a note instead of them."""

    name: str
    figures: dict[str, float] = field(default_factory=dict)
    note: str = ""


@dataclass(frozen=True, slots=True)
class Section:
    """Lines that answer one question, in the same columns. A column's name ends in its unit."""

    title: str
    columns: tuple[str, ...]
    lines: list[Line]

    def as_text(self) -> str:
        """The section as aligned text."""
        rows = [f"{self.title:<{NAME_WIDTH}}" + "".join(f"{column:>{FIGURE_WIDTH}}" for column in self.columns)]
        for line in self.lines:
            cells = "".join(f"{_figure(line.figures.get(column)):>{FIGURE_WIDTH}}" for column in self.columns)
            rows.append(f"  {line.name:<{NAME_WIDTH - 2}}{cells if line.figures else f'{line.note:>{FIGURE_WIDTH}}'}")
        return "\n".join(rows)


def percentiles(milliseconds: Sequence[float], whole: float | None = None) -> dict[str, float]:
    """p50 and p95; with `whole`, the median's share of it in per cent."""
    p95 = statistics.quantiles(milliseconds, n=20, method="inclusive")[-1]
    found = {"p50 ms": statistics.median(milliseconds), "p95 ms": p95}
    if whole:
        found["share %"] = 100 * found["p50 ms"] / whole
    return found


def machine() -> dict[str, Any]:
    """Where this runs: processor, memory, load, versions of everything that is measured."""
    return {
        "processor": _processor(),
        "cores": len(os.sched_getaffinity(0)),
        "memory GiB": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1),
        "system": f"{platform.system()} {platform.release()}",
        "load": load(),
        "python": platform.python_version(),
        "sqlite": sqlite3.sqlite_version,
        **{name: _package(name) for name in PACKAGES},
        **{name: _program(name) for name in PROGRAMS},
    }


def load() -> str:
    """The load averages over 1, 5 and 15 minutes: over the number of cores, figures are worth little."""
    return " ".join(f"{value:.2f}" for value in os.getloadavg())


def as_json(where: dict[str, Any], sections: Sequence[Section]) -> dict[str, Any]:
    """The same as data."""
    return {"machine": where, "sections": [asdict(section) for section in sections]}


def _figure(value: float | None) -> str:
    if value is None:
        return ""
    digits = 0 if value >= 100 else 1 if value >= 10 else 2
    return f"{value:,.{digits}f}"


def _processor() -> str:
    for text in Path("/proc/cpuinfo").read_text().splitlines():
        if text.startswith("model name"):
            return text.partition(":")[2].strip()
    return platform.machine()


def _package(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return NOT_INSTALLED


def _program(name: str) -> str:
    if shutil.which(name) is None:
        return NOT_INSTALLED
    said = subprocess.run(PROGRAMS[name], capture_output=True, text=True, check=False).stdout.split()
    return next((word for word in said if word[:1].isdigit()), "version unknown")
