"""The console: pages for operators. Who is owed what, why it took so long, and what can be done about it."""

from __future__ import annotations

from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from makegood.console import (
    acting,
    audit_log,
    dead_letters,
    health,
    inbox,
    order,
    orders,
    people,
    promises,
    refunds,
    signing_in,
    workers,
)
from makegood.console.access import SignedOut, identify, sign_in_address
from makegood.console.rendering import ConsolePages, pages_of
from makegood.kernel import logs
from makegood.kernel.errors import MakegoodError
from makegood.web.services import Services

__all__ = ["UPLOADS", "error_page", "install"]

PARTS = (signing_in, promises, orders, order, refunds, inbox, dead_letters, workers, health, audit_log, people, acting)
UPLOADS = "/console/complete/"
"""Below this address bodies have limits of their own."""

log = logs.get("console")


def install(app: FastAPI) -> None:
    """Put the console into the application."""
    shop = app.state.services
    if not isinstance(shop, Services):
        raise TypeError("the console is installed into an application that has its services")
    app.state.console = ConsolePages(shop)
    for part in PARTS:
        app.include_router(part.router)


def error_page(request: Request, error: MakegoodError) -> Response | None:
    """The console's page for a request of an operator that raised `error`; None for everybody else, who shall not
    learn more here than anywhere."""
    if isinstance(error, SignedOut):
        return RedirectResponse(sign_in_address(str(error.facts["to"])), 303)
    if request.url.path.startswith("/console/set-up/") and error.status == 404:
        return pages_of(request).page(request, "message.html", None, 404, error=error, said=error.for_customer())
    who = identify(request)
    if who is None:
        return None
    if error.status >= 500:
        log.error("page.failed", path=request.url.path, code=error.code, operator=error.for_operator())
    said = error.for_operator() if error.status != 403 else error.for_customer()
    return pages_of(request).page(request, "message.html", who, error.status, error=error, said=said)
