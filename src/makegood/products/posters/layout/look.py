"""The customer's choices, completed by the template's defaults and checked against what it offers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from makegood.products.posters.layout import colour, fonts
from makegood.products.posters.layout.design import Layout, Rect, Template, table, template, templates
from makegood.products.posters.layout.errors import ColoursTooClose, OptionNotForTemplate
from makegood.products.posters.layout.picture import covering, frame_within
from makegood.products.posters.options import ORIENTATIONS, PAGES, PosterOptions, Shape, WaveStyle

BLEED_SLUG = 10.0
"""Millimetres around the trimmed page when there is a bleed: room for crop marks."""
DARK_INK, LIGHT_INK = "#26252d", "#f6f1e8"
LEAST_ACCENT, DEFAULT_ACCENT = 1.25, 2.2
"""Contrast with the page: below the first a chosen accent is refused; a template's own is moved to the second."""


@dataclass(frozen=True, slots=True)
class Look:
    """Every open choice decided: what the poster will look like but for its content."""

    template: Template
    layout: Layout
    shape: Shape
    wave: WaveStyle
    pair: fonts.Pair
    paper: str
    ink: str
    accent: str
    page: tuple[float, float]
    """Width and height of the trimmed page, mm."""
    bleed: float

    @property
    def unit(self) -> float:
        """A hundredth of the page's short side, mm."""
        return min(self.page) / 100

    @property
    def round(self) -> bool:
        """Whether the wave runs round the photo."""
        return self.template.ring or self.wave == "circular"

    @property
    def slug(self) -> float:
        """From the sheet's edge to the trimmed page's, mm."""
        return BLEED_SLUG if self.bleed else 0.0

    @property
    def overrun(self) -> float:
        """How far what bleeds runs over the trimmed page's edge, mm. Even without a bleed it is a little, so that
        no hairline of paper is left by rounding."""
        return max(self.bleed, 1.0)

    @property
    def photo_slot(self) -> Rect:
        """The place for the photo with its ring or line, before its shape is cut."""
        slot = self.layout.photo.box.on(*self.page)
        return slot.grown(self.overrun) if self.layout.photo.bleeds else slot

    @property
    def photo_rect(self) -> Rect:
        """The photo's bounding rectangle on the page."""
        slot = self.photo_slot
        if self.round:
            side = min(slot.w, slot.h) * self.layout.photo.ring
            return slot.inner(side, side)
        return frame_within(slot.grown(-self.layout.photo.outline * self.unit), self.shape)


def resolve(options: PosterOptions, palette: tuple[str, ...] = ()) -> Look:
    """Decide every open choice. `OptionNotForTemplate` and `ColoursTooClose` say what does not go together,
    `TemplateMissing` and `FontMissing` what the disk lacks."""
    chosen = template(options.template)
    wave = options.wave or chosen.wave
    _offered(chosen, "wave", wave, chosen.waves)
    around = chosen.ring or wave == "circular"
    shapes: tuple[str, ...] = ("circle",) if around else chosen.shapes
    shape: Shape = options.shape or ("circle" if around else chosen.shape)
    _offered(chosen, "shape", shape, shapes)
    pair_id = options.font or chosen.font
    _offered(chosen, "font", pair_id, tuple(fonts.pairs()))
    papers = table("papers")["papers"]
    background = options.background or chosen.background
    if not background.startswith("#"):
        _offered(chosen, "background", background, tuple(papers))
        background = papers[background]["colour"]
    ink = max(DARK_INK, LIGHT_INK, key=lambda each: colour.contrast(each, background))
    pair = fonts.pairs()[pair_id]
    fonts.require(pair.families)
    return Look(
        template=chosen,
        layout=chosen.layout(options.orientation, wave),
        shape=shape,
        wave=wave,
        pair=pair,
        paper=background,
        ink=ink,
        accent=_accent(options, chosen, palette, background, ink),
        page=options.page_mm,
        bleed=float(options.bleed),
    )


def photo_frame(options: PosterOptions) -> tuple[float, float, Shape]:
    """Width and height in mm of the rectangle that the photo fills (its bleed included), and the shape it is then
    clipped to: what to crop the photo for."""
    look = resolve(options.model_copy(update={"accent": None}))
    return look.photo_rect.w, look.photo_rect.h, look.shape


def photo_crop(
    options: PosterOptions, pixels: tuple[int, int], focus: tuple[float, float]
) -> tuple[int, int, int, int]:
    """The part of a photo of `pixels` (width, height) that this poster shows, as left, top, right, bottom in whole
    pixels. A photo cropped to it and printed lies exactly as the whole photo would."""
    look = resolve(options.model_copy(update={"accent": None}))
    frame = look.photo_rect
    placed = covering(frame.w, frame.h, pixels, focus)
    scale = pixels[0] / placed.w
    left, top = round(-placed.x * scale), round(-placed.y * scale)
    right, bottom = round((frame.w - placed.x) * scale), round((frame.h - placed.y) * scale)
    return left, top, min(right, pixels[0]), min(bottom, pixels[1])


def offer() -> dict[str, Any]:
    """What can be chosen, as data for a form: per template its own defaults, shapes, waves; and what all share."""
    return {
        "templates": [
            {
                "id": each.id,
                "name": each.name,
                "description": each.description,
                "defaults": {key: getattr(each, key) for key in ("shape", "wave", "accent", "background", "font")},
                "shapes": list(each.shapes),
                "waves": list(each.waves),
            }
            for each in templates().values()
        ],
        "pages": list(PAGES),
        "orientations": list(ORIENTATIONS),
        "fonts": [
            {"id": each.id, "name": each.name, "title": each.title, "body": each.body}
            for each in fonts.pairs().values()
        ],
        "papers": [{"id": key, **row} for key, row in table("papers")["papers"].items()],
        "bleeds": [0, 3],
    }


def _offered(chosen: Template, option: str, value: str, offered: tuple[str, ...]) -> None:
    if value not in offered:
        raise OptionNotForTemplate(option=option, value=value, template=chosen.id, offered=", ".join(offered))


def _accent(options: PosterOptions, chosen: Template, palette: tuple[str, ...], background: str, ink: str) -> str:
    if options.accent == "photo":
        if not palette:
            raise ValueError("the accent comes from the photo, and its palette was not given")
        return colour.visible(palette, background, ink)
    if options.accent is None:
        return colour.moved(chosen.accent, background, ink, DEFAULT_ACCENT)
    if colour.contrast(options.accent, background) < LEAST_ACCENT:
        raise ColoursTooClose(accent=options.accent, background=background)
    return options.accent
