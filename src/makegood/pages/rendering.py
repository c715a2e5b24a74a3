"""Templates: one environment for the shop's pages and its products', with the few words and figures they share."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Any

from babel.dates import format_date, format_datetime
from jinja2 import (
    ChoiceLoader,
    Environment,
    FileSystemLoader,
    StrictUndefined,
    TemplateNotFound,
    TemplateSyntaxError,
    select_autoescape,
)
from starlette.requests import Request
from starlette.responses import HTMLResponse

from makegood.kernel.errors import Misconfigured
from makegood.kernel.money import Money
from makegood.web.services import Services, services

HERE = Path(__file__).parent
STATIC = HERE / "static"

ORDER_STATES = {
    "awaiting_payment": "Waiting for payment",
    "in_progress": "Being made",
    "delivered": "Delivered",
    "partly_delivered": "Partly delivered",
    "refunded": "Money given back",
    "cancelled": "Cancelled",
}

MONEY_STATES = {
    "kept": "This could not be made. Your money goes back.",
    "refunding": "Your money is on its way back. There is nothing to do; cards show it within a few days.",
    "refunded": "Your money was given back in full. Cards show it within a few days.",
    "disputed": "Your bank is looking into this payment. We wait for its answer.",
    "charged_back": "Your bank has taken the money back.",
}

ARTEFACT_KINDS = {
    "application/pdf": "For printing (PDF)",
    "image/png": "For screens (PNG)",
    "audio/mp4": "The recording",
}

STYLES = {"long": "d MMMM y, HH:mm", "day": "d MMMM y", "time": "HH:mm:ss"}


class AssetsMissing(Misconfigured):
    code = "ASSETS_MISSING"
    operator = "The built page files lack {name} (looked in {folder}). Build the frontend."


class PageTemplateGone(Misconfigured):
    code = "PAGE_TEMPLATE_GONE"
    operator = "The page template {template} is gone or broken ({problem}): reinstall makegood, or put the file back."


class Pages:
    """Renders pages. One per application; products' templates are found by their own folder's name."""

    def __init__(self, shop: Services) -> None:
        self._shop = shop
        folders = [HERE / "templates", *(p.templates for p in shop.products if p.templates is not None)]
        self._environment = Environment(
            loader=ChoiceLoader([FileSystemLoader(folder) for folder in folders]),
            autoescape=select_autoescape(["html"]),
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._environment.globals.update(
            shop_name=shop.settings.shop_name,
            development=shop.settings.env != "production",
            asset=self._asset,
        )
        self._environment.filters.update(
            iso=lambda value: _moment(value).isoformat(),
            moment=lambda value, style="long": _spoken(_moment(value), style),
            size=spoken_size,
            seconds=lambda value: f"{value:.1f} s",
            money=lambda minor, currency: Money(minor, currency).format(),
            order_state=lambda state: ORDER_STATES[state],
            money_state=lambda state: MONEY_STATES[state or "kept"],
            artefact_label=lambda artefact: ARTEFACT_KINDS.get(artefact["media_type"], artefact["name"]),
            browser=spoken_browser,
        )

    def page(self, request: Request, template: str, status: int = 200, **values: Any) -> HTMLResponse:
        """The template as an answer. Every page knows its path and what is on sale."""
        on_sale = [product.manifest for product in self._shop.products.offered()]
        try:
            html = self._environment.get_template(template).render(
                path=request.url.path, products_on_sale=on_sale, **values
            )
        except (TemplateNotFound, TemplateSyntaxError) as error:
            raise PageTemplateGone(template=error.name or template, problem=error.message) from error
        return HTMLResponse(html, status)

    def _asset(self, source: str) -> str:
        """The address of what the frontend build made of `source`."""
        built = self._built.get(source)
        if built is None:
            raise AssetsMissing(name=source, folder=STATIC / "dist")
        return f"/static/dist/{built['file']}"

    @cached_property
    def _built(self) -> Mapping[str, Mapping[str, Any]]:
        manifest = STATIC / "dist" / "manifest.json"
        if not manifest.is_file():
            raise AssetsMissing(name=manifest.name, folder=manifest.parent)
        found: Mapping[str, Mapping[str, Any]] = json.loads(manifest.read_text())
        return found


def pages_of(request: Request) -> Pages:
    """The renderer of the application that this request came to; made at the first page."""
    found = getattr(request.app.state, "pages", None)
    if not isinstance(found, Pages):
        found = Pages(services(request))
        request.app.state.pages = found
    return found


def spoken_size(size: int) -> str:
    """`2480000` as `2.5 MB`."""
    value = float(size)
    for unit in ("bytes", "kB", "MB"):
        if value < 1000:
            return f"{value:.0f} {unit}" if unit == "bytes" or value >= 10 else f"{value:.1f} {unit}"
        value /= 1000
    return f"{value:.1f} GB"


def spoken_browser(user_agent: str) -> str:
    """What a person calls the browser of a `User-Agent`."""
    names = {"Edg": "Edge", "OPR": "Opera", "Firefox": "Firefox", "Chrome": "Chrome", "Safari": "Safari"}
    systems = {
        "iPhone": "iPhone",
        "iPad": "iPad",
        "Android": "Android",
        "Windows": "Windows",
        "Mac OS": "Mac",
        "Linux": "Linux",
    }
    name = next((said for mark, said in names.items() if mark in user_agent), "A browser")
    system = next((said for mark, said in systems.items() if mark in user_agent), None)
    return f"{name} on {system}" if system else name


def _moment(value: datetime | str) -> datetime:
    found = datetime.fromisoformat(value) if isinstance(value, str) else value
    return found.astimezone(UTC)


def _spoken(value: datetime, style: str) -> str:
    if style == "day":
        return str(format_date(value, STYLES[style], locale="en"))
    zone = "" if style == "time" else " UTC"
    return f"{format_datetime(value, STYLES[style], locale='en')}{zone}"
