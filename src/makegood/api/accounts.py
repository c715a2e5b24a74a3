"""Accounts: sign in by link or password, sessions, API keys."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, Response
from pydantic import BaseModel, Field

from makegood.web.callers import caller, network_address, remember, set_cookie, visitor
from makegood.web.services import services

router = APIRouter(prefix="/accounts", tags=["accounts"])


class LinkRequest(BaseModel):
    email: str = Field(max_length=320)


class Credentials(BaseModel):
    email: str = Field(max_length=320)
    password: str = Field(max_length=200)


class NewPassword(BaseModel):
    new: str = Field(max_length=200)
    current: str | None = Field(default=None, max_length=200)


class NewKey(BaseModel):
    name: str = Field(min_length=1, max_length=80)


@router.post("/link", status_code=202)
def request_link(request: Request, wanted: LinkRequest) -> Response:
    """Have a one-time sign-in link mailed. The answer is the same for every address."""
    services(request).accounts.request_link(wanted.email, visitor(request), address=network_address(request))
    response = JSONResponse({"detail": "We have sent a sign-in link to this address."}, 202)
    remember(request, response)
    return response


@router.post("/sign-in")
def sign_in(request: Request, credentials: Credentials) -> Response:
    """Sign in with address and password."""
    who, cookie = services(request).accounts.sign_in(
        credentials.email,
        credentials.password,
        visitor(request),
        user_agent=_agent(request),
        address=network_address(request),
    )
    response = JSONResponse({"email": who.email})
    set_cookie(request, response, cookie)
    return response


@router.post("/sign-out", status_code=204)
def sign_out(request: Request) -> None:
    """End this session."""
    services(request).accounts.sign_out(caller(request))


@router.post("/password", status_code=204)
def set_password(request: Request, wanted: NewPassword) -> None:
    """Set or change the password of the signed-in customer."""
    shop = services(request)
    shop.accounts.set_password(wanted.new, caller(request), current=wanted.current, address=network_address(request))


@router.get("/me")
def me(request: Request) -> dict[str, Any]:
    """Who is signed in, and where else."""
    shop, who = services(request), caller(request)
    if not who.is_signed_in:
        return {"email": None, "has_password": False, "sessions": []}
    return {
        "email": who.email,
        "has_password": shop.accounts.has_password(who),
        "sessions": [asdict(session) for session in shop.accounts.sessions(who)],
    }


@router.delete("/sessions/{session_id}", status_code=204)
def end_session(request: Request, session_id: str) -> None:
    """End one of the customer's sessions."""
    services(request).accounts.end_session(session_id, caller(request))


@router.get("/keys")
def list_keys(request: Request) -> list[dict[str, Any]]:
    """The customer's API keys, without their secrets."""
    return [asdict(key) for key in services(request).accounts.keys(caller(request))]


@router.post("/keys", status_code=201)
def make_key(request: Request, wanted: NewKey) -> dict[str, Any]:
    """A new API key; its secret is shown this once."""
    view, secret = services(request).accounts.make_key(wanted.name, caller(request))
    return {**asdict(view), "key": secret}


@router.delete("/keys/{key_id}", status_code=204)
def revoke_key(request: Request, key_id: str) -> None:
    """End an API key at once."""
    services(request).accounts.revoke_key(key_id, caller(request))


def _agent(request: Request) -> str:
    return request.headers.get("user-agent", "")
