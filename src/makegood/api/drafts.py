"""Drafts: options, uploads, preview, quote, checkout."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Body, Header, Query, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import FileResponse, JSONResponse, Response
from pydantic import BaseModel, Field

from makegood.accounts.callers import Caller
from makegood.catalog.quotes import Quote
from makegood.checkout.models import Draft
from makegood.kernel.errors import NotFound
from makegood.storage import assets
from makegood.web.callers import caller, remember, visitor
from makegood.web.order_view import money_json, order_json
from makegood.web.services import Services, services
from makegood.web.uploads import read_file_name

router = APIRouter(prefix="/drafts", tags=["drafts"])


class NewDraft(BaseModel):
    product: str = Field(max_length=60)
    options: dict[str, Any] = {}


class Change(BaseModel):
    options: dict[str, Any]


class QuoteRequest(BaseModel):
    quantity: int = 1
    promotion: str | None = Field(default=None, max_length=60)


class Checkout(BaseModel):
    email: str = Field(max_length=320)
    quote: str = Field(max_length=8000)
    renews: str | None = Field(default=None, max_length=60)


def draft_json(shop: Services, who: Caller, draft: Draft) -> dict[str, Any]:
    """The draft as its owner sees it."""
    verdict = shop.drafts.verdict(who, draft.id)
    problem = verdict.problem
    with shop.database.read() as session:
        files = {}
        for file in draft.files:
            asset = assets.get(session, file.asset_id)
            files[file.slot] = {
                "asset_id": asset.id, "file_name": asset.file_name, "media_type": asset.media_type,
                "size": asset.size, "facts": file.facts, "warnings": file.warnings, "derived": sorted(file.derived),
            }  # fmt: skip
    return {
        "id": draft.id,
        "product": draft.product_id,
        "version": draft.version,
        "options": draft.options,
        "files": files,
        "missing": [slot.name for slot in shop.drafts.missing(draft)],
        "problem": problem
        and {"code": problem.code, "detail": problem.for_customer(), "field": problem.facts.get("field")},
        "warnings": list(verdict.warnings),
        "expires_at": draft.expires_at.isoformat(),
    }


def job_json(shop: Services, who: Caller, draft_id: str) -> dict[str, Any] | None:
    """The draft's newest job as its owner sees it, or null. What it made is looked at through the preview."""
    draft, job, position = shop.drafts.job(who, draft_id)
    if job is None:
        return None
    problem = {"code": job.error_code, "detail": job.error_text} if job.error_code else None
    return {
        "id": job.id,
        "state": job.state,
        "version": job.version,
        "stale": job.version != draft.version,
        "progress": job.done,
        "doing": job.doing,
        "queue_position": position,
        "attempt": job.attempt,
        "problem": problem,
        "made": [output.name for output in job.outputs],
        "created_at": job.created_at.isoformat(),
        "started_at": job.started_at and job.started_at.isoformat(),
        "ended_at": job.ended_at and job.ended_at.isoformat(),
    }


def quote_json(quote: Quote, token: str) -> dict[str, Any]:
    """The quote with its token, which checkout takes back unchanged."""
    price = quote.price
    return {
        "token": token,
        "version": quote.version,
        "quantity": price.quantity,
        "promotion": quote.promotion,
        "lines": [
            {
                "label": line.label,
                "unit": money_json(line.unit_minor, price.currency),
                "quantity": price.quantity,
                "amount": money_json(line.unit_minor * price.quantity, price.currency),
            }
            for line in price.lines
        ],
        "discount": money_json(price.discount_minor, price.currency),
        "tax": money_json(price.tax_minor, price.currency),
        "total": money_json(price.total_minor, price.currency),
        "expires_at": quote.expires_at.isoformat(),
    }


@router.post("", status_code=201)
def start_draft(request: Request, wanted: NewDraft) -> Response:
    """Begin a draft."""
    shop, who = services(request), visitor(request)
    draft = shop.drafts.start(who, wanted.product, wanted.options)
    response = JSONResponse(draft_json(shop, who, draft), 201)
    remember(request, response)
    return response


@router.get("/{draft_id}")
def show_draft(request: Request, draft_id: str) -> dict[str, Any]:
    """The caller's draft."""
    shop, who = services(request), caller(request)
    return draft_json(shop, who, shop.drafts.get(who, draft_id))


@router.patch("/{draft_id}")
def change_draft(request: Request, draft_id: str, change: Annotated[Change, Body()]) -> dict[str, Any]:
    """Change some options; the answer has all of them and a new version."""
    shop, who = services(request), caller(request)
    return draft_json(shop, who, shop.drafts.change(who, draft_id, change.options))


