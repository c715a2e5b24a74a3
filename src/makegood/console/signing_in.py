"""Signing in to the console, setting that up by a one-time link, and signing out."""

from __future__ import annotations

import segno
from fastapi import APIRouter, Request
from fastapi.responses import RedirectResponse, Response

from makegood.accounts.errors import FactorWrong, PasswordUnfit, TooManyTries
from makegood.accounts.passwords import SHORTEST
from makegood.console.access import (
    HOME,
    SIGN_IN,
    Viewer,
    forget_cookie,
    identify,
    safe_target,
    set_cookie,
)
from makegood.console.rendering import pages_of
from makegood.kernel.errors import Rejected
from makegood.web.callers import network_address
from makegood.web.forms import Form
from makegood.web.services import services

router = APIRouter(include_in_schema=False)


@router.get(SIGN_IN)
def ask(request: Request) -> Response:
    """The way in: the one page of the console that everybody may see."""
    to = safe_target(request.query_params.get("to", ""))
    if identify(request) is not None:
        return RedirectResponse(to, 303)
    return _ask(request, to=to, again=to != HOME)


@router.post(SIGN_IN)
def sign_in(request: Request, form: Form) -> Response:
    """Sign in with password and second factor."""
    email, to = form.get("email", "").strip()[:254], safe_target(form.get("to", ""))
    try:
        cookie = services(request).operator_sign_in.sign_in(
            email, form.get("password", ""), form.get("code", "").strip()[:40], address=network_address(request),
            user_agent=request.headers.get("user-agent", ""),
        )  # fmt: skip
    except Rejected as error:
        answer = _ask(request, error.status, to=to, email=email, problem=error.for_customer())
        if isinstance(error, TooManyTries):
            answer.headers["Retry-After"] = str(error.facts["retry_after"])
        return answer
    response = RedirectResponse(to, 303)
    set_cookie(request, response, cookie)
    return response


@router.post("/console/sign-out")
def sign_out(request: Request, who: Viewer) -> Response:
    """End this session."""
    services(request).operator_sign_in.end_session(who, who.session_id)
    response = RedirectResponse(SIGN_IN, 303)
    forget_cookie(response)
    return response


@router.get("/console/set-up/{token}")
def look(request: Request, token: str) -> Response:
    """What a one-time link sets up."""
    return _set_up(request, token)


@router.post("/console/set-up/{token}")
def set_up(request: Request, token: str, form: Form) -> Response:
    """Set password and second factor, sign in, and show the recovery codes this once."""
    if form.get("password", "") != form.get("again", ""):
        return _set_up(request, token, 422, problem="The two passwords are not the same. Please type them again.")
    try:
        codes, cookie = services(request).operator_sign_in.set_up(
            token, form.get("password", ""), form.get("code", "")[:40], address=network_address(request),
            user_agent=request.headers.get("user-agent", ""),
        )  # fmt: skip
    except (PasswordUnfit, FactorWrong) as error:
        return _set_up(request, token, error.status, problem=error.for_customer())
    response = pages_of(request).page(request, "recovery-codes.html", None, codes=codes)
    set_cookie(request, response, cookie)
    return response


def _ask(
    request: Request, status: int = 200, *, to: str, email: str = "", problem: str = "", again: bool = False
) -> Response:
    return pages_of(request).page(
        request, "sign-in.html", None, status, to=to, email=email, problem=problem, again=again
    )


def _set_up(request: Request, token: str, status: int = 200, *, problem: str = "") -> Response:
    setting_up = services(request).operator_sign_in.look_at_link(token)
    picture = segno.make(setting_up.factor_address, error="m").svg_data_uri(scale=5, border=3, light="white")
    return pages_of(request).page(
        request, "set-up.html", None, status, setting_up=setting_up, picture=picture, problem=problem, token=token,
        shortest=SHORTEST,
    )  # fmt: skip
