"""What a request is answered when it fails."""

from __future__ import annotations

from collections.abc import Callable

from anyio import to_thread
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from sqlalchemy.exc import DataError
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from makegood.checkout.errors import OptionInvalid
from makegood.kernel import logs
from makegood.kernel.errors import MakegoodError, NotFound, Rejected
from makegood.web.problems import problem
from makegood.web.security import CrossSite

log = logs.get("web")


class RequestUnreadable(Rejected):
    code = "REQUEST_UNREADABLE"
    status = 400
    customer = "We could not read what was sent. Please reload the page and try again; nothing was charged."
    operator = "A request to {path} could not be read ({status})."


def install(app: FastAPI, error_page: Callable[[Request, MakegoodError], Response]) -> None:
    """Answer every error as problem+json under `/api/` and `/health`, else as the page that `error_page` makes."""

    async def answer(request: Request, error: MakegoodError) -> Response:
        if request.url.path.startswith(("/api/", "/health")):
            response: Response = problem(request, error)
        else:
            response = await to_thread.run_sync(error_page, request, error)
        if error.facts.get("hang_up"):
            # Else the server would read on, and throw away, for as long as somebody sends.
            response.headers["Connection"] = "close"
        return response

    async def known(request: Request, error: Exception) -> Response:
        if not isinstance(error, MakegoodError):
            raise error
        return await answer(request, error)

    async def http(request: Request, error: Exception) -> Response:
        status = error.status_code if isinstance(error, HTTPException) else 500
        return await answer(request, _http_error(status, request))

    async def invalid(request: Request, error: Exception) -> Response:
        first = error.errors()[0] if isinstance(error, RequestValidationError) else {"loc": ("?",), "msg": "invalid"}
        where = ".".join(str(part) for part in first["loc"][1:]) or str(first["loc"][0])
        return await answer(request, OptionInvalid(option=where[:60], problem=str(first["msg"])[:200]))

    async def unstorable(request: Request, error: Exception) -> Response:
        # PostgreSQL keeps no NUL, so nothing is there under such a name.
        if not isinstance(error, DataError) or "NUL" not in str(error.orig):
            return await unexpected(request, error)
        path = request.url.path
        return await answer(request, NotFound(path=path) if request.method == "GET" else _http_error(400, request))

    async def unexpected(request: Request, error: Exception) -> Response:
        log.error("request.crashed", path=request.url.path, exc_info=error)
        return await answer(request, MakegoodError(path=request.url.path))

    app.add_exception_handler(MakegoodError, known)
    app.add_exception_handler(HTTPException, http)
    app.add_exception_handler(RequestValidationError, invalid)
    app.add_exception_handler(DataError, unstorable)
    app.add_exception_handler(Exception, unexpected)


def _http_error(status: int, request: Request) -> MakegoodError:
    if status in (404, 405):
        return NotFound(path=request.url.path)
    if 400 <= status < 500:
        return RequestUnreadable(path=request.url.path, status=status)
    return MakegoodError(status=status, path=request.url.path)


async def reject_cross_site(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer a request that came from another site."""
    request = Request(scope, receive)
    error = CrossSite(method=request.method, origin=request.headers.get("origin", "another site"))
    await problem(request, error)(scope, receive, send)