@router.put("/{draft_id}/files/{slot}")
async def put_file(
    request: Request, draft_id: str, slot: str, name: Annotated[str, Query()] = "file"
) -> dict[str, Any]:
    """Upload a file into a slot: the request's body is the file."""
    shop, who = services(request), await run_in_threadpool(caller, request)
    draft = await run_in_threadpool(shop.drafts.get, who, draft_id)
    limit = shop.drafts.slot(draft, slot).max_bytes
    async with shop.uploads.file(request, slot, limit) as path:
        draft = await run_in_threadpool(shop.drafts.put_file, who, draft_id, slot, path, read_file_name(name))
    return await run_in_threadpool(draft_json, shop, who, draft)


@router.delete("/{draft_id}/files/{slot}")
def remove_file(request: Request, draft_id: str, slot: str) -> dict[str, Any]:
    """Empty a slot."""
    shop, who = services(request), caller(request)
    return draft_json(shop, who, shop.drafts.remove_file(who, draft_id, slot))


@router.get("/{draft_id}/files/{slot}/content")
def file_content(request: Request, draft_id: str, slot: str) -> Response:
    """The caller's own upload, with ranges."""
    return _own_file(request, draft_id, slot, None)


@router.get("/{draft_id}/files/{slot}/derived/{name}")
def derived_content(request: Request, draft_id: str, slot: str, name: str) -> Response:
    """A file that was derived from an upload."""
    return _own_file(request, draft_id, slot, name)


def _own_file(request: Request, draft_id: str, slot: str, derived: str | None) -> Response:
    with services(request).drafts.view(caller(request), draft_id) as view:
        file = view.files.get(slot)
        if file is not None and derived is not None:
            file = file.derived.get(derived)
    if file is None:
        raise NotFound(slot=slot, derived=derived)
    headers = {"Cache-Control": "private, max-age=3600", "Content-Security-Policy": "sandbox; default-src 'none'"}
    return FileResponse(file.path, media_type=file.media_type, headers=headers)


@router.get("/{draft_id}/preview")
def preview(request: Request, draft_id: str, v: int | None = None) -> Response:
    """The product's preview of the draft. `v` only tells caches apart."""
    made = services(request).drafts.preview(caller(request), draft_id)
    cache = "private, max-age=3600" if v is not None else "no-store"
    return Response(made.data, media_type=made.media_type, headers={"Cache-Control": cache})


@router.post("/{draft_id}/job", status_code=202)
def start_job(request: Request, draft_id: str) -> dict[str, Any] | None:
    """Have the draft's result made before it is paid for. The same version again is the same job."""
    shop, who = services(request), caller(request)
    shop.drafts.start_job(who, draft_id, shop.jobs)
    return job_json(shop, who, draft_id)


@router.get("/{draft_id}/job")
def show_job(request: Request, draft_id: str) -> dict[str, Any] | None:
    """The draft's newest job and how far it is; null if there is none."""
    return job_json(services(request), caller(request), draft_id)


@router.delete("/{draft_id}/job")
def cancel_job(request: Request, draft_id: str) -> dict[str, Any] | None:
    """End the draft's job if it is still under way."""
    shop, who = services(request), caller(request)
    shop.drafts.cancel_job(who, draft_id, shop.jobs)
    return job_json(shop, who, draft_id)


@router.post("/{draft_id}/quote")
def quote(request: Request, draft_id: str, wanted: QuoteRequest) -> dict[str, Any]:
    """The price of the draft as it stands, signed."""
    shop = services(request)
    made, token = shop.ordering.quote(caller(request), draft_id, wanted.quantity, wanted.promotion or None)
    return quote_json(made, token)


@router.post("/{draft_id}/checkout", status_code=201)
def checkout(
    request: Request, draft_id: str, wanted: Checkout, idempotency_key: Annotated[str, Header()] = ""
) -> dict[str, Any]:
    """Place the order that the quote prices. Send the same `Idempotency-Key` again and get the same order. One order of
    a draft's version at a time waits for its payment: a checkout that asks for just the same returns it, one that asks
    for something else ends it first. While that can't be, since it is being paid, the answer is `ORDER_OPEN`, with its
    number as `order`."""
    shop = services(request)
    order_id = shop.ordering.place(
        caller(request), draft_id, wanted.email, wanted.quote, idempotency_key, wanted.renews
    )
    return order_json(shop, order_id)
