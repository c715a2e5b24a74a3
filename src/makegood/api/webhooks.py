"""Notifications of payment providers."""

from __future__ import annotations

from fastapi import APIRouter, Request
from fastapi.concurrency import run_in_threadpool

from makegood.kernel.errors import Rejected
from makegood.web.services import services

router = APIRouter(tags=["payments"])

MOST_BYTES = 1 << 20


class NotificationTooBig(Rejected):
    code = "NOTIFICATION_TOO_BIG"
    status = 413
    customer = "This notification is too big."
    operator = "A notification for {provider} had over a megabyte."


@router.post("/payments/{provider}/webhook")
async def receive(request: Request, provider: str) -> dict[str, bool]:
    """Verified over its raw bytes, committed, and only then answered 2xx; handled afterwards."""
    raw = bytearray()
    async for chunk in request.stream():
        raw += chunk
        if len(raw) > MOST_BYTES:
            raise NotificationTooBig(provider=provider[:40])
    headers = {name.lower(): value for name, value in request.headers.items()}
    new = await run_in_threadpool(services(request).inbox.receive, provider, headers, bytes(raw))
    return {"received": True, "new": new}
