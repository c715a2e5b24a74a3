"""Which kind of file a recording is, judged by its first bytes and never by its name.

Only what is recognised here is handed to libav, under the one demuxer that belongs to it. So playlists, concat scripts,
session descriptions and whatever else libav can open never meet a demuxer that would follow their references.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import BinaryIO

from makegood.products.posters.sound import mpeg

_HEAD_BYTES = 4096
_MPEG_SEARCH_BYTES = 128 * 1024
_MOST_TAGS = 16
_MOST_RUBBISH_BYTES = 1500
_UNKNOWN_LENGTH = 0xFFFFF000
_ASF_HEADER = bytes.fromhex("3026b2758e66cf11a6d900aa0062ce6c")
_ATOMS = frozenset({b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip", b"pnot"})


@dataclass(frozen=True, slots=True)
class Container:
    """A recognised kind of file.

    `demuxer` is libav's name of its one reader; `audio_type` and `video_type` are the media types of such a file with
    sound only and with pictures too; `offset` is where reading begins, in bytes, behind tags and rubbish;
    `states_length` tells whether the length in its header, as libav reads it, is meant exactly; `stated_seconds` is
    that length where we read it ourselves.
    """

    name: str
    demuxer: str
    audio_type: str
    video_type: str
    offset: int = 0
    states_length: bool = True
    stated_seconds: float | None = None


def recognise(file: BinaryIO) -> Container | None:
    """The kind of the open file, or None if it is not one of a recording that we read."""
    file.seek(0)
    head = file.read(_HEAD_BYTES)
    return _tagged(head) or _mpeg(file, head)


def _tagged(head: bytes) -> Container | None:
    """Containers that begin with a mark of their own."""
    mark, kind = head[:4], head[8:12]
    found: Container | None = None
    if mark in (b"RIFF", b"RF64", b"BW64") and kind == b"WAVE":
        found = Container("wav", "wav", "audio/wav", "audio/wav", 0, False, _wav_seconds(head))
    elif mark == b"FORM" and kind in (b"AIFF", b"AIFC"):
        found = Container("aiff", "aiff", "audio/aiff", "audio/aiff")
    elif mark == b"OggS":
        found = Container("ogg", "ogg", "audio/ogg", "video/ogg", states_length=False)
    elif mark == b"fLaC":
        found = Container("flac", "flac", "audio/flac", "audio/flac")
    elif mark == b"\x1aE\xdf\xa3":
        is_webm = b"webm" in head[:64]
        found = (
            Container("webm", "matroska", "audio/webm", "video/webm")
            if is_webm
            else Container("matroska", "matroska", "audio/x-matroska", "video/x-matroska")
        )
    elif head.startswith(b"#!AMR\n"):
        found = Container("amr", "amr", "audio/amr", "audio/amr", states_length=False)
    elif head.startswith(b"#!AMR-WB\n"):
        found = Container("amr-wb", "amr", "audio/amr-wb", "audio/amr-wb", states_length=False)
    elif head.startswith(_ASF_HEADER):
        found = Container("asf", "asf", "audio/x-ms-wma", "video/x-ms-asf")
    elif head[4:8] in _ATOMS:
        found = _mpeg4(kind if head[4:8] == b"ftyp" else b"qt  ")
    return found


def _wav_seconds(head: bytes) -> float | None:
    """The length that a WAV file states (libav gives that of what is left of it), or None if it was written without
    knowing it."""
    at, bytes_per_second = 12, 0
    while at + 8 <= len(head):
        name, length = struct.unpack_from("<4sI", head, at)
        if name == b"fmt " and at + 20 <= len(head):
            (bytes_per_second,) = struct.unpack_from("<I", head, at + 16)
        if name == b"data":
            is_known = bytes_per_second and 0 < length < _UNKNOWN_LENGTH
            return length / bytes_per_second if is_known else None
        at += 8 + length + length % 2
    return None


def _mpeg4(brand: bytes) -> Container:
    if brand == b"qt  ":
        return Container("quicktime", "mov", "audio/mp4", "video/quicktime")
    if brand.startswith((b"3gp", b"3g2")):
        return Container("3gp", "mov", "audio/3gpp", "video/3gpp")
    return Container("mp4", "mov", "audio/mp4", "video/mp4")


def _mpeg(file: BinaryIO, head: bytes) -> Container | None:
    """Sound without a mark of its own, behind any tags, which are stepped over with their pictures and never read."""
    start = _after_tags(file, head)
    file.seek(start)
    data = file.read(_MPEG_SEARCH_BYTES)
    if data.startswith(b"fLaC"):
        return Container("flac", "flac", "audio/flac", "audio/flac", offset=start)
    stream = mpeg.find_stream(data, is_whole=len(data) < _MPEG_SEARCH_BYTES)
    if stream is None or not _is_rubbish(data[: stream.offset]):
        return None
    offset = start + stream.offset
    if stream.is_aac:
        return Container("aac", "aac", "audio/aac", "audio/aac", offset, states_length=False)
    return Container("mp3", "mp3", "audio/mpeg", "audio/mpeg", offset, states_length=stream.states_length)


def _is_rubbish(data: bytes) -> bool:
    """Whether the bytes in front of a stream may be skipped: padding, or the rest of a frame that was cut through, but
    not the head of an archive that contains a stream."""
    return not data.strip(b"\0") or (len(data) < _MOST_RUBBISH_BYTES and not data.startswith(b"PK"))


def _after_tags(file: BinaryIO, head: bytes) -> int:
    """Where the sound begins behind any number of ID3 tags (a tag's length is in four bytes of seven bits each)."""
    start = 0
    for _ in range(_MOST_TAGS):
        if not (head[:3] == b"ID3" and len(head) >= 10 and all(byte < 128 for byte in head[6:10])):
            break
        length = head[6] << 21 | head[7] << 14 | head[8] << 7 | head[9]
        has_footer = bool(head[5] & 0x10)
        start += 10 + length + (10 if has_footer else 0)
        file.seek(start)
        head = file.read(10)
    return start
