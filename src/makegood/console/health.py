"""Health as a page: what `/health` says, in lines."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import Response

from makegood.console.access import Viewer
from makegood.console.rendering import pages_of

router = APIRouter(include_in_schema=False)


@dataclass(frozen=True, slots=True)
class Issue:
    """One thing that is wrong: where, and what."""

    where: str
    what: str


@router.get("/console/health")
def health(request: Request, who: Viewer) -> Response:
    """Whether the whole shop is well."""
    pages = pages_of(request)
    report = pages.health(request)
    return pages.page(
        request, "health.html", who, status=200, verdict=str(report["status"]), database=str(report["database"]),
        issues=list(issues_of(report.get("issues", {}))), at=pages.now(),
    )  # fmt: skip


def issues_of(issues: Any, where: str = "") -> Iterator[Issue]:
    """The report's issues, however deep, as lines."""
    if isinstance(issues, Mapping):
        for name, inner in issues.items():
            yield from issues_of(inner, f"{where} › {name}" if where else str(name))
    elif isinstance(issues, Sequence) and not isinstance(issues, str):
        for inner in issues:
            yield from issues_of(inner, where)
    else:
        yield Issue(where, str(issues))
