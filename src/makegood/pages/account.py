"""The account: signing in by link or password, sessions, password, API keys."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import RedirectResponse, Response

from makegood.kernel.errors import Rejected
from makegood.pages.rendering import pages_of
from makegood.web.callers import COOKIE, caller, set_cookie, visitor
from makegood.web.forms import Form
from makegood.web.services import services

router = APIRouter(include_in_schema=False)

DONE = {
    "password": "Your password is set. All other sessions were signed out.",
    "session": "That session has ended.",
    "key": "That key has ended; nothing can use it any more.",
}


@router.get("/account")
def account(request: Request, done: str = "") -> Response:
    """The signed-in customer's account, or the ways to sign in."""
    return _page(request, done=DONE.get(done, ""))


@router.post("/account/link")
def request_link(request: Request, form: Form) -> Response:
    """Mail a sign-in link; the answer does not tell whether the address has an account."""
    email = form.get("email", "").strip()
    try:
        services(request).accounts.request_link(email, visitor(request), address=_address(request))
    except Rejected as error:
        return _page(request, error.status, problem=error.for_customer(), email=email)
    return _page(request, link_sent=email)


@router.get("/sign-in/{token}")
def confirm(request: Request, token: str) -> Response:
    """Ask for a click, so that a mail scanner that follows the link does not use it up."""
    email = services(request).accounts.look_at_link(token)
    return pages_of(request).page(request, "sign-in.html", token=token, email=email)


@router.post("/sign-in/{token}")
def use_link(request: Request, token: str) -> Response:
    """Sign in by the link."""
    agent = request.headers.get("user-agent", "")
    _, cookie = services(request).accounts.use_link(token, caller(request), user_agent=agent)
    return _signed_in(request, cookie)


@router.post("/account/sign-in")
def sign_in(request: Request, form: Form) -> Response:
    """Sign in by password."""
    email, agent = form.get("email", "").strip(), request.headers.get("user-agent", "")
    try:
        _, cookie = services(request).accounts.sign_in(
            email, form.get("password", ""), caller(request), address=_address(request), user_agent=agent
        )
    except Rejected as error:
        return _page(request, error.status, problem=error.for_customer(), email=email)
    return _signed_in(request, cookie)


@router.post("/account/sign-out")
def sign_out(request: Request) -> Response:
    """End this session."""
    services(request).accounts.sign_out(caller(request))
    response = RedirectResponse("/", 303)
    response.delete_cookie(COOKIE, path="/")
    return response


@router.post("/account/password")
def set_password(request: Request, form: Form) -> Response:
    """Set or change the password."""
    try:
        services(request).accounts.set_password(
            form.get("new", ""), caller(request), current=form.get("current"), address=_address(request)
        )
    except Rejected as error:
        return _page(request, error.status, problem=error.for_customer())
    return RedirectResponse("/account?done=password", 303)


@router.post("/account/sessions/{session_id}/end")
def end_session(request: Request, session_id: str) -> Response:
    """End another of the customer's sessions."""
    services(request).accounts.end_session(session_id, caller(request))
    return RedirectResponse("/account?done=session", 303)


@router.post("/account/keys")
def make_key(request: Request, form: Form) -> Response:
    """Make an API key and show it this once."""
    try:
        _, secret = services(request).accounts.make_key(form.get("name", ""), caller(request))
    except Rejected as error:
        return _page(request, error.status, problem=error.for_customer())
    return _page(request, new_key=secret)


@router.post("/account/keys/{key_id}/revoke")
def revoke_key(request: Request, key_id: str) -> Response:
    """End an API key."""
    services(request).accounts.revoke_key(key_id, caller(request))
    return RedirectResponse("/account?done=key", 303)


def _page(request: Request, status: int = 200, **values: Any) -> Response:
    shop, who = services(request), caller(request)
    signed_in = who.customer_id is not None and who.session_id is not None
    shown: dict[str, Any] = {"problem": "", "done": "", "link_sent": "", "new_key": "", "email": "", **values}
    return pages_of(request).page(
        request,
        "account.html",
        status,
        signed_in_as=who.email if signed_in else None,
        has_password=shop.accounts.has_password(who),
        sessions=shop.accounts.sessions(who) if signed_in else [],
        keys=shop.accounts.keys(who) if signed_in else [],
        sign_in_minutes=shop.settings.sign_in_minutes,
        **shown,
    )


def _signed_in(request: Request, cookie: str) -> Response:
    response = RedirectResponse("/account", 303)
    set_cookie(request, response, cookie)
    return response


def _address(request: Request) -> str:
    return request.client.host if request.client else ""
