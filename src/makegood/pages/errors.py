"""Errors as pages: what happened, what it means for files and money, and where to go from here."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape

from starlette.requests import Request
from starlette.responses import HTMLResponse

from makegood.kernel import logs
from makegood.kernel.errors import MakegoodError, Misconfigured
from makegood.pages.rendering import pages_of
from makegood.web.services import services

log = logs.get("pages")


@dataclass(frozen=True, slots=True)
class Action:
    """A way on."""

    href: str
    label: str


HEADINGS = {
    400: "That did not work",
    401: "Please sign in",
    403: "Not from here",
    404: "Nothing here",
    409: "Something changed",
    410: "This has ended",
    422: "That did not work",
    429: "A little slower, please",
    503: "One moment, please",
}


PLAIN = "<!doctype html><meta charset=utf-8><title>{heading}</title><h1>{heading}</h1><p>{said}</p><p>{code}</p>"


def error_page(request: Request, error: MakegoodError) -> HTMLResponse:
    """The page for a request that raised `error`; a plain one if not even the template of errors can be had."""
    try:
        return _error_page(request, error)
    except Misconfigured as worse:
        log.exception("page.failed", path=request.url.path, code=worse.code, operator=worse.for_operator())
        heading = HEADINGS.get(error.status, "Something went wrong")
        said = " ".join(escape(sentence) for sentence in _sentences(request, error))
        return HTMLResponse(PLAIN.format(heading=heading, said=said, code=escape(error.code)), error.status)


def _error_page(request: Request, error: MakegoodError) -> HTMLResponse:
    if error.status >= 500:
        log.error("page.failed", path=request.url.path, code=error.code, operator=error.for_operator())
    answer = pages_of(request).page(
        request,
        "message.html",
        error.status,
        eyebrow=str(error.status),
        heading=HEADINGS.get(error.status, "Something went wrong"),
        sentences=_sentences(request, error),
        actions=_actions(request, error),
        code=error.code if error.status not in (401, 404, 410) else "",
    )
    if "retry_after" in error.facts:
        answer.headers["Retry-After"] = str(error.facts["retry_after"])
    return answer


def _sentences(request: Request, error: MakegoodError) -> list[str]:
    said = [error.for_customer()]
    if isinstance(error, Misconfigured) and services(request).settings.env != "production":
        said.append(f"For whoever runs this shop: {error.for_operator()}")
    if error.status == 404:
        said.append("If you are looking for an order, we can send you its link.")
    if error.status == 500:
        said.append("If you were paying: an order that is paid is made and delivered, or its money goes back.")
    return said


def _actions(request: Request, error: MakegoodError) -> list[Action]:
    home = Action("/", "To the shop")
    if error.status == 401 or error.code.startswith("LINK_"):
        return [Action("/account", "Sign in"), home]
    if error.status == 410:
        return [home, Action("/orders", "Find an order")]
    if error.status >= 500 and request.method == "GET":
        return [Action(request.url.path, "Try again"), home]
    return [home, Action("/orders", "Find an order")]
