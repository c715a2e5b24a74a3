"""Files that are not what they say, too large, or never end: refused by name, nothing kept, the draft as it was."""

from __future__ import annotations

import io
import socket
import struct
import wave
import zlib
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote, urlsplit

import pytest

from tests.acceptance.conftest import Victim
from tests.conftest import FIXTURES
from tests.posters import photo_files
from tests.shops import Customer, Shop, until

MEGABYTE = 1 << 20
SLACK = 24 * MEGABYTE
"""What may be under way between two programs on one machine when the answer is given."""


def recording(seconds: float, frames: bytes = b"") -> bytes:
    """A WAV of these frames (16 bits, 8 kHz), or one in which nothing can be heard."""
    target = io.BytesIO()
    with wave.open(target, "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(2)
        sound.setframerate(8000)
        sound.writeframes((frames or bytes(16_000 * int(seconds)))[: int(seconds * 8000) * 2])
    return target.getvalue()


def real_bomb() -> bytes:
    """A whole, well-formed PNG of 200 megapixels in a few kilobytes."""
    width, height = 20_000, 10_000
    packer = zlib.compressobj(9)
    rows = b"".join(packer.compress(bytes(1 + width // 8) * 1000) for _ in range(height // 1000)) + packer.flush()
    header = photo_files.chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + photo_files.chunk(b"IDAT", rows) + photo_files.chunk(b"IEND", b"")


def fixture(name: str) -> bytes:
    return (FIXTURES / name).read_bytes()


REFUSED: dict[str, tuple[str, str, str, Callable[[], bytes]]] = {
    "words called .mp3": ("sound", "song.mp3", "SOUND_UNREADABLE", lambda: b"La la la, and so on.\n" * 500),
    "silence": ("sound", "quiet.wav", "SOUND_SILENT", lambda: recording(3)),
    "no seconds": ("sound", "none.wav", "SOUND_EMPTY", lambda: recording(0)),
    "a blip": ("sound", "blip.wav", "SOUND_TOO_SHORT", lambda: recording(0.4, fixture("sound/sox-16bit.wav")[44:])),
    "a photo as a recording": ("sound", "photo.mp3", "SOUND_UNREADABLE", lambda: fixture("photo/baseline.jpg")),
    "a playlist": ("sound", "list.m3u8", "SOUND_UNREADABLE", lambda: b"#EXTM3U\n#EXTINF:1,\nfile:///etc/passwd\n"),
    "no recording at all": ("sound", "empty.mp3", "FILE_EMPTY", lambda: b""),
    "a photo cut off": ("photo", "half.jpg", "PHOTO_DAMAGED", lambda: fixture("photo/truncated.jpg")),
    "a huge header": ("photo", "bomb.png", "PHOTO_TOO_MANY_PIXELS", lambda: photo_files.png(20_000, 10_000)),
    "200 real megapixels": ("photo", "bomb.png", "PHOTO_TOO_MANY_PIXELS", real_bomb),
    "a recording as a photo": ("photo", "song.jpg", "PHOTO_UNREADABLE", lambda: fixture("sound/lame-cbr.mp3")),
    "a drawing with a script": (
        "photo", "x.svg", "PHOTO_UNREADABLE", lambda: b'<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"/>',
    ),
    "no photo at all": ("photo", "empty.jpg", "FILE_EMPTY", lambda: b""),
}  # fmt: skip


def kept(shop: Shop) -> set[Path]:
    """Every upload that is stored."""
    return {path for path in (shop.home / "objects" / "uploads").rglob("*") if path.is_file()}


def assert_nothing_is_left_over(shop: Shop) -> None:
    until(lambda: not list((shop.home / "scratch").glob("*/*")), 30, "clearing up")


@pytest.mark.parametrize("case", REFUSED)
def test_a_bad_file_is_refused_and_the_good_one_stays(
    shop: Shop, unharmed: Victim, poster_files: dict[str, Path], case: str
) -> None:
    slot, name, code, make = REFUSED[case]
    before = kept(shop)

    problem = unharmed.customer.refused(
        422, code, "PUT", f"{unharmed.at}/files/{slot}", params={"name": name}, content=make()
    )

    assert len(problem["detail"]) > 15
    assert kept(shop) == before
    assert_nothing_is_left_over(shop)
    assert unharmed.customer.http.get(f"{unharmed.at}/files/{slot}/content").content == poster_files[slot].read_bytes()


LIMITS = [("photo", 50), ("sound", 100)]


@pytest.mark.parametrize(("slot", "megabytes"), LIMITS)
def test_a_file_that_says_it_is_too_big_is_refused_unread_and_heard_out(
    shop: Shop, unharmed: Victim, slot: str, megabytes: int
) -> None:
    with upload(unharmed, slot, f"Content-Length: {(megabytes + 1) * MEGABYTE}") as line:
        assert_too_big(answer(line))
        for _ in range(megabytes + 1):
            line.sendall(bytes(MEGABYTE))
        assert not list((shop.home / "scratch").glob("*/*"))
        line.sendall(b"GET /health/live HTTP/1.1\r\nHost: shop\r\n\r\n")
        assert b" 200 " in answer(line)


@pytest.mark.parametrize(("slot", "megabytes"), LIMITS)
def test_a_file_one_byte_too_big_is_refused_whatever_its_length_was_said_to_be(
    shop: Shop, unharmed: Victim, slot: str, megabytes: int
) -> None:
    with upload(unharmed, slot, "Transfer-Encoding: chunked") as line:
        for _ in range(megabytes):
            line.sendall(chunk(bytes(MEGABYTE)))
        line.sendall(chunk(b"!"))
        assert_too_big(answer(line))
    assert_nothing_is_left_over(shop)


def test_who_never_ends_is_hung_up_on(shop: Shop, unharmed: Victim) -> None:
    with upload(unharmed, "photo", "Transfer-Encoding: chunked") as line:
        taken = pour(line, 50 * MEGABYTE + SLACK)
    assert 50 * MEGABYTE <= taken < 50 * MEGABYTE + SLACK
    assert_nothing_is_left_over(shop)


def test_who_announces_a_terabyte_is_hung_up_on(unharmed: Victim) -> None:
    with upload(unharmed, "photo", f"Content-Length: {1 << 40}") as line:
        assert_too_big(answer(line))
        assert line.recv(1) == b""


def test_an_upload_that_breaks_off_leaves_nothing(shop: Shop, unharmed: Victim) -> None:
    before = kept(shop)
    with upload(unharmed, "photo", f"Content-Length: {MEGABYTE}") as line:
        line.sendall(fixture("photo/baseline.jpg") + bytes(100_000))
        until(lambda: list((shop.home / "scratch").glob("*/*")), 30, "the beginning of the upload")
    assert_nothing_is_left_over(shop)
    assert kept(shop) == before


def test_afterwards_good_files_are_taken_and_the_poster_is_sold(victim: Victim, poster_files: dict[str, Path]) -> None:
    for slot, path in poster_files.items():
        victim.customer.expect(200, "PUT", f"{victim.at}/files/{slot}", content=path.read_bytes())
    victim.buys()


NAMES = {
    "../../../../etc/passwd": "passwd",
    "..\\..\\boot.ini": "boot.ini",
    "/": "file",
    "..": "file",
    "a\r\nSet-Cookie: x=1\0.jpg": "aSet-Cookie: x=1.jpg",
    "x" * 5000 + ".jpg": "x" * 116 + ".jpg",
    "\u202egpj.exe": "gpj.exe",
}


@pytest.mark.parametrize("name", NAMES)
def test_a_file_name_is_only_ever_a_name(shop: Shop, poster_files: dict[str, Path], name: str) -> None:
    customer: Customer = shop.customer()
    draft = customer.expect(201, "POST", "/api/v1/drafts", json={"product": "posters"})["id"]
    shown = customer.expect(
        200, "PUT", f"/api/v1/drafts/{draft}/files/photo", params={"name": name},
        content=poster_files["photo"].read_bytes(),
    )  # fmt: skip
    assert shown["files"]["photo"]["file_name"] == NAMES[name]
    content = customer.http.get(f"/api/v1/drafts/{draft}/files/photo/content")
    assert content.content == poster_files["photo"].read_bytes()
    assert "set-cookie" not in content.headers


@pytest.mark.parametrize("slot", ["video", "..", "../photo", "%2e%2e%2fphoto", "photo\0", "photo'--"])
def test_there_are_no_other_slots(unharmed: Victim, slot: str) -> None:
    answer = unharmed.customer.http.put(f"{unharmed.at}/files/{quote(slot, safe='')}", content=b"x")
    assert answer.status_code == 404


def upload(victim: Victim, slot: str, header: str) -> socket.socket:
    """The beginning of an upload, with a line to send the rest through."""
    address = urlsplit(victim.customer.shop.url)
    line = socket.create_connection((address.hostname or "", address.port or 0), timeout=60)
    cookies = "; ".join(f"{name}={value}" for name, value in victim.customer.http.cookies.items())
    line.sendall(
        f"PUT {victim.at}/files/{slot}?name=a.bin HTTP/1.1\r\nHost: {address.netloc}\r\nCookie: {cookies}\r\n"
        f"{header}\r\n\r\n".encode()
    )
    return line


def answer(line: socket.socket) -> bytes:
    """What the shop says while nothing more is sent, to the end of its JSON."""
    line.settimeout(60)
    said = b""
    while not said.endswith(b"}"):
        said += line.recv(65536)
    return said


def assert_too_big(said: bytes) -> None:
    assert said.startswith(b"HTTP/1.1 413 ")
    assert b"FILE_TOO_BIG" in said


def chunk(data: bytes) -> bytes:
    """A piece of a body whose length nobody knows."""
    return b"%x\r\n" % len(data) + data + b"\r\n"


def pour(line: socket.socket, most: int) -> int:
    """Send for as long as somebody takes it, at most so many bytes; returns how many were taken."""
    sent = 0
    try:
        while sent < most:
            line.sendall(chunk(bytes(MEGABYTE)))
            sent += MEGABYTE
    except ConnectionError:
        return sent
    return sent
