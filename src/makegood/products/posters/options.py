"""What a customer chooses for a poster. Every field has a good default: a photo and a recording are enough."""

from __future__ import annotations

import re
import unicodedata
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from makegood.product_api import OFFERED

Page = Literal["A4", "A3", "Letter", "18x24in", "24x36in"]
Orientation = Literal["portrait", "landscape"]
Shape = Literal["rect", "rounded", "arch", "circle", "heart"]
WaveStyle = Literal["bars", "mirrored", "line", "filled", "circular", "gradient"]

PAGES: tuple[Page, ...] = ("A4", "A3", "Letter", "18x24in", "24x36in")
ORIENTATIONS: tuple[Orientation, ...] = ("portrait", "landscape")
SHAPES: tuple[Shape, ...] = ("rect", "rounded", "arch", "circle", "heart")
WAVES: tuple[WaveStyle, ...] = ("bars", "mirrored", "line", "filled", "circular", "gradient")

PAGE_MM: dict[Page, tuple[float, float]] = {
    "A4": (210.0, 297.0),
    "A3": (297.0, 420.0),
    "Letter": (215.9, 279.4),
    "18x24in": (457.2, 609.6),
    "24x36in": (609.6, 914.4),
}
"""Width and height of the trimmed page in portrait, in millimetres."""

_COLOUR = re.compile(r"#[0-9a-fA-F]{6}")
_NAME = re.compile(r"[a-z][a-z0-9-]{0,39}")
_LANGUAGE = re.compile(r"[a-z]{2,3}(-[A-Za-z0-9]{2,8})?")


def _printable(text: str, *, breaks: bool) -> str:
    """The text in NFC with tidy ends. Control characters are refused because they print as nothing or as a box;
    marks that steer direction and joining are text and stay."""
    text = unicodedata.normalize("NFC", text.replace("\r\n", "\n")).strip()
    for character in text:
        if character == "\n" and breaks:
            continue
        if unicodedata.category(character) in {"Cc", "Cs", "Zl", "Zp"}:
            raise ValueError(f"has a control character (U+{ord(character):04X})")
    return text


def _line(text: str) -> str:
    return _printable(text, breaks=False)


def _lines(text: str) -> str:
    return _printable(text, breaks=True)


def _accent(value: str | None) -> str | None:
    if value is None or value == "photo":
        return value
    return _colour(value)


def _colour(value: str) -> str:
    if not _COLOUR.fullmatch(value):
        raise ValueError("is not a colour such as #b5651d")
    return value.lower()


def _background(value: str | None) -> str | None:
    """A colour, or the name of a paper; whether the paper exists is for the designs on disk to say."""
    if value is None or _NAME.fullmatch(value):
        return value
    return _colour(value)


def _identifier(value: str) -> str:
    if not _NAME.fullmatch(value):
        raise ValueError("is not a name of small letters, digits and hyphens")
    return value


def _language(value: str) -> str:
    if not _LANGUAGE.fullmatch(value):
        raise ValueError("is not a language code such as en or pt-BR")
    return value


Line = Annotated[str, AfterValidator(_line)]
Lines = Annotated[str, AfterValidator(_lines)]
Identifier = Annotated[str, AfterValidator(_identifier), OFFERED]


class PosterOptions(BaseModel):
    """The frozen choices of one poster.

    `None` means "as the template has it" (shape, wave, accent, background, font) or "automatic" (focus), and for
    the clip "from the beginning" and "to the end". Clip times are seconds, `focus_x` and `focus_y` are 0..1 from
    the left and the top of the photo, `bleed` is millimetres. `recipient` and `message` appear on the listening
    page only, never on the poster.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, str_max_length=4000)

    template: Identifier = "framed"
    page: Page = "A4"
    orientation: Orientation = "portrait"
    shape: Shape | None = None
    wave: WaveStyle | None = None
    accent: Annotated[str | None, AfterValidator(_accent), OFFERED] = None
    background: Annotated[str | None, AfterValidator(_background), OFFERED] = None
    font: Identifier | None = None
    title: Annotated[Line, Field(max_length=80)] = ""
    caption: Annotated[Lines, Field(max_length=320)] = ""
    date: Annotated[Line, Field(max_length=60)] = ""
    clip_start: Annotated[float, Field(ge=0, le=86400, allow_inf_nan=False)] | None = None
    clip_end: Annotated[float, Field(gt=0, le=86400, allow_inf_nan=False)] | None = None
    focus_x: Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)] | None = None
    focus_y: Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)] | None = None
    bleed: Literal[0, 3] = 0
    lang: Annotated[str, AfterValidator(_language), OFFERED] = "en"
    recipient: Annotated[Line, Field(max_length=80)] = ""
    message: Annotated[Lines, Field(max_length=1000)] = ""
    allow_download: bool = True

    @model_validator(mode="after")
    def _clip_runs_forward(self) -> PosterOptions:
        if self.clip_end is not None and self.clip_end <= (self.clip_start or 0.0):
            raise ValueError("clip_end must come after clip_start")
        return self

    @property
    def page_mm(self) -> tuple[float, float]:
        """Width and height of the trimmed page as it hangs, in millimetres."""
        width, height = PAGE_MM[self.page]
        return (width, height) if self.orientation == "portrait" else (height, width)
