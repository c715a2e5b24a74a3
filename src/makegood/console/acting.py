"""Acting on an order: a page that says what will happen to the money and asks why, and then the act itself."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlencode

import sqlalchemy as sa
from fastapi import APIRouter, Depends, Request
from fastapi.responses import RedirectResponse, Response
from sqlalchemy.orm import Session

from makegood.console.access import Acting
from makegood.console.acts import ACTS, UNPAID_REFUND, Act, left_of, newest, spoken_of
from makegood.console.rendering import pages_of
from makegood.console.uploads import Received, read_files
from makegood.kernel.audit import AuditEvent
from makegood.kernel.errors import MakegoodError, NotFound
from makegood.orders.models import Obligation, Order, Unit
from makegood.orders.reading import by_number, obligations_of
from makegood.web.forms import Form
from makegood.web.services import services

router = APIRouter(include_in_schema=False)

SHORTEST_REASON, LONGEST_REASON = 3, 500


@router.get("/console/orders/{number}/{act}")
def ask(request: Request, who: Acting, number: str, act: str) -> Response:
    """What would happen, and the question why."""
    chosen = _act(request, act)
    return _confirm(request, who, chosen, number, request.query_params.get("unit", ""))


@router.post("/console/orders/{number}/{act}")
def do(request: Request, who: Acting, number: str, act: str, form: Form) -> Response:
    """Do it: at the one unit, or at every unit of the order that it applies to."""
    chosen = _act(request, act)
    if chosen.takes_files:
        raise NotFound(path=request.url.path)
    return _do(request, who, chosen, number, form, ())


async def received(request: Request, who: Acting) -> AsyncIterator[Received]:
    """The form and its files, which are gone when the answer has been sent. For operators only."""
    shop = services(request)
    with shop.workshop.work() as work:
        pieces = shop.uploads.pieces(request, request.path_params["number"])
        yield await read_files(request, pieces, work.scratch)


@router.post("/console/complete/{number}")
def complete(request: Request, who: Acting, number: str, form: Annotated[Received, Depends(received)]) -> Response:
    """Deliver the operator's own files. The address is apart because its body may be large."""
    return _do(request, who, _act(request, "complete"), number, form.fields, form.files)


def _do(request: Request, who: Acting, act: Act, number: str, form: dict[str, str], files: Sequence[Path]) -> Response:
    shop = services(request)
    reason, unit = " ".join(form.get("reason", "").split()), form.get("unit", "")
    if not SHORTEST_REASON <= len(reason) <= LONGEST_REASON:
        return _confirm(request, who, act, number, unit, reason=reason, problem="Please say why, in a few words.")
    if act.takes_files and not files:
        return _confirm(request, who, act, number, unit, reason=reason, problem="Please choose the files to deliver.")
    with shop.database.read() as session:
        order = by_number(session, number)
        chosen = _chosen(session, order, act, unit)
        last = _last_act(session, order)
    if (last.id if last else "") != form.get("seen", ""):
        return _confirm(request, who, act, number, unit, reason=reason, problem=_overtaken(last))
    done = 0
    try:
        for owed in chosen:
            done += _call(request, act, owed.id, files, who.email, reason)
    except MakegoodError as error:
        problem = f"{error.for_operator()} {f'{done} units were done before that.' if done else 'Nothing was changed.'}"
        return _confirm(request, who, act, number, unit, reason=reason, problem=problem, status=error.status)
    is_unpaid = spoken_of(act, left_of(chosen, order.currency)) is UNPAID_REFUND
    said = urlencode({"done": "nothing" if not done else "ended" if is_unpaid else act.name, "units": done})
    return RedirectResponse(f"/console/orders/{order.number}?{said}", 303)


def _call(request: Request, act: Act, obligation_id: str, files: Sequence[Path], by: str, reason: str) -> bool:
    operating = services(request).operating
    if act.takes_files:
        return operating.complete(obligation_id, files, by, reason)
    if act.name == "goodwill":
        return bool(operating.goodwill(obligation_id, by, reason))
    carry_out: dict[str, Callable[[str, str, str], bool]] = {
        "retry": operating.retry,
        "redeliver": operating.redeliver,
        "refund": operating.refund,
    }
    return carry_out[act.name](obligation_id, by, reason)


def _confirm(
    request: Request, who: Acting, act: Act, number: str, unit: str, *,
    reason: str = "", problem: str = "", status: int = 200,
) -> Response:  # fmt: skip
    shop = services(request)
    with shop.database.read() as session:
        order = by_number(session, number)
        chosen = _chosen(session, order, act, unit)
        last = _last_act(session, order)
        units = {
            row.id: row for row in session.scalars(sa.select(Unit).where(Unit.id.in_([o.unit_id for o in chosen])))
        }
    lines = {line.id: line for line in order.lines}
    amount = left_of(chosen, order.currency)
    listed: list[dict[str, Any]] = [
        {
            "title": lines[units[owed.unit_id].order_line_id].description,
            "no": units[owed.unit_id].unit_no,
            "amount": left_of([owed], order.currency),
            "delivery": owed.delivery,
            "money": owed.money,
            "error": owed.error_code,
        }
        for owed in chosen
    ]
    return pages_of(request).page(
        request, "confirm.html", who, 422 if problem and status == 200 else status, order=order,
        act=spoken_of(act, amount) if chosen else act, chosen=listed, amount=amount,
        consequences=act.consequences(order, amount), unit=unit, reason=reason,
        problem=problem, seen=last.id if last else "", last=last, longest=LONGEST_REASON,
    )  # fmt: skip


def _chosen(session: Session, order: Order, act: Act, obligation_id: str) -> list[Obligation]:
    """The obligations that the act is about: the one, or all of the order that it applies to."""
    mine = [owed for owed in newest(obligations_of(session, order.id)) if act.applies(owed)]
    if obligation_id:
        mine = [owed for owed in mine if owed.id == obligation_id]
    return mine[:1] if act.one_unit else mine


def _last_act(session: Session, order: Order) -> AuditEvent | None:
    """What an operator did last about the order: a page that was opened before doesn't know of it. What a worker does
    later at their wish is no act of theirs, and who only reads a file changes nothing."""
    is_act = sa.and_(AuditEvent.event.startswith("operator."), AuditEvent.event != "operator.opened_file")
    query = (
        sa.select(AuditEvent)
        .where(AuditEvent.order_id == order.id, is_act)
        .order_by(AuditEvent.at.desc(), AuditEvent.id.desc()).limit(1)
    )  # fmt: skip
    return session.scalar(query)


def _overtaken(last: AuditEvent | None) -> str:
    by = str(last.data.get("by")) if last else "Somebody"
    return f"{by} has acted on this order since you opened this page, so nothing was done now. Please look again."


def _act(request: Request, name: str) -> Act:
    act = ACTS.get(name)
    if act is None:
        raise NotFound(path=request.url.path)
    return act
