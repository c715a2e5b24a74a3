"""Faults that a test asks for: the next calls fail before or after they have taken effect."""

from __future__ import annotations

import sqlite3
from collections.abc import MutableMapping
from enum import StrEnum
from typing import Any

import anyio
from starlette.responses import JSONResponse, Response
from starlette.types import Receive, Scope, Send

from makegood.payments.providers.sandbox.server.database import Tx


class Kind(StrEnum):
    """What the caller sees."""

    ERROR = "500"
    AFTER_COMMIT_ERROR = "after_commit_500"
    TIMEOUT = "timeout"
    CONNECTION_DROP = "connection_drop"


class Moment(StrEnum):
    """Whether the call has taken effect when it fails."""

    BEFORE = "before"
    AFTER = "after"


def order(
    tx: Tx, *, kind: Kind, moment: Moment, method: str | None, path_prefix: str, seconds: float, calls: int
) -> None:
    """Let the next `calls` calls under `path_prefix` fail; a time-out holds the line for `seconds` first."""
    if kind is Kind.AFTER_COMMIT_ERROR:
        moment = Moment.AFTER
    tx.sql.execute(
        "INSERT INTO faults (kind, moment, method, path_prefix, seconds, remaining) VALUES (?, ?, ?, ?, ?, ?)",
        (kind, moment, method, path_prefix, seconds, calls),
    )


def matching(tx: Tx, method: str, path: str) -> sqlite3.Row | None:
    """The oldest fault with calls left that is meant for this one."""
    row: sqlite3.Row | None = tx.sql.execute(
        "SELECT * FROM faults WHERE remaining > 0 AND (method IS NULL OR method = ?)"
        " AND substr(?, 1, length(path_prefix)) = path_prefix ORDER BY seq LIMIT 1",
        (method, path),
    ).fetchone()
    return row


def use_up(tx: Tx, fault: sqlite3.Row) -> None:
    """One call of the fault has been spent."""
    tx.sql.execute("UPDATE faults SET remaining = remaining - 1 WHERE seq = ? AND remaining > 0", (fault["seq"],))


def clear(tx: Tx) -> None:
    """Forget all faults."""
    tx.sql.execute("DELETE FROM faults")


def show(tx: Tx) -> dict[str, list[dict[str, Any]]]:
    """The faults that still wait for calls."""
    rows = tx.sql.execute("SELECT * FROM faults WHERE remaining > 0 ORDER BY seq").fetchall()
    names = ("kind", "moment", "method", "path_prefix", "seconds", "remaining")
    return {"data": [{name: row[name] for name in names} for row in rows]}


async def spoil(fault: sqlite3.Row) -> Response:
    """The response that the caller gets in place of the true one."""
    if fault["kind"] in (Kind.ERROR, Kind.AFTER_COMMIT_ERROR):
        error = {"code": "internal", "message": "Something went wrong at the payment provider."}
        return JSONResponse({"error": error}, status_code=500)
    if fault["kind"] == Kind.TIMEOUT:
        await anyio.sleep(fault["seconds"])
    return DroppedLine()


class DroppedLine(Response):
    """A response that breaks off: more is promised than is sent, so the server has to cut the connection."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        start: MutableMapping[str, Any] = {
            "type": "http.response.start",
            "status": 500,
            "headers": [(b"content-length", b"100")],
        }
        await send(start)
