"""Tells by its first bytes what a file is, whatever it is called."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from makegood.products.posters.photo.errors import PhotoUnreadable

HEAD_BYTES = 4096


@dataclass(frozen=True, slots=True)
class Kind:
    """A picture format: its name for people, its media type, and its name in the decoder."""

    name: str
    media_type: str
    decoder: str


JPEG = Kind("JPEG", "image/jpeg", "JPEG")
PNG = Kind("PNG", "image/png", "PNG")
GIF = Kind("GIF", "image/gif", "GIF")
WEBP = Kind("WebP", "image/webp", "WEBP")
BMP = Kind("BMP", "image/bmp", "BMP")
TIFF = Kind("TIFF", "image/tiff", "TIFF")
HEIC = Kind("HEIC", "image/heic", "HEIF")
AVIF = Kind("AVIF", "image/avif", "AVIF")

_STARTS: tuple[tuple[bytes, Kind], ...] = (
    (b"\xff\xd8\xff", JPEG),
    (b"\x89PNG\r\n\x1a\n", PNG),
    (b"GIF87a", GIF),
    (b"GIF89a", GIF),
    (b"II*\0", TIFF),
    (b"MM\0*", TIFF),
    (b"II+\0", TIFF),
    (b"MM\0+", TIFF),
)
_BMP_HEADER_SIZES = {12, 16, 40, 52, 56, 64, 108, 124}
_HEIC_BRANDS = {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx"}
_AVIF_BRANDS = {b"avif", b"avis"}

_OTHERS: tuple[tuple[bytes, str], ...] = (
    (b"%PDF", "a PDF document"),
    (b"PK\x03\x04", "a ZIP archive or an office document"),
    (b"8BPS", "a Photoshop document"),
    (b"\x00\x00\x00\x0cJXL ", "a JPEG XL picture"),
    (b"\xff\x0a", "a JPEG XL picture"),
    (b"\x00\x00\x00\x0cjP  ", "a JPEG 2000 picture"),
    (b"\xd0\xcf\x11\xe0", "an office document"),
    (b"FUJIFILMCCD-RAW", "a camera raw file"),
    (b"ID3", "a sound recording"),
    (b"OggS", "a sound recording"),
    (b"fLaC", "a sound recording"),
    (b"\x1aE\xdf\xa3", "a film or a recording"),
    (b"%!PS", "a PostScript document"),
)


def sniff(path: Path, file_name: str) -> Kind:
    """The format of the picture at `path`; raises `PhotoUnreadable` that says what the file is instead."""
    with path.open("rb") as file:
        head = file.read(HEAD_BYTES)
    kind = _picture(head)
    if kind is None:
        raise PhotoUnreadable(what=_other(head), file_name=file_name)
    return kind


def _picture(head: bytes) -> Kind | None:
    for start, kind in _STARTS:
        if head.startswith(start):
            return kind
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return WEBP
    if head[:2] == b"BM" and int.from_bytes(head[14:18], "little") in _BMP_HEADER_SIZES:
        return BMP
    if head[4:8] == b"ftyp":
        brands = _brands(head)
        if brands & _AVIF_BRANDS:
            return AVIF
        if brands & _HEIC_BRANDS:
            return HEIC
    return None


def _brands(head: bytes) -> set[bytes]:
    """The major and the compatible brands of an ISO media file."""
    end = min(int.from_bytes(head[:4], "big"), 512, len(head))
    return {head[8:12]} | {head[at : at + 4] for at in range(16, end - 3, 4)}


def _other(head: bytes) -> str:
    """A name for what is not a picture, as it fits into "This file is …"."""
    if not head:
        return "empty"
    for start, what in _OTHERS:
        if head.startswith(start):
            return what
    if head[4:8] == b"ftyp":
        return "a camera raw file" if head[8:12] == b"crx " else "a film or a recording"
    if head[:4] == b"RIFF":
        return "a film or a recording"
    return "of a kind we don't know" if b"\0" in head else _text(head)


def _text(head: bytes) -> str:
    text = head.lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if b"<svg" in text and text.startswith((b"<svg", b"<?xml", b"<!--", b"<!doctype svg")):
        return "an SVG drawing"
    if text.startswith((b"<!doctype html", b"<html")):
        return "a web page"
    return "a text file"
