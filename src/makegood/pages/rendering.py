"""Templates: one environment for the shop's pages and its products', with the few words and figures they share."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from jinja2 import TemplateNotFound, TemplateSyntaxError
from starlette.requests import Request
from starlette.responses import HTMLResponse

from makegood.kernel.errors import Misconfigured
from makegood.web.services import Services, services
from makegood.web.templating import environment

HERE = Path(__file__).parent

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


class PageTemplateGone(Misconfigured):
    code = "PAGE_TEMPLATE_GONE"
    operator = "The page template {template} is gone or broken ({problem}): reinstall makegood, or put the file back."


class Pages:
    """Renders pages. One per application; products' templates are found by their own folder's name."""

    def __init__(self, shop: Services) -> None:
        self._shop = shop
        folders = [HERE / "templates", *(p.templates for p in shop.products if p.templates is not None)]
        self._environment = environment(folders, shop.settings.shop_name)
        self._environment.globals.update(development=shop.settings.env != "production")
        self._environment.filters.update(
            order_state=_order_state,
            money_state=lambda state: MONEY_STATES[state or "kept"],
            artefact_label=lambda artefact: ARTEFACT_KINDS.get(artefact["media_type"], artefact["name"]),
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


def pages_of(request: Request) -> Pages:
    """The renderer of the application that this request came to; made at the first page."""
    found = getattr(request.app.state, "pages", None)
    if not isinstance(found, Pages):
        found = Pages(services(request))
        request.app.state.pages = found
    return found


def _order_state(order: Mapping[str, Any]) -> str:
    free = order["state"] == "refunded" and order["total"]["minor"] == 0
    return "Ended" if free else ORDER_STATES[order["state"]]
