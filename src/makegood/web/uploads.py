"""Uploads: streamed to a file with the size checked on the way, so that nobody can fill memory or disk."""

from __future__ import annotations

import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from starlette.requests import ClientDisconnect, Request

from makegood.checkout.errors import FileEmpty, FileTooBig, UploadBroken

MOST_IGNORED = 4
"""How many times its limit an upload may announce and still be heard out, unread, so that a browser that listens only
after it has sent everything learns why it was refused. Anything longer, or of unknown length, is cut off."""


@asynccontextmanager
async def received(request: Request, folder: Path, slot: str, max_bytes: int) -> AsyncIterator[Path]:
    """The request's body as a file that is removed afterwards; or `FileTooBig`, `FileEmpty`, `UploadBroken`."""
    announced = request.headers.get("content-length", "")
    if announced.isdecimal() and int(announced) > max_bytes:
        endless = int(announced) > MOST_IGNORED * max_bytes
        raise FileTooBig(slot=slot, megabytes=max_bytes >> 20, hang_up=endless)
    size = 0
    with tempfile.NamedTemporaryFile(dir=folder, prefix="upload-") as file:
        try:
            async for chunk in request.stream():
                size += len(chunk)
                if size > max_bytes:
                    raise FileTooBig(slot=slot, megabytes=max_bytes >> 20, hang_up=True)
                file.write(chunk)
        except ClientDisconnect:
            raise UploadBroken(slot=slot, received=size) from None
        if size == 0:
            raise FileEmpty(slot=slot)
        file.flush()
        yield Path(file.name)


def read_file_name(text: str) -> str:
    """What a file is called, as far as it is safe to show and to send: no folders, no control characters."""
    name = text.replace("\\", "/").rsplit("/", 1)[-1]
    name = "".join(c for c in name if c.isprintable()).strip(" .")
    return name[-120:] or "file"
