"""The doctor goes through everything that is looked at. Health asks the same questions and keeps the answers."""

from __future__ import annotations

import threading
import time
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from makegood.kernel import logs
from makegood.kernel.errors import MakegoodError
from makegood.product_api import Check
from makegood.proof.findings import Examination, Findings, found

BAD_KEEPS = 10.0
"""Seconds for which a bad look is believed at most, so that a repair shows soon."""

log = logs.get("doctor")


@dataclass(frozen=True, slots=True)
class Examined:
    """One examination and what it found."""

    name: str
    findings: Findings


@dataclass(frozen=True, slots=True)
class Kept:
    """A look, and until when it is believed (seconds of the monotonic clock)."""

    findings: Findings
    until: float


class Doctor:
    """Looks at everything in turn. Where the database doesn't answer, what needs it isn't asked."""

    def __init__(self, examinations: Sequence[Examination]) -> None:
        self._examinations = list(examinations)
        self._kept: dict[str, Kept] = {}
        self._locks = {each.name: threading.Lock() for each in examinations}

    def examine(self) -> list[Examined]:
        """Look at everything now. Takes seconds, and asks the mail server and the payment providers."""
        return self._go_through(self._examinations, fresh=True)

    def recent(self, names: Collection[str] | None = None) -> list[Examined]:
        """What health looks at, or those of it with these names: cheap, from looks that were kept where they may be."""
        wanted = [e for e in self._examinations if e.keeps is not None and (names is None or e.name in names)]
        return self._go_through(wanted, fresh=False)

    def _go_through(self, examinations: Sequence[Examination], *, fresh: bool) -> list[Examined]:
        done: list[Examined] = []
        has_database = True
        for each in examinations:
            if each.needs_database and not has_database:
                continue
            findings = _look(each) if fresh else self._recent(each)
            done.append(Examined(each.name, findings))
            has_database = has_database and (each.name != "database" or findings.is_well)
        return done

    def _recent(self, examination: Examination) -> Findings:
        with self._locks[examination.name]:
            kept = self._kept.get(examination.name)
            if kept is None or time.monotonic() >= kept.until:
                findings, keeps = _look(examination), examination.keeps or 0.0
                lasts = keeps if findings.is_well else min(keeps, BAD_KEEPS)
                kept = self._kept[examination.name] = Kept(findings, time.monotonic() + lasts)
        return kept.findings


def _look(examination: Examination) -> Findings:
    try:
        return examination.look()
    except MakegoodError as error:
        return found(examination.name, [Check(examination.name, error.for_operator())])
    except Exception as error:
        log.exception("examination.failed", name=examination.name)
        problem = f"it could not be looked at: {type(error).__name__}: {str(error)[:300]}"
        return found(examination.name, [Check(examination.name, problem, "The log has the whole error.")])


def as_json(examined: Sequence[Examined]) -> list[dict[str, Any]]:
    """What was found, as data."""
    return [
        {"part": each.name, "name": line.name, "ok": not line.problem, "problem": line.problem, "mend": line.mend}
        for each in examined
        for line in each.findings.lines
    ]
