"""Health as a page: everything that `/health` looks at, line by line, and what mends it."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import Response

from makegood.console import lists
from makegood.console.access import Viewer
from makegood.console.lists import Column, Filter, Kind, Listing, Tag
from makegood.web.services import services

router = APIRouter(include_in_schema=False)

FILTERS = (Filter("state", "Show", (("", "all"), ("wrong", "what is wrong"))), Filter("q", "Name contains"))
COLUMNS = (
    Column("area", "Area"),
    Column("state", "State", Kind.TAG, "state"),
    Column("name", "What was looked at", Kind.TEXT, "name"),
    Column("problem", "What is wrong"),
    Column("mend", "What mends it"),
)
SORTS: dict[str, Any] = {"state": lambda row: not row["problem"], "name": lambda row: row["name"]}


@router.get("/console/health")
def health(request: Request, who: Viewer) -> Response:
    """Whether the whole shop is well, what is wrong first."""
    wanted = lists.read(request, FILTERS, tuple(SORTS), "state")
    every = [
        {
            "area": examined.name,
            "state": Tag("wrong", "notice") if line.problem else Tag("well", "good"),
            "name": line.name,
            "problem": line.problem,
            "mend": line.mend if line.problem else "",
        }
        for examined in services(request).doctor.recent()
        for line in examined.findings.lines
    ]
    wrong = sum(bool(row["problem"]) for row in every)
    text = wanted.filters["q"].casefold()
    chosen = [
        row
        for row in every
        if text in f"{row['area']} {row['name']}".casefold() and (row["problem"] or not wanted.filters["state"])
    ]
    chosen.sort(key=SORTS[wanted.sort.lstrip("-")], reverse=wanted.descending)
    empty = "Nothing is wrong with what was looked at." if not wrong else "Nothing looks like this."
    listing = Listing("health", COLUMNS, FILTERS, lists.page_of(chosen, wanted), len(chosen), wanted, empty)
    return lists.answer(request, who, "health.html", listing, wrong=wrong, looked=len(every))
