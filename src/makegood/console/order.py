"""One order: from the click to the download, with what can be done about it."""

from __future__ import annotations

from fastapi import APIRouter, Request
from fastapi.responses import FileResponse, RedirectResponse, Response

from makegood.accounts.operator_models import Role
from makegood.console import order_story
from makegood.console.access import Acting, Viewer
from makegood.console.acts import ACTS, UNPAID_REFUND, newest
from makegood.console.audit_log import actor_of, facts_of
from makegood.console.inbox import state_of
from makegood.console.rendering import pages_of
from makegood.fulfillment.models import ArtefactRow
from makegood.kernel import audit
from makegood.kernel.errors import NotFound
from makegood.orders.models import Obligation
from makegood.orders.reading import by_number
from makegood.storage import assets
from makegood.web.services import services

router = APIRouter(include_in_schema=False)

NOTHING = "Nothing was changed: it was done already, or somebody was faster."


@router.get("/console/orders/{number}")
def show(request: Request, who: Viewer, number: str) -> Response:
    """The whole story."""
    shop, pages = services(request), pages_of(request)
    wanted = request.query_params.get("page", "1")
    page = max(1, int(wanted)) if wanted.isascii() and wanted.isdecimal() and len(wanted) < 5 else 1
    with shop.database.read() as session:
        order = by_number(session, number)
        if order.number != number:
            return RedirectResponse(f"/console/orders/{order.number}", 301)
        story = order_story.read(session, shop.products, order, shop.clock.now(), page)
        link = shop.links.order(order)
    may_act = who.may(Role.OPERATOR)
    acts = list(ACTS.values()) if may_act else []
    current = newest(story.obligations)
    applying = {act.name: sum(act.applies(owed) for owed in current) for act in acts}
    return pages.page(
        request, "order.html", who, story=story, order=order, link=link, acts=acts, applying=applying,
        may_act=may_act, current={owed.id for owed in current}, done=_done(request), page=page,
        unit_pages=-(-story.unit_count // order_story.UNITS_A_PAGE), facts_of=facts_of, actor_of=actor_of,
        event_state=state_of,
    )  # fmt: skip


@router.get("/console/artefacts/{row_id}")
def artefact(request: Request, who: Acting, row_id: str) -> Response:
    """A delivered file, for an operator who has to see what the customer sees; audited."""
    shop = services(request)
    with shop.database.write() as session:
        row = session.get(ArtefactRow, row_id)
        if row is None:
            raise NotFound(artefact=row_id)
        asset = assets.get(session, row.asset_id)
        order_id = session.get_one(Obligation, row.obligation_id).order_id
        audit.record(
            session, shop.clock, "operator.opened_file", row.obligation_id, order_id, by=who.email, name=row.name
        )
    return FileResponse(
        shop.objects.path(asset.key, asset.size), media_type=asset.media_type, filename=asset.file_name,
        headers={"Content-Security-Policy": "sandbox; default-src 'none'"},
    )  # fmt: skip


def _done(request: Request) -> str:
    name, units = request.query_params.get("done", ""), request.query_params.get("units", "")
    if name == "nothing":
        return NOTHING
    act = UNPAID_REFUND if name == "ended" else ACTS.get(name)
    if act is None:
        return ""
    return act.done + (f" ({units} units)" if units.isdecimal() and units != "1" and len(units) < 6 else "")
