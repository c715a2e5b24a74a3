"""Orders as pages: the list, the look-up, one order live, and the way to its payment."""

from __future__ import annotations

import time
from typing import Any
from urllib.parse import urlencode

from fastapi import APIRouter, Request
from fastapi.responses import RedirectResponse, Response

from makegood.kernel import logs
from makegood.kernel.errors import MakegoodError
from makegood.notify.models import MailState, of_order
from makegood.orders.models import Order
from makegood.pages.order_words import Words, words_for
from makegood.pages.rendering import pages_of
from makegood.web.callers import caller, network_address, own_order
from makegood.web.forms import Form
from makegood.web.lookup import send_order_link
from makegood.web.order_view import order_json, orders_of
from makegood.web.services import Services, services

router = APIRouter(include_in_schema=False)
log = logs.get("pages")

PAYMENT_PAGE_SECONDS = 4
LOOKED_UP = "If there is such an order with this address, we have sent a link to it."


@router.get("/orders")
def own_orders(request: Request) -> Response:
    """The caller's orders, newest first, and the form to find others."""
    return _orders(request)


@router.post("/orders")
def look_up(request: Request, form: Form) -> Response:
    """Send the link of an order to the address that it was made with; the answer is always the same."""
    number, email = form.get("number", "")[:40].strip(), form.get("email", "")[:320].strip()
    if not number or "@" not in email:
        problem = "Please give both the order number and the e-mail address."
        return _orders(request, problem=problem, number=number, email=email, status=422)
    send_order_link(services(request), number, email, network_address(request))
    return _orders(request, looked_up=LOOKED_UP)


@router.get("/orders/{number}")
def show(request: Request, number: str, paid: str = "") -> Response:
    """The order as it stands. With `paid`, the customer comes from the payment page: the provider is asked at once."""
    shop, order = services(request), own_order(request, number)
    if paid and order.paid_at is None:
        _settle(shop, order)
    seen = order_json(shop, order.id)
    words = words_for(seen, came_from_paying=bool(paid), mailed=_was_mailed(shop, order))
    only_live = request.headers.get("makegood-part") == "live"
    if not only_live and number != order.number:
        return RedirectResponse(f"/orders/{order.number}{_key_query(request)}", 301)
    return _order(request, seen, words)


@router.get("/orders/{number}/pay")
def pay(request: Request, number: str) -> Response:
    """On to the payment page, as soon as the provider has made one."""
    shop, order = services(request), own_order(request, number)
    back = f"/orders/{order.number}{_key_query(request)}"
    until = time.monotonic() + PAYMENT_PAGE_SECONDS
    while time.monotonic() < until:
        seen = order_json(shop, order.id)
        payment = seen["payment"]
        if seen["state"] != "awaiting_payment" or payment is None or not payment["open"]:
            return RedirectResponse(back, 303)
        if payment["url"]:
            return RedirectResponse(payment["url"], 303)
        time.sleep(0.1)
    return pages_of(request).page(request, "pay.html", number=order.number, key_query=_key_query(request))


def _order(request: Request, seen: dict[str, Any], words: Words) -> Response:
    return pages_of(request).page(
        request,
        "order.html",
        order=seen,
        headline=words.headline,
        explanation=words.explanation,
        bank_is_working=words.bank_is_working,
        resting=seen["at_rest"],
        key_query=_key_query(request),
    )


def _orders(request: Request, status: int = 200, **values: Any) -> Response:
    shop, who = services(request), caller(request)
    orders = orders_of(shop, who, 100)
    shown = {"looked_up": "", "problem": "", "number": "", "email": who.email or "", **values}
    return pages_of(request).page(
        request, "orders.html", status, orders=orders, signed_in=who.customer_id is not None, **shown
    )


def _settle(shop: Services, order: Order) -> None:
    try:
        shop.settling.settle_order(order.id)
    except MakegoodError as error:
        if not error.can_heal:
            raise
        # The provider can't be asked now. The poll asks again by itself, and the page says that it waits.
        log.warning("return.unsettled", order=order.number, code=error.code, operator=error.for_operator())


def _was_mailed(shop: Services, order: Order) -> bool:
    with shop.database.read() as session:
        mails = of_order(session, order.id)
    return any(mail.key.startswith("delivered/") and mail.state == MailState.ACCEPTED for mail in mails)


def _key_query(request: Request) -> str:
    key = request.query_params.get("key", "")
    return f"?{urlencode({'key': key})}" if key else ""
