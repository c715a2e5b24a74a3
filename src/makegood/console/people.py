"""Operators as owners manage them, and an operator's own sessions."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import RedirectResponse, Response

from makegood.accounts.operator_models import Role
from makegood.accounts.operators import OperatorView
from makegood.console import lists
from makegood.console.access import Owner, Viewer
from makegood.console.lists import Column, Filter, Kind, Listing, Tag
from makegood.console.rendering import pages_of
from makegood.kernel.errors import Rejected
from makegood.web.forms import Form
from makegood.web.services import services

router = APIRouter(include_in_schema=False)

FILTERS = (
    Filter("state", "Show", (("", "all"), ("active", "active"), ("invited", "invited"), ("disabled", "disabled"))),
    Filter("q", "E-mail contains"),
)
COLUMNS = (
    Column("email", "Operator", Kind.TEXT, "email"),
    Column("role", "Role", Kind.TEXT, "role"),
    Column("state", "State", Kind.TAG),
    Column("seen", "Last seen", Kind.MOMENT, "seen"),
    Column("sessions", "Sessions", Kind.NUMBER),
    Column("codes", "Recovery codes left", Kind.NUMBER),
)
SORTS: dict[str, Any] = {
    "email": lambda each: each.email,
    "role": lambda each: list(Role).index(each.role),
    "seen": lambda each: each.last_seen_at.timestamp() if each.last_seen_at else 0,
}
TONES = {"active": "good", "invited": "notice"}
DONE = {
    "disabled": "Disabled. All their sessions have ended.",
    "role": "The role is changed, in open sessions too.",
    "sessions": "Signed out everywhere.",
}


@router.get("/console/operators")
def operators(request: Request, who: Owner) -> Response:
    """Everybody who may come in."""
    return _page(request, who, done=DONE.get(request.query_params.get("done", ""), ""))


@router.post("/console/operators")
def add(request: Request, who: Owner, form: Form) -> Response:
    """Add an operator, or let one start over; the link is shown this once."""
    try:
        role = Role(form["role"]) if form.get("role") in list(Role) else None
        invitation = services(request).operators.add(form.get("email", ""), role, who.email)
    except Rejected as error:
        return _page(request, who, error.status, problem=error.for_customer(), email=form.get("email", "")[:254])
    return _page(request, who, invitation=invitation)


@router.post("/console/operators/act")
def act(request: Request, who: Owner, form: Form) -> Response:
    """Change a role, sign somebody out, or disable them."""
    people, email = services(request).operators, form.get("email", "")
    try:
        match form.get("act", ""):
            case "disable":
                people.disable(email, who.email)
                return RedirectResponse("/console/operators?done=disabled", 303)
            case "sessions":
                people.end_sessions(email, who.email)
                return RedirectResponse("/console/operators?done=sessions", 303)
            case "viewer" | "operator" | "owner" as role:
                people.change_role(email, Role(role), who.email)
                return RedirectResponse("/console/operators?done=role", 303)
    except Rejected as error:
        return _page(request, who, error.status, problem=error.for_customer())
    return _page(request, who, 422, problem="Please choose what should be done.")


@router.get("/console/you")
def you(request: Request, who: Viewer) -> Response:
    """The operator's own sessions."""
    shop = services(request)
    mine = next(each for each in shop.operators.all() if each.id == who.id)
    return pages_of(request).page(
        request, "you.html", who, sessions=shop.operator_sign_in.sessions(who), mine=mine, settings=shop.settings
    )


@router.post("/console/you/sessions/{session_id}/end")
def end_session(request: Request, who: Viewer, session_id: str) -> Response:
    """End one of the operator's own sessions."""
    services(request).operator_sign_in.end_session(who, session_id)
    return RedirectResponse("/console/you", 303)


def _page(request: Request, who: Owner, status: int = 200, **values: Any) -> Response:
    wanted = lists.read(request, FILTERS, tuple(SORTS), "email")
    everybody = services(request).operators.all()
    text = wanted.filters["q"].casefold()
    chosen = [each for each in everybody if wanted.filters["state"] in ("", each.state) and text in each.email]
    chosen.sort(key=SORTS[wanted.sort.lstrip("-")], reverse=wanted.descending)
    rows = [_row(each) for each in lists.page_of(chosen, wanted)]
    listing = Listing("operators", COLUMNS, FILTERS, rows, len(chosen), wanted, "No operator looks like this.")
    shown: dict[str, Any] = {"problem": "", "done": "", "invitation": None, "email": "", **values}
    roles = [(role.value, ROLE_WORDS[role]) for role in Role]
    return lists.answer(request, who, "operators.html", listing, status, roles=roles, everybody=everybody, **shown)


ROLE_WORDS = {
    Role.VIEWER: "viewer: reads",
    Role.OPERATOR: "operator: reads and acts",
    Role.OWNER: "owner: also manages operators",
}


def _row(each: OperatorView) -> dict[str, Any]:
    return {
        "email": each.email,
        "role": each.role,
        "state": Tag(each.state, TONES.get(each.state, "")),
        "seen": each.last_seen_at,
        "sessions": each.open_sessions,
        "codes": each.recovery_codes,
    }
