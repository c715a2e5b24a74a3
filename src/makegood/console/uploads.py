"""Files that come with a plain form: multipart/form-data, streamed to disk part by part and never held in memory."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from starlette.requests import Request

from makegood.kernel.errors import Rejected
from makegood.web.uploads import read_file_name

MOST_BYTES = 1 << 30
MOST_FILES = 20
MOST_FIELD_BYTES = 1 << 16
MOST_HEADER_BYTES = 1 << 13

BOUNDARY = re.compile(r'multipart/form-data;.*?boundary="?([^",;]{1,70})"?', re.IGNORECASE)
NAME = re.compile(r'[;\s]name="([^"]*)"', re.IGNORECASE)
FILE_NAME = re.compile(r'[;\s]filename="([^"]*)"', re.IGNORECASE)


class FilesUnreadable(Rejected):
    code = "FILES_UNREADABLE"
    status = 400
    customer = "We could not read what was sent: {problem}. Nothing was changed."
    operator = "Uploaded files could not be read: {problem}."


@dataclass
class Received:
    """The fields of the form, and its files as they lie on disk, each under the name it had."""

    fields: dict[str, str] = field(default_factory=dict)
    files: list[Path] = field(default_factory=list)


async def read_files(request: Request, pieces: AsyncIterator[bytes], folder: Path) -> Received:
    """The form whose body comes in `pieces`, its files below `folder`; or `FilesUnreadable`, and what `pieces` raises.
    Empty file fields are left out."""
    kind = BOUNDARY.match(request.headers.get("content-type", ""))
    if kind is None:
        raise FilesUnreadable(problem="it is no form with files")
    reader = _Reader(kind[1].encode("latin-1"), folder)
    taken = 0
    try:
        async for piece in pieces:
            taken += len(piece)
            if taken > MOST_BYTES:
                raise FilesUnreadable(problem=f"it is more than {MOST_BYTES >> 20} MB", hang_up=True)
            reader.feed(piece)
    finally:
        reader.close()
    if not reader.ended:
        raise FilesUnreadable(problem="it broke off")
    return reader.received


class _Reader:
    """Takes the body in pieces of any size. Source: RFC 7578 and RFC 2046, 5.1."""

    def __init__(self, boundary: bytes, folder: Path) -> None:
        self.received, self.ended = Received(), False
        self._mark, self._folder = b"\r\n--" + boundary, folder
        # The first boundary has no line before it.
        self._rest, self._inside = b"\r\n", False
        self._name, self._text, self._sink = "", bytearray(), None

    _sink: BinaryIO | None

    def feed(self, chunk: bytes) -> None:
        self._rest += chunk
        while not self.ended and self._advance():
            pass

    def close(self) -> None:
        if self._sink is not None:
            self._sink.close()

    def _advance(self) -> bool:
        """Take what is complete; whether there may be more."""
        at = self._rest.find(self._mark)
        if at < 0:
            # The end may be the beginning of a boundary.
            safe = max(0, len(self._rest) - len(self._mark))
            self._take(self._rest[:safe])
            self._rest = self._rest[safe:]
            return False
        after = self._rest[at + len(self._mark) :]
        if after[:2] == b"--":
            self._take(self._rest[:at])
            self._finish()
            self.ended = True
            return False
        head, separator, body = after.partition(b"\r\n\r\n")
        if not separator:
            if len(after) > MOST_HEADER_BYTES:
                raise FilesUnreadable(problem="a part of it has no end to its head")
            return False
        self._take(self._rest[:at])
        self._finish()
        self._begin(head.decode("utf-8", "replace"))
        self._rest = b"\r\n" + body if body.startswith(self._mark[2:]) else body
        return True

    def _begin(self, head: str) -> None:
        name, file_name = NAME.search(head), FILE_NAME.search(head)
        if name is None:
            raise FilesUnreadable(problem="a part of it has no name")
        self._inside, self._name, self._text = True, name[1], bytearray()
        if file_name is None:
            return
        if len(self.received.files) >= MOST_FILES:
            raise FilesUnreadable(problem=f"it has more than {MOST_FILES} files")
        # A folder for each file: two may have the same name.
        place = self._folder / str(len(self.received.files))
        place.mkdir(exist_ok=True)
        path = place / read_file_name(file_name[1])
        self._sink = path.open("wb")
        self.received.files.append(path)

    def _take(self, data: bytes) -> None:
        if not self._inside:
            return
        if self._sink is not None:
            self._sink.write(data)
            return
        self._text += data
        if len(self._text) > MOST_FIELD_BYTES:
            raise FilesUnreadable(problem=f"its field {self._name} is too long")

    def _finish(self) -> None:
        if not self._inside:
            return
        if self._sink is None:
            self.received.fields[self._name] = self._text.decode("utf-8", "replace")
        else:
            self._sink.close()
            self._sink = None
            if self.received.files[-1].stat().st_size == 0:
                self.received.files.pop().unlink()
        self._inside = False
