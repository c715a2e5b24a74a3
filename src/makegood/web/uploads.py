"""Uploads: streamed to a file, with size, disk and progress looked at on the way: nobody fills memory or disk."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

from starlette.requests import ClientDisconnect, Request

from makegood.checkout.errors import FileEmpty, FileTooBig, UploadBroken, UploadsBusy, UploadStalled
from makegood.kernel.settings import Settings
from makegood.storage.objects import LowDisk, ObjectStore, require_free
from makegood.storage.scratch import Scratch

MOST_IGNORED = 4
"""How many times its limit an upload may announce and still be heard out, unread, so that a browser that listens only
after it has sent everything learns why it was refused. Anything longer, or of unknown length, is cut off."""
STRETCH = 4 << 20
"""Bytes between two looks at the disk."""
LEAST_PROGRESS = 32 << 10
"""Bytes that must come before patience ends, again and again."""
BUSY_SECONDS = 5


class Uploads:
    """The way in for bodies that may be large: so many at once, while the disk has room for them, while they get on.
    One per process."""

    def __init__(self, objects: ObjectStore, scratch: Scratch, settings: Settings) -> None:
        self._objects, self._scratch = objects, scratch
        self._floor_mb, self._patience = settings.disk_floor_mb, settings.upload_stall_seconds
        self._most, self._taken = settings.uploads_at_once, 0

    @asynccontextmanager
    async def file(self, request: Request, slot: str, max_bytes: int) -> AsyncIterator[Path]:
        """The request's body as a file that is removed afterwards; or `FileTooBig`, `FileEmpty`, `UploadsBusy`, and
        what `pieces` raises."""
        length = _announced(request)
        if length is not None and length > max_bytes:
            endless = length > MOST_IGNORED * max_bytes
            raise FileTooBig(slot=slot, megabytes=max_bytes >> 20, hang_up=endless)
        size = 0
        with self._place(request), tempfile.NamedTemporaryFile(dir=self._scratch.folder(), prefix="upload-") as file:
            async for piece in self.pieces(request, slot):
                size += len(piece)
                if size > max_bytes:
                    raise FileTooBig(slot=slot, megabytes=max_bytes >> 20, hang_up=True)
                file.write(piece)
            if size == 0:
                raise FileEmpty(slot=slot)
            file.flush()
            yield Path(file.name)

    async def pieces(self, request: Request, slot: str) -> AsyncIterator[bytes]:
        """The request's body as it comes, bound for the disk; or `LowDisk`, `UploadStalled`, `UploadBroken`. `slot`
        says in these what it is for."""
        self._require_room(request, _announced(request) or 0)
        clock = asyncio.get_running_loop().time
        received, looked_at, got_on, until = 0, 0, 0, clock() + self._patience
        body = aiter(request.stream())
        while True:
            try:
                async with asyncio.timeout_at(until):
                    piece = await anext(body, None)
            except TimeoutError:
                raise UploadStalled(slot=slot, received=received, seconds=self._patience, hang_up=True) from None
            except ClientDisconnect:
                raise UploadBroken(slot=slot, received=received) from None
            if piece is None:
                return
            received += len(piece)
            if received - looked_at >= STRETCH:
                self._require_room(request, STRETCH)
                looked_at = received
            if received - got_on >= LEAST_PROGRESS:
                got_on, until = received, clock() + self._patience
            yield piece

    @contextmanager
    def _place(self, request: Request) -> Iterator[None]:
        if self._taken >= self._most:
            raise UploadsBusy(most=self._most, retry_after=BUSY_SECONDS, hang_up=_announced(request) is None)
        self._taken += 1
        try:
            yield
        finally:
            self._taken -= 1

    def _require_room(self, request: Request, more_bytes: int) -> None:
        """The body goes into the scratch folder, beside the database, and from there among the objects."""
        try:
            require_free(self._scratch.folder(), self._floor_mb, more_bytes)
            self._objects.require_free(self._floor_mb, more_bytes)
        except LowDisk as error:
            raise LowDisk(**error.facts, hang_up=_announced(request) is None) from None


def _announced(request: Request) -> int | None:
    length = request.headers.get("content-length", "")
    return int(length) if length.isdecimal() else None


def read_file_name(text: str) -> str:
    """What a file is called, as far as it is safe to show and to send: no folders, no control characters."""
    name = text.replace("\\", "/").rsplit("/", 1)[-1]
    name = "".join(c for c in name if c.isprintable()).strip(" .")
    # File systems count bytes, 255 at most.
    return name[-120:].encode()[-200:].decode(errors="ignore") or "file"
