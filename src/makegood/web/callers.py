"""Who makes a request: the visitor of a cookie, or the customer of an API key."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from makegood.accounts.callers import Caller, Scope, owns
from makegood.fulfillment.downloads import Fetcher
from makegood.kernel.errors import Rejected
from makegood.orders.models import Order
from makegood.orders.reading import OrderNotFound, by_number
from makegood.web.security import PROLONGED, SAFE
from makegood.web.services import services

COOKIE = "makegood"


class NotSignedIn(Rejected):
    code = "NOT_SIGNED_IN"
    status = 401
    customer = "Please sign in first."
    operator = "A request without a customer came to {path}."


def caller(request: Request) -> Caller:
    """Who makes this request, looked up once. Unknown visitors are nobody until they begin something."""
    known = getattr(request.state, "caller", None)
    if isinstance(known, Caller):
        return known
    scheme, _, bearer = request.headers.get("authorization", "").partition(" ")
    key = bearer if scheme.lower() == "bearer" else None
    found = services(request).accounts.identify(cookie=request.cookies.get(COOKIE), bearer=key)
    found.need(Scope.READ if request.method in SAFE else Scope.ORDER)
    request.state.caller = found
    if found.was_prolonged:
        answer = Response()
        set_cookie(request, answer, request.cookies[COOKIE])
        setattr(request.state, PROLONGED, answer.headers["set-cookie"])
    return found


def visitor(request: Request) -> Caller:
    """Who makes this request; a new visitor gets a session, which `remember` puts into the response."""
    found = caller(request)
    if found.visitor_id is not None or found.customer_id is not None:
        return found
    found, cookie = services(request).accounts.visit(request.headers.get("user-agent", ""))
    request.state.caller, request.state.new_cookie = found, cookie
    return found


def remember(request: Request, response: Response) -> None:
    """Put a session that this request opened into its response."""
    cookie = getattr(request.state, "new_cookie", None)
    if cookie:
        set_cookie(request, response, cookie)


def set_cookie(request: Request, response: Response, value: str) -> None:
    """The session cookie: not for scripts, not for other sites."""
    shop = services(request)
    response.set_cookie(
        COOKIE, value, max_age=shop.settings.session_days * 86400, httponly=True, samesite="lax",
        secure=shop.settings.public_address.startswith("https://"), path="/",
    )  # fmt: skip


def own_order(request: Request, number: str) -> Order:
    """The order if it is the caller's: made by this visitor, of this customer, or opened by its mail's key."""
    shop = services(request)
    with shop.database.read() as session:
        order = by_number(session, number)
    if owns(caller(request), visitor_id=order.visitor_id, customer_id=order.customer_id, email=order.email):
        return order
    key = request.query_params.get("key", "")
    if key and shop.links.opens_order(order, key):
        return order
    raise OrderNotFound(number=number[:40])


def fetcher(request: Request) -> Fetcher:
    """Who fetches a file: enough to tell one from another, not enough to tell who it is."""
    known = caller(request)
    origin = services(request).signer.signature("fetcher", network_address(request))[:12]
    via = known.via if known.via != "none" else "link"
    return Fetcher(origin=origin, agent=request.headers.get("user-agent", ""), via=via)


def network_address(request: Request) -> str:
    """Where the request comes from, for counting tries."""
    return request.client.host if request.client else ""
