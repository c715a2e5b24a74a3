"""Orders: what was ordered, what has become of it, live."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator
from typing import Any

from fastapi import APIRouter, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import StreamingResponse
from pydantic import BaseModel, Field

from makegood.kernel.errors import Rejected
from makegood.web.callers import caller, network_address, own_order
from makegood.web.lookup import send_order_link
from makegood.web.order_view import order_json, orders_of
from makegood.web.services import Services, services

router = APIRouter(prefix="/orders", tags=["orders"])

QUICK_SECONDS, CALM_SECONDS = 0.3, 2.0
"""Between two looks: quick while something happens, calm once nothing has for `QUICK_FOR_SECONDS`."""
QUICK_FOR_SECONDS = 20
KEEP_OPEN_SECONDS = 600
STILL_SECONDS = 10
"""Between two signs of life where nothing changes."""
MOST_WATCHED = 100
"""Orders watched in one process at once: each is read whole at every look. Who comes later asks by themselves."""
MOST_OF_ONE = 5
_watched = Counter[str]()


class TooManyWatch(Rejected):
    code = "TOO_MANY_WATCH"
    status = 503
    customer = "Too many are watching at the moment. Please ask again from time to time instead."
    operator = "The events of {order} could not be watched: too many are open."


class Lookup(BaseModel):
    number: str = Field(max_length=40)
    email: str = Field(max_length=320)


@router.get("")
def own_orders(request: Request) -> list[dict[str, Any]]:
    """The caller's orders, newest first."""
    return orders_of(services(request), caller(request))


@router.post("/lookup", status_code=202)
def look_up(request: Request, wanted: Lookup) -> dict[str, str]:
    """Have the link to an order sent to the address that it was made with. The answer is always the same."""
    send_order_link(services(request), wanted.number, wanted.email, network_address(request))
    return {"detail": "If there is such an order with this address, we have sent a link to it."}


@router.get("/{number}")
def show_order(request: Request, number: str) -> dict[str, Any]:
    """The order, if it is the caller's or opened by its mail's key."""
    return order_json(services(request), own_order(request, number).id)


@router.post("/{number}/settle")
def settle(request: Request, number: str) -> dict[str, Any]:
    """Ask the provider now what has become of the payment: what the return page does."""
    shop, order = services(request), own_order(request, number)
    shop.settling.settle_order(order.id)
    return order_json(shop, order.id)


@router.get("/{number}/events")
def live(request: Request, number: str) -> StreamingResponse:
    """The order, now and at every change, as server-sent events, with `still` where nothing changes for a while; ends
    with `done` when nothing will change. Of one order at most a few can be open at once, and of all of them a hundred
    in one process: `TOO_MANY_WATCH`."""
    shop, order = services(request), own_order(request, number)
    if _watched.total() >= MOST_WATCHED or _watched[order.id] >= MOST_OF_ONE:
        raise TooManyWatch(order=order.number)
    return StreamingResponse(
        _changes(shop, order.id), media_type="text/event-stream", headers={"X-Accel-Buffering": "no"}
    )


async def _changes(shop: Services, order_id: str) -> AsyncIterator[str]:
    clock = asyncio.get_running_loop().time
    last, count, until = "", 0, clock() + KEEP_OPEN_SECONDS
    changed = said = clock()
    _watched[order_id] += 1
    try:
        while clock() < until:
            now = await run_in_threadpool(order_json, shop, order_id)
            text = json.dumps(now)
            if text != last:
                last, count, changed, said = text, count + 1, clock(), clock()
                yield f"id: {count}\nevent: order\ndata: {text}\n\n"
            elif clock() > said + STILL_SECONDS:
                said = clock()
                yield "event: still\ndata: {}\n\n"
            if now["at_rest"]:
                yield "event: done\ndata: {}\n\n"
                return
            await asyncio.sleep(QUICK_SECONDS if clock() < changed + QUICK_FOR_SECONDS else CALM_SECONDS)
    finally:
        _watched[order_id] -= 1
        if not _watched[order_id]:
            del _watched[order_id]
