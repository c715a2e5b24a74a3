"""From a job to the sheet that the typesetter sets: data in millimetres and three drawings."""

from __future__ import annotations

import json
import re
from dataclasses import asdict, dataclass
from typing import Any

from makegood.products.posters.layout import colour, fonts, picture, qr, text, wave
from makegood.products.posters.layout.design import Code, Item, Rect, Words, table
from makegood.products.posters.layout.job import PosterJob
from makegood.products.posters.layout.look import Look, resolve

LEAST_TEXT_CONTRAST = 3.5
"""Words in the accent take on ink until they stand out this much: a pale wave is a choice, pale words a mistake."""
PHOTO = "photo.jpg"
"""The name under which the typesetter finds the photo."""
_BREAKS_ANYWHERE = re.compile(
    "[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u2e80-\ua4cf\uac00-\ud7af\uf900-\ufaff\uff00-\uffef\U00020000-\U0003ffff]"
)


@dataclass(frozen=True, slots=True)
class Sheet:
    """What goes to the typesetter: JSON data and, by file name, drawings. The photo is read from the job."""

    look: Look
    data: str
    drawings: dict[str, str]


def compose(job: PosterJob) -> Sheet:
    """Lay out one poster. Raises what `resolve` raises, `TextNotPrintable` and `LinkTooLong`; whether the texts fit
    is only known when they are set."""
    options = job.options
    look = resolve(options, job.palette)
    unit = look.unit
    code_rect, label, code = _code(job, look)
    photo = look.photo_rect
    outline = 0.0 if look.round else look.layout.photo.outline * unit
    placed = picture.covering(photo.w, photo.h, job.photo_px, job.focal_point)
    drawings = {
        "photo.svg": picture.draw(
            photo, look.shape, placed, href=PHOTO, unit=unit, outline=outline, colour=look.accent
        ),
        "qr.svg": code.svg,
    }
    wave_rect, drawings["wave.svg"] = _wave(job, look)
    seconds = max(0, round(job.seconds))
    data: dict[str, Any] = {
        "page": {"w": look.page[0], "h": look.page[1]},
        "bleed": look.bleed,
        "slug": look.slug,
        "unit": unit,
        "lang": options.lang[:2] if len(options.lang.split("-")[0]) == 2 else options.lang.split("-")[0],
        "doc_title": options.title or "Sound poster",
        "colours": _colours(look),
        "photo": asdict(photo.grown(outline + picture.AIR)),
        "photo_alt": options.title or "Photo",
        "wave": asdict(wave_rect),
        "wave_alt": "Sound wave of the recording",
        "code": asdict(code_rect),
        "code_alt": f"QR code: {job.url}",
        "words": [each for each in (_group(words, job, look) for words in look.layout.words) if each["items"]],
        "label": label,
        "label_fonts": [look.pair.label, *fonts.fallback(options.lang)],
        "played": _clock(round(seconds * 0.36)),
        "lasts": _clock(seconds),
        "decor": [
            _decor(part.model_dump(), part.box.on(*look.page), look)
            for part in look.layout.decor
            if options.title or part.kind != "ornament"
        ],
    }
    return Sheet(look, json.dumps(data, ensure_ascii=False, sort_keys=True), drawings)


def _colours(look: Look) -> dict[str, str]:
    lift = "#ffffff" if colour.luminance(look.paper) < 0.2 else look.ink
    return {
        "ink": look.ink,
        "paper": look.paper,
        "accent": look.accent,
        "accent-text": colour.moved(look.accent, look.paper, look.ink, LEAST_TEXT_CONTRAST),
        "soft": colour.mix(look.ink, look.paper, 0.28),
        "panel": colour.mix(look.paper, lift, 0.07),
    }


def _wave(job: PosterJob, look: Look) -> tuple[Rect, str]:
    ink = wave.Ink(look.accent, colour.companion(look.accent, look.paper, look.ink))
    if look.round:
        slot = look.photo_slot
        side = min(slot.w, slot.h)
        return slot.inner(side, side), wave.ring(
            job.wave, look.wave, size=side, hole=look.photo_rect.w, ink=ink, unit=look.unit
        )
    if look.layout.wave is None:
        raise ValueError(f"template {look.template.id} has neither a band nor a ring for its wave")
    box = look.layout.wave.on(*look.page)
    return box, wave.band(job.wave, look.wave, width=box.w, height=box.h, ink=ink, unit=look.unit)


