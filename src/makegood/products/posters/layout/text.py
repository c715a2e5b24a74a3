"""The customer's words as runs that the typesetter sets literally: nothing in them is ever read as markup."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence

from makegood.products.posters.layout import fonts
from makegood.products.posters.layout.errors import TextNotPrintable

Run = tuple[str, str]
"""A kind (`text`, `emoji` or `break`) and its characters."""

_PICTURES = (
    "\u231a\u231b\u23e9-\u23ec\u23f0\u23f3\u25fd\u25fe\u2614\u2615\u2648-\u2653\u267f\u2693\u26a1\u26aa\u26ab\u26bd"
    "\u26be\u26c4\u26c5\u26ce\u26d4\u26ea\u26f2\u26f3\u26f5\u26fa\u26fd\u2705\u270a\u270b\u2728\u274c\u274e\u2753-\u2755"
    "\u2757\u2795-\u2797\u27b0\u27bf\u2b1b\u2b1c\u2b50\u2b55\U0001f000-\U0001faff"
)
_ONE = rf"(?:[{_PICTURES}]\ufe0f?|[^\s\ufe0f\u200d]\ufe0f)[\U0001f3fb-\U0001f3ff]?[\U000e0020-\U000e007f]*"
_EMOJI = re.compile(
    rf"(?:[0-9#*]\ufe0f?\u20e3|[\U0001f1e6-\U0001f1ff]{{2}}|{_ONE}(?:\u200d(?:{_ONE}|[\u2640\u2642\u2695\u2696\u2708\u2764]))*)(?!\ufe0e)"
)


def runs(text: str) -> list[Run]:
    """The text cut where emoji, which come from their own font even when another has the sign in black, begin and
    end, and at line breaks."""
    result: list[Run] = []
    for number, line in enumerate(text.split("\n")):
        if number:
            result.append(("break", ""))
        done = 0
        for match in _EMOJI.finditer(line):
            if match.start() > done:
                result.append(("text", line[done : match.start()]))
            result.append(("emoji", match.group()))
            done = match.end()
        if done < len(line):
            result.append(("text", line[done:]))
    return result


def require_glyphs(field: str, text: str, families: Sequence[str]) -> None:
    """Raise `TextNotPrintable`, which names the characters, unless some family has a glyph for each."""
    known: dict[str, frozenset[int]] = {}

    def has(family: str, character: str) -> bool:
        if family not in known:
            known[family] = fonts.characters(family)
        return ord(character) in known[family]

    lacking = [
        character
        for character in dict.fromkeys(text)
        if not _is_invisible(character) and not any(has(each, character) for each in families)
    ]
    if lacking:
        raise TextNotPrintable(field=field, characters=" ".join(lacking))


def runs_right_to_left(text: str) -> bool:
    """Whether the first letter with a direction runs from right to left."""
    for character in text:
        direction = unicodedata.bidirectional(character)
        if direction in ("R", "AL"):
            return True
        if direction == "L":
            return False
    return False


def may_be_spaced(text: str) -> bool:
    """Whether letters may be set apart: where they join or stack (Arabic, Devanagari, Thai …) it would tear words."""
    return not any(ord(character) >= 0x0590 and unicodedata.category(character)[0] in "LM" for character in text)


def _is_invisible(character: str) -> bool:
    """Marks that only steer joining, direction or presentation, and white space."""
    if character in "\n\u200b\u00ad" or character.isspace():
        return True
    point = ord(character)
    return unicodedata.category(character) == "Cf" or 0xFE00 <= point <= 0xFE0F or 0xE0100 <= point <= 0xE01EF
