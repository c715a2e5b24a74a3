"""Home, what we keep, and the beginning of a draft."""

from __future__ import annotations

from fastapi import APIRouter, Request
from fastapi.responses import RedirectResponse, Response

from makegood.pages.rendering import pages_of
from makegood.web.callers import remember, visitor
from makegood.web.forms import Form
from makegood.web.services import services

router = APIRouter(include_in_schema=False)


@router.get("/")
def home(request: Request) -> Response:
    """What the shop makes."""
    return pages_of(request).page(request, "home.html")


@router.get("/privacy")
def privacy(request: Request) -> Response:
    """What we keep and for how long."""
    return pages_of(request).page(request, "privacy.html", draft_hours=services(request).settings.draft_hours)


@router.post("/drafts")
def start(request: Request, form: Form) -> Response:
    """Begin a draft of a product and go to its editor."""
    shop, who = services(request), visitor(request)
    draft = shop.drafts.start(who, form.get("product", ""), {})
    prefix = shop.products.get(draft.product_id).manifest.route_prefix
    response = RedirectResponse(f"{prefix}/{draft.id}", 303)
    remember(request, response)
    return response
