"""Checkout as a page: works as a plain form; the script only saves reloads."""

from __future__ import annotations

from fastapi import APIRouter, Request
from fastapi.responses import RedirectResponse, Response

from makegood.accounts.errors import EmailInvalid
from makegood.catalog.promotions import PromotionUnknown
from makegood.checkout.errors import OrderOpen
from makegood.kernel.errors import Rejected
from makegood.kernel.ids import new_secret
from makegood.orders.models import Order
from makegood.pages.rendering import pages_of
from makegood.web.callers import caller
from makegood.web.forms import Form
from makegood.web.services import services

router = APIRouter(include_in_schema=False)
NEW_PRICE = "The price has changed with what you asked for. Nothing was charged: please look at it, then order."


@router.get("/checkout/{draft_id}")
def show(request: Request, draft_id: str) -> Response:
    """What is bought, what it costs, where it goes."""
    return _page(request, draft_id, {})


@router.post("/checkout/{draft_id}")
def send(request: Request, draft_id: str, form: Form) -> Response:
    """A new price (`action=price`), or the order itself; then on to the payment."""
    if form.get("action") == "price":
        return _page(request, draft_id, form)
    asked = _asked(form)
    if form.get("priced", asked) != asked:
        return _page(request, draft_id, form, problem=NEW_PRICE, status=409)
    shop = services(request)
    try:
        order_id = shop.ordering.place(
            caller(request), draft_id, form.get("email", ""), form.get("quote", ""), form.get("idempotency_key", "")
        )
    except EmailInvalid as error:
        return _page(request, draft_id, form, email_problem=error.for_customer(), status=422)
    except Rejected as error:
        if error.status in (404, 410):
            raise
        order = error.facts["order"] if isinstance(error, OrderOpen) else ""
        return _page(request, draft_id, form, problem=error.for_customer(), open_order=order, status=error.status)
    with shop.database.read() as session:
        number = session.get_one(Order, order_id).number
    return RedirectResponse(f"/orders/{number}/pay", 303)


def _asked(form: dict[str, str]) -> str:
    """What a price is for, as it was typed."""
    return f"{form.get('quantity', '1').strip()} {form.get('promotion', '').strip()}"


def _page(
    request: Request,
    draft_id: str,
    form: dict[str, str],
    *,
    problem: str = "",
    open_order: str = "",
    email_problem: str = "",
    status: int = 200,
) -> Response:
    shop, who = services(request), caller(request)
    wanted = form.get("quantity", "1")
    quantity = int(wanted) if wanted.isdecimal() and len(wanted) < 4 else 1
    promotion, promotion_problem = form.get("promotion", "").strip() or None, ""
    try:
        quote, token = shop.ordering.quote(who, draft_id, quantity, promotion)
    except PromotionUnknown as error:
        promotion_problem = error.for_customer()
        quote, token = shop.ordering.quote(who, draft_id, quantity, None)
    draft = shop.drafts.get(who, draft_id)
    product = shop.products.get(draft.product_id)
    return pages_of(request).page(
        request,
        "checkout.html",
        status,
        draft=draft,
        description=product.describe(product.options.model_validate(draft.options)),
        edit_url=f"{product.manifest.route_prefix}/{draft.id}",
        most=product.most_units,
        has_codes=bool(product.codes),
        quote=quote,
        token=token,
        priced=f"{quantity} {promotion or ''}",
        promotion=promotion,
        promotion_problem=promotion_problem,
        email=form.get("email", "") or who.email or "",
        email_problem=email_problem,
        problem=problem,
        open_order=open_order,
        idempotency_key=new_secret(),
    )
