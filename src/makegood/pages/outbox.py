"""The outbox in development: every mail of the shop, as it was sent."""

from __future__ import annotations

import re

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, Response

from makegood.kernel.errors import NotFound
from makegood.notify.models import Mail, get, recent
from makegood.pages.rendering import pages_of
from makegood.web.services import Services, services

router = APIRouter(include_in_schema=False)

LINK = re.compile(r"https?://[^\s<>\"]+")
MAIL_POLICY = "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src 'self' data:; frame-ancestors 'self'"
"""A mail's own styles are inline, as mail programs need them; it gets no script and nothing from elsewhere."""


@router.get("/outbox")
def outbox(request: Request) -> Response:
    """The newest mails."""
    shop = _in_development(request)
    with shop.database.read() as session:
        return pages_of(request).page(request, "outbox.html", mails=recent(session))


@router.get("/outbox/{mail_id}")
def show(request: Request, mail_id: str) -> Response:
    """One mail, with its links apart, since the mail itself is shown without any powers."""
    mail = _mail(request, mail_id)
    address = services(request).settings.public_address
    links = list(dict.fromkeys(LINK.findall(mail.text)))
    return pages_of(request).page(request, "outbox-mail.html", mail=mail, links=links, address=address)


@router.get("/outbox/{mail_id}/html")
def body(request: Request, mail_id: str) -> Response:
    """The mail's HTML, for the frame on its page."""
    return HTMLResponse(_mail(request, mail_id).html, headers={"Content-Security-Policy": MAIL_POLICY})


def _mail(request: Request, mail_id: str) -> Mail:
    with _in_development(request).database.read() as session:
        return get(session, mail_id)


def _in_development(request: Request) -> Services:
    shop = services(request)
    if shop.settings.env == "production":
        raise NotFound(path=request.url.path)
    return shop
