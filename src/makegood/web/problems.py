"""Errors as RFC 9457 problem+json with a stable code."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import JSONResponse

from makegood.kernel import logs
from makegood.kernel.errors import MakegoodError
from makegood.web.services import services

log = logs.get("web")


def problem(request: Request, error: MakegoodError) -> JSONResponse:
    """The answer to an API request that raised `error`. The operator's sentence stays inside, but in development."""
    content = {
        "type": "about:blank",
        "title": error.code.replace("_", " ").capitalize(),
        "status": error.status,
        "detail": error.for_customer(),
        "code": error.code,
    }
    for name in ("option", "field", "order", "retry_after"):
        if name in error.facts:
            content[name] = error.facts[name]
    if error.status >= 500:
        log.error("request.failed", path=request.url.path, code=error.code, operator=error.for_operator())
    if services(request).settings.env != "production":
        content["operator"] = error.for_operator()
    headers = {"Retry-After": str(error.facts["retry_after"])} if "retry_after" in error.facts else {}
    return JSONResponse(content, error.status, headers, media_type="application/problem+json")
