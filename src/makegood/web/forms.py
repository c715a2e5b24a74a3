"""Plain HTML forms: small, URL-encoded, each field once."""

from __future__ import annotations

from typing import Annotated
from urllib.parse import parse_qsl

from fastapi import Depends, Request

from makegood.kernel.errors import Rejected

MOST_BYTES = 65536
MOST_FIELDS = 50


class FormUnreadable(Rejected):
    code = "FORM_UNREADABLE"
    status = 400
    customer = "We could not read what was sent. Please go back and try again; nothing was charged."
    operator = "A form could not be read: {problem}"


async def read_form(request: Request) -> dict[str, str]:
    """The fields of the form that was sent, the last one where a name comes twice; or `FormUnreadable`."""
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > MOST_BYTES:
            raise FormUnreadable(problem=f"more than {MOST_BYTES} bytes")
    try:
        return dict(parse_qsl(body.decode(), keep_blank_values=True, max_num_fields=MOST_FIELDS))
    except ValueError as error:
        raise FormUnreadable(problem=str(error)) from None


Form = Annotated[dict[str, str], Depends(read_form)]
