"""Finds MP3 and raw AAC (ADTS) streams, which have no mark: what proves them is a chain of frames.

Source of the header fields: ISO/IEC 11172-3 and 13818-3 (MPEG audio), 13818-7 (ADTS).
"""

from __future__ import annotations

from dataclasses import dataclass

_PROOF_FRAMES = 4
_PROOF_FRAMES_AT_END = 2
_RATES = (44100, 48000, 32000)
_RATE_DIVISOR = {3: 1, 2: 2, 0: 4}
_BITRATES_1_LAYER_2 = (32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384)
_BITRATES_1_LAYER_3 = (32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320)
_BITRATES_2 = (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160)


@dataclass(frozen=True, slots=True)
class Stream:
    """A stream of frames: where it begins in the searched bytes, whether it is AAC (else MPEG layer II or III), and
    whether its first frame counts the frames of the file."""

    offset: int
    is_aac: bool
    states_length: bool


@dataclass(frozen=True, slots=True)
class _Frame:
    """One frame: its length in bytes and what all frames of its stream have in common."""

    length: int
    stream: tuple[str, int, int]


def find_stream(data: bytes, *, is_whole: bool) -> Stream | None:
    """The first stream in `data`, or None; `is_whole` tells that `data` reaches to the end of the file."""
    at = data.find(b"\xff")
    while at >= 0:
        frame = _frame(data, at)
        if frame is not None and _is_chain(data, at, is_whole):
            counted = any(tag in data[at : at + 256] for tag in (b"Xing", b"Info", b"VBRI"))
            return Stream(at, frame.stream[0] == "aac", counted)
        at = data.find(b"\xff", at + 1)
    return None


def _is_chain(data: bytes, at: int, is_whole: bool) -> bool:
    """Whether enough frames of one stream follow each other, each ending where the next begins."""
    stream = None
    for count in range(_PROOF_FRAMES):
        frame = _frame(data, at)
        if frame is None:
            return is_whole and at + 8 > len(data) and count >= _PROOF_FRAMES_AT_END
        if stream not in (None, frame.stream):
            return False
        stream = frame.stream
        at += frame.length
    return True


def _frame(data: bytes, at: int) -> _Frame | None:
    header = data[at : at + 8]
    if len(header) < 8 or header[0] != 0xFF or header[1] & 0xE0 != 0xE0:
        return None
    return _adts(header) if header[1] & 0xF6 == 0xF0 else _mpeg(header)


def _adts(header: bytes) -> _Frame | None:
    length = (header[3] & 3) << 11 | header[4] << 3 | header[5] >> 5
    rate = header[2] >> 2 & 15
    if rate > 12 or length < 8:
        return None
    return _Frame(length, ("aac", rate, header[2] >> 6))


def _mpeg(header: bytes) -> _Frame | None:
    version, layer = header[1] >> 3 & 3, header[1] >> 1 & 3
    bitrate, rate, padding = header[2] >> 4, header[2] >> 2 & 3, header[2] >> 1 & 1
    if version == 1 or layer not in (1, 2) or bitrate in (0, 15) or rate == 3:
        return None
    is_layer_3, is_version_1 = layer == 1, version == 3
    first_bitrates = _BITRATES_1_LAYER_3 if is_layer_3 else _BITRATES_1_LAYER_2
    bits = 1000 * (first_bitrates if is_version_1 else _BITRATES_2)[bitrate - 1]
    hertz = _RATES[rate] // _RATE_DIVISOR[version]
    slots = 72 if is_layer_3 and not is_version_1 else 144
    return _Frame(slots * bits // hertz + padding, ("mpeg", version << 2 | layer, hertz))
