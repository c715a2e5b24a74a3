"""Who works: the processes that make and send, and when they were last heard of."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import Response

from makegood.console import lists
from makegood.console.access import Viewer
from makegood.console.lists import Column, Filter, Kind, Listing, Tag
from makegood.console.rendering import spoken_duration
from makegood.web.services import services

router = APIRouter(include_in_schema=False)

FILTERS = (Filter("state", "Show", (("", "all"), ("alive", "alive"), ("dead", "dead"))), Filter("host", "Host"))
COLUMNS = (
    Column("worker", "Worker", Kind.CODE),
    Column("state", "State", Kind.TAG, "state"),
    Column("host", "Host", Kind.TEXT, "host"),
    Column("process", "Process", Kind.NUMBER),
    Column("quiet", "Quiet for", Kind.TEXT, "quiet"),
    Column("seen", "Last heard of", Kind.MOMENT),
    Column("started", "Started", Kind.MOMENT, "started"),
)
SORTS: dict[str, Any] = {
    "state": lambda worker: (worker.dead, worker.quiet_seconds),
    "host": lambda worker: worker.host,
    "quiet": lambda worker: worker.quiet_seconds,
    "started": lambda worker: worker.started_at,
}


@router.get("/console/workers")
def workers(request: Request, who: Viewer) -> Response:
    """Every process that works, and those that lately did."""
    wanted = lists.read(request, FILTERS, tuple(SORTS), "state")
    state, host = wanted.filters["state"], wanted.filters["host"].casefold()
    chosen = [
        worker
        for worker in services(request).engine.workers()
        if (not state or worker.dead == (state == "dead")) and host in worker.host.casefold()
    ]
    chosen.sort(key=SORTS[wanted.sort.lstrip("-")], reverse=wanted.descending)
    rows = [
        {
            "worker": worker.executor_id,
            "state": Tag("dead", "notice") if worker.dead else Tag("alive", "good"),
            "host": worker.host,
            "process": worker.process,
            "quiet": spoken_duration(worker.quiet_seconds),
            "seen": datetime.fromtimestamp(worker.seen_at, UTC),
            "started": datetime.fromtimestamp(worker.started_at, UTC),
        }
        for worker in lists.page_of(chosen, wanted)
    ]
    empty = "No worker looks like this." if state or host else "Nobody works: start `makegood serve` or a worker."
    listing = Listing("workers", COLUMNS, FILTERS, rows, len(chosen), wanted, empty)
    return lists.answer(request, who, "list.html", listing, heading="Workers")
