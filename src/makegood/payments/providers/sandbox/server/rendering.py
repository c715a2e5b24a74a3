"""The sandbox's pages: templates, and the headers that keep them to themselves."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from makegood.kernel.money import Money
from makegood.payments.providers.sandbox.server.door import read_body
from makegood.payments.providers.sandbox.server.errors import MalformedBody

_HERE = Path(__file__).parent


_ASSETS = {"sandbox.css": "text/css", "icon.svg": "image/svg+xml"}


@cache
def _asset(name: str) -> bytes:
    return (_HERE / "assets" / name).read_bytes()


def asset(request: Request) -> Response:
    """GET /assets/{name}"""
    name = request.path_params["name"]
    if name not in _ASSETS:
        return Response(status_code=404)
    return Response(
        _asset(name),
        media_type=_ASSETS[name],
        headers={"Cache-Control": "public, max-age=86400", "X-Content-Type-Options": "nosniff"},
    )


def _money(amount: int, currency: str) -> str:
    return Money(amount, currency).format()


def _moment(timestamp: float) -> str:
    return datetime.fromtimestamp(timestamp, UTC).strftime("%-d %b %Y, %H:%M:%S UTC")


def _host(url: str) -> str:
    return urlsplit(url).netloc


class Pages:
    """Renders the pages of a sandbox mounted at `base_path`."""

    def __init__(self, base_path: str) -> None:
        self._templates = Environment(
            loader=FileSystemLoader(_HERE / "templates"),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._templates.filters.update(money=_money, moment=_moment, host=_host)
        self._templates.globals.update(
            base=base_path, stylesheet_version=hashlib.sha256(_asset("sandbox.css")).hexdigest()[:12]
        )

    def render(
        self, template: str, *, status: int = 200, leads_to: tuple[str, ...] = (), **values: Any
    ) -> HTMLResponse:
        """A page; `leads_to` are addresses outside to which its forms may redirect (browsers check them too)."""
        response = HTMLResponse(self._templates.get_template(template).render(**values), status_code=status)
        targets = " ".join(sorted({"'self'", *(_origin(url) for url in leads_to)}))
        response.headers.update(
            {
                "Content-Security-Policy": "default-src 'none'; style-src 'self'; img-src 'self'; base-uri 'none';"
                f" frame-ancestors 'none'; form-action {targets}",
                # The page's address is its key: no path of it goes anywhere, but forms still name their origin.
                "Referrer-Policy": "strict-origin",
                "X-Content-Type-Options": "nosniff",
                "X-Robots-Tag": "noindex, nofollow",
                "Cache-Control": "no-store",
            }
        )
        return response


def _origin(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


async def read_form(request: Request) -> dict[str, str]:
    """The fields of a posted form; the last value of a repeated name counts."""
    try:
        pairs = parse_qsl(
            (await read_body(request)).decode("utf-8"), keep_blank_values=True, max_num_fields=60, errors="strict"
        )
    except ValueError as problem:
        raise MalformedBody(problem="it is not a form") from problem
    return dict(pairs)
