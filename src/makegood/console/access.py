"""Who is let into the console. To everybody else nothing is there but the page to sign in."""

from __future__ import annotations

from typing import Annotated
from urllib.parse import urlencode

from fastapi import Depends
from starlette.requests import Request
from starlette.responses import Response

from makegood.accounts.operator_models import Role
from makegood.accounts.operator_sign_in import ActingOperator
from makegood.kernel.errors import NotFound, Rejected
from makegood.web.security import SAFE
from makegood.web.services import services

COOKIE = "makegood-operator"
HOME, SIGN_IN = "/console", "/console/sign-in"


class SignedOut(Rejected):
    """Answered by the way to the sign-in page; `to` is where the operator wanted to go."""

    code = "OPERATOR_SIGNED_OUT"
    status = 401
    customer = "Please sign in again."
    operator = "An operator's session has ended at {to}."


class RoleMissing(Rejected):
    code = "ROLE_MISSING"
    status = 403
    customer = "Your role may not do that. Nothing was changed."
    operator = "{who} is {role}, and {path} needs {needed}."


def identify(request: Request) -> ActingOperator | None:
    """The operator behind the request, looked up once."""
    known = getattr(request.state, "operator", None)
    if isinstance(known, ActingOperator):
        return known
    found = services(request).operator_sign_in.identify(request.cookies.get(COOKIE))
    request.state.operator = found
    return found


def signed_in(request: Request) -> ActingOperator:
    """The operator; or `SignedOut` for a browser that was one's, and `NotFound` for everybody else."""
    found = identify(request)
    if found is not None:
        return found
    if request.url.path == HOME or services(request).operator_sign_in.was_signed_in(request.cookies.get(COOKIE)):
        raise SignedOut(to=request.url.path if request.method in SAFE else HOME)
    raise NotFound(path=request.url.path)


def _acting(request: Request) -> ActingOperator:
    return _need(request, Role.OPERATOR)


def _owning(request: Request) -> ActingOperator:
    return _need(request, Role.OWNER)


def _need(request: Request, role: Role) -> ActingOperator:
    who = signed_in(request)
    if not who.may(role):
        raise RoleMissing(who=who.email, role=who.role, path=request.url.path, needed=role)
    return who


Viewer = Annotated[ActingOperator, Depends(signed_in)]
"""A parameter of every page: somebody who may look. It stands first, so that nothing is read for strangers."""
Acting = Annotated[ActingOperator, Depends(_acting)]
Owner = Annotated[ActingOperator, Depends(_owning)]


def sign_in_address(to: str) -> str:
    """The sign-in page that leads on to `to`."""
    return f"{SIGN_IN}?{urlencode({'to': to})}" if to != HOME else SIGN_IN


def safe_target(to: str) -> str:
    """Where to go after signing in: a page of the console, whatever was asked for."""
    return to if to.startswith(f"{HOME}/") and "\\" not in to else HOME


def set_cookie(request: Request, response: Response, value: str) -> None:
    """The operator's cookie: for the console only, not for scripts, never from another site's link."""
    response.set_cookie(
        COOKIE, value, httponly=True, samesite="strict", path=HOME,
        secure=services(request).settings.public_address.startswith("https://"),
    )  # fmt: skip


def forget_cookie(response: Response) -> None:
    response.delete_cookie(COOKIE, path=HOME)
