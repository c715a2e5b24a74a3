"""Reads the few header fields that must be known before a decoder may touch a file.

A decoder allocates what a header announces; these readers allocate nothing and stop at the first lie.
"""

from __future__ import annotations

import struct
from io import BytesIO
from pathlib import Path
from typing import BinaryIO

ORIENTATION = 0x0112
SUBFILE_TYPE = 0x00FE
DNG_VERSION = 0xC612

MAX_TAGS = 1000
_TYPE_BYTES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4, 16: 8, 17: 8, 18: 8}
_AMPLIFICATION = 4
_ALLOWANCE = 1 << 20


class HeaderError(ValueError):
    """A header that contradicts itself."""


class AbsurdHeaderError(HeaderError):
    """A header that announces so much data that reading it would do harm."""


def tiff_tags(file: BinaryIO, size: int) -> dict[int, int]:
    """The tags of the first directory of a TIFF structure (also of an EXIF block), each with its first value when
    that is a whole number stored in place, else -1.

    Raises `HeaderError` when the directory lies outside the `size` bytes, `AbsurdHeaderError` when it is absurdly
    long or its values together are many times larger than the file (a decoder would copy them all).
    """
    head = file.read(16)
    order = {b"II": "<", b"MM": ">"}.get(head[:2])
    if order is None or len(head) < 8:
        raise HeaderError("no byte order")
    big = struct.unpack(order + "H", head[2:4])[0] == 43
    if big and len(head) < 16:
        raise HeaderError("the header is cut off")
    at: int = struct.unpack_from(order + "Q", head, 8)[0] if big else struct.unpack_from(order + "I", head, 4)[0]
    count_format, entry_format = ("Q", "HHQ8s") if big else ("H", "HHI4s")
    entry_bytes, count_bytes = struct.calcsize("<" + entry_format), struct.calcsize("<" + count_format)
    # Compared with the size before seeking: an offset may be larger than any file.
    if at + count_bytes > size:
        raise HeaderError("the directory lies outside the file")
    file.seek(at)
    count = struct.unpack(order + count_format, file.read(count_bytes))[0]
    if count > MAX_TAGS:
        raise AbsurdHeaderError(f"a directory of {count} tags")
    if at + count_bytes + count * entry_bytes > size:
        raise HeaderError("the directory is cut off")
    tags: dict[int, int] = {}
    announced = 0
    for tag, kind, length, value in struct.iter_unpack(order + entry_format, file.read(count * entry_bytes)):
        announced += _TYPE_BYTES.get(kind, 1) * length
        integer = {3: "H", 4: "I"}.get(kind)
        tags[tag] = struct.unpack_from(order + integer, value)[0] if integer and length == 1 else -1
    if announced > _AMPLIFICATION * size + _ALLOWANCE:
        raise AbsurdHeaderError(f"tags of {announced} bytes in {size} bytes")
    return tags


def exif_orientation(exif: bytes) -> int:
    """The orientation (1..8) that an EXIF block gives, or 1 when it gives none that is valid."""
    block = exif.removeprefix(b"Exif\0\0")
    try:
        orientation = tiff_tags(BytesIO(block), len(block)).get(ORIENTATION, 1)
    except HeaderError:
        return 1
    return orientation if 1 <= orientation <= 8 else 1


def jpeg_exif(file: BinaryIO) -> bytes:
    """All EXIF data of a JPEG, joined as decoders join it; only the segments before the picture are walked."""
    joined = b""
    file.seek(2)
    while True:
        marker = file.read(2)
        if len(marker) < 2 or marker[0] != 0xFF or marker[1] == 0xDA:
            return joined
        if marker[1] == 0xFF:
            file.seek(-1, 1)
            continue
        length = int.from_bytes(file.read(2), "big")
        if length < 2:
            return joined
        if marker[1] == 0xE1 and length >= 8:
            start = file.read(6)
            if start == b"Exif\0\0":
                joined += file.read(length - 8)
                continue
            file.seek(length - 8, 1)
            continue
        file.seek(length - 2, 1)


def webp_size(path: Path) -> tuple[int, int]:
    """Width and height of the canvas that a WebP file announces."""
    with path.open("rb") as file:
        head = file.read(30)
    chunk, body = head[12:16], head[20:]
    if len(body) < 10:
        raise HeaderError("the header is cut off")
    if chunk == b"VP8X":
        return int.from_bytes(body[4:7], "little") + 1, int.from_bytes(body[7:10], "little") + 1
    if chunk == b"VP8L":
        bits = int.from_bytes(body[1:5], "little")
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    if chunk == b"VP8 ":
        return int.from_bytes(body[6:8], "little") & 0x3FFF, int.from_bytes(body[8:10], "little") & 0x3FFF
    raise HeaderError("no picture chunk")


def checked_tags(path: Path, *, jpeg: bool) -> dict[int, int]:
    """The tags of a TIFF, or of a JPEG's EXIF block, after making sure that reading them is harmless.

    Raises like `tiff_tags`, but a JPEG's malformed EXIF block counts as none: many good photos carry one.
    """
    with path.open("rb") as file:
        if not jpeg:
            return tiff_tags(file, path.stat().st_size)
        exif = jpeg_exif(file)
    try:
        return tiff_tags(BytesIO(exif), len(exif))
    except AbsurdHeaderError:
        raise
    except HeaderError:
        return {}