def _code(job: PosterJob, look: Look) -> tuple[Rect, dict[str, Any] | None, qr.Code]:
    """The QR code in its corner, and its label as a group of words."""
    place: Code = look.layout.code
    side = place.side * look.unit
    code = qr.draw(job.url, side, look.ink, look.paper, panel=place.panel)
    label_h = 2.6 * look.unit if place.label == "below" else 0.0
    box = place.box.model_copy(update={"width": place.side, "height": place.side + label_h / look.unit})
    spot = box.on(*look.page)
    quiet = 0.0 if code.panel else side * qr.QUIET / code.modules
    shift = quiet if place.box.right is not None else -quiet if place.box.left is not None else 0.0
    rect = Rect(spot.x + shift, spot.y, side, side)
    if place.label == "none":
        return rect, None, code
    where, align = _beside(place, rect, quiet, look.unit)
    phrases = table("phrases")["scan"]
    item = Item(text="title", size=1.25, face="label", upper=True, tracking=0.1, weight=500, leading=0.7, colour="soft")
    words = _set_item(item, "scan", phrases.get(job.options.lang[:2], phrases["en"]), job, look)
    return rect, {"box": asdict(where), "align": align, "valign": "horizon", "gap": 0, "items": [words]}, code


def _beside(place: Code, code: Rect, quiet: float, unit: float) -> tuple[Rect, str]:
    """Where the code's label goes, and to which side it leans. `quiet` is the empty border that already separates
    it from the code; a panel has none outside."""
    air = 0.0 if quiet else 1.6 * unit
    if place.label == "below":
        top = code.y + code.h + (-0.4 if quiet else 1.0) * unit
        return Rect(code.x - code.w * 0.15, top, code.w * 1.3, 1.7 * unit), "center"
    width = code.w * 1.5
    if place.label == "before":
        return Rect(code.x - width - air, code.y + quiet, width, code.h - 2 * quiet), "end"
    return Rect(code.x + code.w + air, code.y + quiet, width, code.h - 2 * quiet), "start"


def _group(words: Words, job: PosterJob, look: Look) -> dict[str, Any]:
    texts = {"title": job.options.title, "caption": job.options.caption, "date": job.options.date}
    return {
        "box": asdict(words.box.on(*look.page)),
        "align": words.align,
        "valign": words.valign,
        "gap": words.gap * look.unit,
        "items": [_set_item(item, item.text, texts[item.text], job, look) for item in words.items if texts[item.text]],
    }


def _set_item(item: Item, field: str, words: str, job: PosterJob, look: Look) -> dict[str, Any]:
    pair, title = look.pair, item.face == "title"
    family = {"title": pair.title, "body": pair.body, "label": pair.label}[item.face]
    shown = words.upper() if item.upper or (title and pair.upper) else words
    chain = [family, *([pair.body] if title else []), *fonts.fallback(job.options.lang, words)]
    text.require_glyphs(field, shown, chain)
    spaced = text.may_be_spaced(shown)
    return {
        "field": field,
        "runs": text.runs(shown),
        "words": [word for word in shown.split() if len(word) > 5 and not _BREAKS_ANYWHERE.search(word)],
        "fonts": chain,
        "emoji_fonts": [fonts.EMOJI, *chain],
        "size": item.size * (pair.scale if title else 1.0) * look.unit,
        "floor": item.floor,
        "room": item.room * look.unit,
        "one-line": title,
        "spacing": pair.spacing if title else 1.0,
        "lining": item.upper or title,
        "italic": item.italic,
        "weight": item.weight,
        "tracking": (pair.tracking if title else item.tracking) if spaced else 0.0,
        "leading": pair.leading if title else item.leading,
        "colour": "accent-text" if item.colour == "accent" else item.colour,
        "rtl": text.runs_right_to_left(words),
    }


def _decor(part: dict[str, Any], box: Rect, look: Look) -> dict[str, Any]:
    where = box.grown(look.overrun) if part["bleeds"] else box
    lengths = {key: part[key] * look.unit for key in ("stroke", "radius")}
    return {**part, **lengths, "box": asdict(where)}


def _clock(seconds: int) -> str:
    return f"{seconds // 60}:{seconds % 60:02d}"
