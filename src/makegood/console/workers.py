"""Who works: the processes that make and send, and when they were last heard of."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Protocol, cast

from fastapi import APIRouter, Request
from fastapi.responses import Response

from makegood.console import lists
from makegood.console.access import Viewer
from makegood.console.lists import Column, Filter, Kind, Listing, Tag
from makegood.kernel.errors import NotFound
from makegood.web.services import services

router = APIRouter(include_in_schema=False)


class Worker(Protocol):
    """A process that works, as the engine knows it."""

    executor_id: str
    host: str
    pid: int
    kind: str
    started_at: datetime
    seen_at: datetime
    dead: bool


FILTERS = (Filter("state", "Show", (("", "all"), ("alive", "alive"), ("dead", "dead"))), Filter("host", "Host"))
COLUMNS = (
    Column("worker", "Worker", Kind.CODE),
    Column("state", "State", Kind.TAG, "state"),
    Column("kind", "Kind"),
    Column("host", "Host", Kind.TEXT, "host"),
    Column("pid", "Process", Kind.NUMBER),
    Column("seen", "Last heard of", Kind.MOMENT, "seen"),
    Column("started", "Started", Kind.MOMENT, "started"),
)
SORTS: dict[str, Any] = {
    "state": lambda worker: worker.dead,
    "host": lambda worker: worker.host,
    "seen": lambda worker: worker.seen_at,
    "started": lambda worker: worker.started_at,
}


@router.get("/console/workers")
def workers(request: Request, who: Viewer) -> Response:
    """Every worker, the one that was heard of last first."""
    ask = getattr(services(request).engine, "workers", None)
    if ask is None:
        raise NotFound(path=request.url.path)
    wanted = lists.read(request, FILTERS, tuple(SORTS), "-seen")
    state, host = wanted.filters["state"], wanted.filters["host"].casefold()
    chosen = [
        worker
        for worker in cast("Sequence[Worker]", ask())
        if (not state or worker.dead == (state == "dead")) and host in worker.host.casefold()
    ]
    chosen.sort(key=SORTS[wanted.sort.lstrip("-")], reverse=wanted.descending)
    rows = [
        {
            "worker": worker.executor_id,
            "state": Tag("dead", "notice") if worker.dead else Tag("alive", "good"),
            "kind": worker.kind,
            "host": worker.host,
            "pid": worker.pid,
            "seen": worker.seen_at,
            "started": worker.started_at,
        }
        for worker in lists.page_of(chosen, wanted)
    ]
    empty = "No worker looks like this." if state or host else "Nobody works: start `makegood worker` or `serve`."
    listing = Listing("workers", COLUMNS, FILTERS, rows, len(chosen), wanted, empty)
    return lists.answer(request, who, "list.html", listing, heading="Workers")
