"""The fonts on the disk: pairs to choose from, the chain that follows them, and which characters they cover."""

from __future__ import annotations

import os
import struct
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import typst

from makegood.products.posters.layout.design import Stamp, stamp, table
from makegood.products.posters.layout.errors import FontMissing

FONTS = Path(__file__).resolve().parent.parent / "fonts"
MEND = "Run `make setup`, which copies the fonts from their packages."
EMOJI = "Noto Color Emoji"
HAN = ("Noto Sans SC", "Noto Sans JP", "Noto Sans KR")


@dataclass(frozen=True, slots=True)
class Pair:
    """Fonts that go together: for the title, for running text, and for small capitals such as the date."""

    id: str
    name: str
    title: str
    body: str
    label: str
    scale: float
    """How large the title is set for the same look: scripts run small, poster faces run large."""
    upper: bool
    tracking: float
    leading: float
    spacing: float
    """The width of a space in the title, as a share of the font's own."""

    @property
    def families(self) -> tuple[str, ...]:
        return (self.title, self.body, self.label)


def pairs() -> dict[str, Pair]:
    """Every pair by id, in the order to show them."""
    return {
        key: Pair(
            id=key,
            name=row["name"],
            title=row["title"],
            body=row["body"],
            label=row["label"],
            scale=row.get("scale", 1.0),
            upper=row.get("upper", False),
            tracking=row.get("tracking", 0.0),
            leading=row.get("leading", 0.55),
            spacing=row.get("spacing", 1.0),
        )
        for key, row in table("fonts")["pairs"].items()
    }


def fallback(lang: str, text: str = "") -> tuple[str, ...]:
    """Families to turn to, in order, for what a pair lacks. Han characters look different in Chinese, Japanese and
    Korean: the language decides, and Japanese syllables in the text decide for Japanese."""
    chain: list[str] = list(table("fonts")["fallback"])
    first = {"ja": HAN[1], "ko": HAN[2], "zh": HAN[0]}.get(lang[:2])
    if any("\u3040" <= character <= "\u30ff" for character in text):
        first = HAN[1]
    if first in chain:
        chain.remove(first)
        chain.insert(min(chain.index(each) for each in HAN if each in chain), first)
    return (*chain, EMOJI)


def stamps(folder: Path = FONTS) -> tuple[Stamp, ...]:
    """What is in the folder now: fonts that come and go while the shop is open are noticed by it."""
    found = [Path(where, name) for where, _, names in os.walk(folder, followlinks=True) for name in names]
    return tuple(stamp(path) for path in sorted(found))


def loaded(folder: Path = FONTS) -> typst.Fonts:
    """The folder's fonts for the typesetter, and no others, so that every machine sets the same poster."""
    return _loaded(folder, stamps(folder))


@lru_cache(maxsize=1)
def _loaded(folder: Path, _stamps: tuple[Stamp, ...]) -> typst.Fonts:
    return typst.Fonts(include_system_fonts=False, include_embedded_fonts=False, font_paths=[str(folder)])


def files(folder: Path = FONTS) -> dict[str, tuple[Path, ...]]:
    """The font files on the disk by family."""
    return _files(folder, stamps(folder))


@lru_cache(maxsize=2)
def _files(folder: Path, _stamps: tuple[Stamp, ...]) -> dict[str, tuple[Path, ...]]:
    found: dict[str, set[Path]] = {}
    for info in loaded(folder).fonts():
        if info.path is not None:
            found.setdefault(info.family, set()).add(Path(info.path))
    return {family: tuple(sorted(paths)) for family, paths in found.items()}


def needed() -> tuple[str, ...]:
    """Every family that a pair or the chain names."""
    return tuple(sorted({family for pair in pairs().values() for family in pair.families} | set(fallback("en"))))


def require(families: Iterable[str], folder: Path = FONTS) -> None:
    """Raise `FontMissing`, which names the family, unless every one of them is on the disk."""
    there = files(folder)
    for family in families:
        if family not in there:
            raise FontMissing(file=family, mend=MEND)


def characters(family: str, folder: Path = FONTS) -> frozenset[int]:
    """The code points that every file of a family has a glyph for."""
    return _characters(family, folder, stamps(folder))


@lru_cache(maxsize=64)
def _characters(family: str, folder: Path, _stamps: tuple[Stamp, ...]) -> frozenset[int]:
    require([family], folder)
    sets = [_code_points(path) for path in files(folder)[family]]
    return frozenset.intersection(*sets)


@lru_cache(maxsize=128)
def _code_points(path: Path) -> frozenset[int]:
    """The code points in a font file's character map (OpenType `cmap`, formats 4 and 12)."""
    with path.open("rb") as file:
        count = struct.unpack(">4xH6x", file.read(12))[0]
        records = [struct.unpack(">4s4xII", file.read(16)) for _ in range(count)]
        offset, length = next((start, size) for tag, start, size in records if tag == b"cmap")
        file.seek(offset)
        cmap = file.read(length)
    points: set[int] = set()
    for i in range(struct.unpack_from(">H", cmap, 2)[0]):
        start = struct.unpack_from(">I", cmap, 8 + 8 * i)[0]
        kind = struct.unpack_from(">H", cmap, start)[0]
        if kind == 12:
            points.update(_format_12(cmap, start))
        elif kind == 4:
            points.update(_format_4(cmap, start))
    return frozenset(points)


def _format_12(cmap: bytes, start: int) -> Iterable[int]:
    for i in range(struct.unpack_from(">I", cmap, start + 12)[0]):
        first, last, glyph = struct.unpack_from(">III", cmap, start + 16 + 12 * i)
        yield from range(first + (glyph == 0), last + 1)


def _format_4(cmap: bytes, start: int) -> Iterable[int]:
    segments = struct.unpack_from(">H", cmap, start + 6)[0] // 2

    def column(index: int) -> tuple[int, ...]:
        return struct.unpack_from(f">{segments}H", cmap, start + 14 + 2 * segments * index + (2 if index else 0))

    lasts, firsts, deltas, ranges = (column(index) for index in range(4))
    base = start + 16 + 6 * segments
    for i in range(segments):
        for point in range(firsts[i], min(lasts[i], 0xFFFE) + 1):
            glyph = point
            if ranges[i]:
                glyph = struct.unpack_from(">H", cmap, base + 2 * i + ranges[i] + 2 * (point - firsts[i]))[0]
            if glyph and (glyph + deltas[i]) & 0xFFFF:
                yield point
