"""Files in a form arrive as they were sent, however the line cuts them up; and nothing else gets through."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from starlette.requests import Request

from makegood.console.uploads import FilesUnreadable, Received, read_files

BOUNDARY = "----formBoundary7MA4YWxkTrZu0gW"


def form(*parts: tuple[str, bytes], end: bytes = b"--\r\n") -> bytes:
    """A body of (what follows `form-data; `, content)."""
    body = b"".join(
        f"--{BOUNDARY}\r\nContent-Disposition: form-data; {head}\r\n\r\n".encode() + content + b"\r\n"
        for head, content in parts
    )
    return body + f"--{BOUNDARY}".encode() + end


def pieces(body: bytes, size: int) -> Iterator[bytes]:
    yield from (body[at : at + size] for at in range(0, len(body), size))


def receive(body: bytes, folder: Path, size: int = 1 << 16, kind: str = "multipart/form-data") -> Received:
    """What is read of the body when it comes in pieces of this size."""
    left = list(pieces(body, size))

    async def take() -> dict[str, Any]:
        chunk = left.pop(0) if left else b""
        return {"type": "http.request", "body": chunk, "more_body": bool(left)}

    headers = [(b"content-type", f"{kind}; boundary={BOUNDARY}".encode())]
    request = Request({"type": "http", "method": "POST", "headers": headers}, take)
    return asyncio.run(read_files(request, request.stream(), folder))


@pytest.mark.parametrize("size", [1, 7, 64, 1000, 1 << 20])
def test_files_and_fields_arrive_byte_for_byte_in_pieces_of_any_size(tmp_path: Path, size: int) -> None:
    noise = random.Random(1).randbytes(2_000) + f"\r\n--{BOUNDARY[:-1]}\r\n--\r\n".encode()
    body = form(
        ('name="reason"', "weil es nötig war".encode()),
        ('name="files"; filename="one.bin"', noise),
        ('name="files"; filename="one.bin"', b"\r\n"),
        ('name="files"; filename=""', b""),
        ('name="empty"', b""),
    )
    found = receive(body, tmp_path, size)
    assert found.fields == {"reason": "weil es nötig war", "empty": ""}
    assert [path.read_bytes() for path in found.files] == [noise, b"\r\n"]
    assert {path.name for path in found.files} == {"one.bin"}


def test_a_files_name_leads_nowhere_else(tmp_path: Path) -> None:
    names = ["../../etc/passwd", "..\\..\\x.pdf", "/abs/y.pdf", "..", "a\x00b.pdf"]
    body = form(*((f'name="files"; filename="{name}"', b"x") for name in names))
    found = receive(body, tmp_path)
    assert all(path.resolve().is_relative_to(tmp_path) and path.is_file() for path in found.files)
    assert len(found.files) == len(names)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"no form at all",
        form(('name="files"; filename="a"', b"x"), end=b""),
        form(('filename="nameless"', b"x")),
        form(('name="reason"', b"x" * 70_000)),
        form(*(('name="files"; filename="a"', b"x") for _ in range(21))),
        form(("x" * 10_000, b"x")).replace(b"\r\n\r\n", b"\r\n"),
    ],
    ids=["empty", "no form", "broken off", "nameless", "long field", "too many", "endless head"],
)
def test_what_is_no_whole_form_is_refused(tmp_path: Path, body: bytes) -> None:
    with pytest.raises(FilesUnreadable):
        receive(body, tmp_path)


def test_another_kind_of_body_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FilesUnreadable):
        receive(form(('name="a"', b"b")), tmp_path, kind="application/x-www-form-urlencoded")
