"""Templates as data: what the folder `designs/` holds is what is on sale.

Lengths in a template are hundredths of the page's short side ("u"), so one template serves every page; a string
such as "48%" is a share of the page's width or height. A box is placed by its distances from the page's edges.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from makegood.products.posters.layout.errors import TemplateBroken, TemplateMissing, TemplateUnknown
from makegood.products.posters.options import Orientation, Shape, WaveStyle

DESIGNS = Path(__file__).resolve().parent.parent / "designs"
BUILT_IN = ("framed", "full-page", "circular", "heart", "arch", "minimal", "plaque", "gift-card")
MEND = "Reinstall makegood, or put the file back into products/posters/designs."

Length = float | str
Stamp = tuple[Path, int, int]
"""A file with its time of change and its size: what was read from it holds for as long as they stay."""


class _Data(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


@dataclass(frozen=True, slots=True)
class Rect:
    """A place on the trimmed page, from its top left corner, in millimetres."""

    x: float
    y: float
    w: float
    h: float

    def grown(self, by: float) -> Rect:
        """The same place, larger by `by` on each side."""
        return Rect(self.x - by, self.y - by, self.w + 2 * by, self.h + 2 * by)

    def inner(self, width: float, height: float) -> Rect:
        """A place of the given size in the middle of this one."""
        return Rect(self.x + (self.w - width) / 2, self.y + (self.h - height) / 2, width, height)


class Box(_Data):
    """Where something goes. Across, two of left, right, width (width alone is centred); down, likewise."""

    left: Length | None = None
    right: Length | None = None
    width: Length | None = None
    top: Length | None = None
    bottom: Length | None = None
    height: Length | None = None

    def on(self, page_w: float, page_h: float) -> Rect:
        """The box on a page of this size in millimetres."""
        unit = min(page_w, page_h) / 100
        x, w = _span(self.left, self.right, self.width, page_w, unit)
        y, h = _span(self.top, self.bottom, self.height, page_h, unit)
        return Rect(x, y, w, h)


def _span(
    near: Length | None, far: Length | None, size: Length | None, whole: float, unit: float
) -> tuple[float, float]:
    """Start and extent in mm of a box in one direction."""

    def mm(length: Length) -> float:
        return float(length[:-1]) / 100 * whole if isinstance(length, str) else length * unit

    if size is None:
        start = 0.0 if near is None else mm(near)
        return start, whole - start - (0.0 if far is None else mm(far))
    extent = mm(size)
    if near is not None:
        return mm(near), extent
    if far is not None:
        return whole - mm(far) - extent, extent
    return (whole - extent) / 2, extent


class Photo(_Data):
    """The photo's place. `bleeds` lets it run over the page's edge; `outline` is the distance of a thin line
    around it (0 for none)."""

    box: Box
    bleeds: bool = False
    outline: float = 0
    ring: float = Field(default=0.68, gt=0.3, lt=0.95)
    """The photo's share of the diameter where the wave runs round it."""


class Words(_Data):
    """Texts set one under the other in a box; what the customer left empty takes no room."""

    box: Box
    align: Literal["start", "center", "end"] = "center"
    valign: Literal["top", "horizon", "bottom"] = "horizon"
    gap: float = 3
    items: tuple[Item, ...]


class Item(_Data):
    """How one text is set. `size` is its type size; `room` the height it may take (0: what is left)."""

    text: Literal["title", "caption", "date"]
    size: float
    floor: float = Field(default=0.55, gt=0.2, le=1)
    """The smallest share of `size` before the text counts as too long."""
    room: float = 0
    face: Literal["title", "body", "label"] = "body"
    italic: bool = False
    weight: int = 400
    tracking: float = 0
    upper: bool = False
    leading: float = 0.75
    colour: str = "ink"


class Code(_Data):
    """The QR code's place: the box says where, the side is its own."""

    box: Box
    side: float = Field(default=12, ge=11)
    panel: bool = False
    """Always on a light panel, because what lies beneath is not the page's own colour."""
    label: Literal["below", "before", "after", "none"] = "below"


class Decor(_Data):
    """A line, area or ornament."""

    kind: Literal["outline", "rule", "area", "fade", "player", "ornament"]
    box: Box
    colour: str = "accent"
    stroke: float = 0.12
    radius: float = 0
    opacity: float = Field(default=1, ge=0, le=1)
    bleeds: bool = False
    over: bool = False
    """Above the photo rather than beneath it."""
    solid: float = 0.5
    """For a fade: the share of its height, from the bottom, that is fully opaque."""


class Layout(_Data):
    """One arrangement. A template has one for each orientation, and one more for each where the wave may be a ring
    round the photo instead of a band."""

    photo: Photo
    wave: Box | None = None
    words: tuple[Words, ...]
    code: Code
    decor: tuple[Decor, ...] = ()


class Template(_Data):
    """One template as its file describes it."""

    id: str
    order: int
    name: str
    description: str
    font: str
    background: str
    accent: str
    shape: Shape
    wave: WaveStyle
    shapes: tuple[Shape, ...]
    waves: tuple[WaveStyle, ...]
    ring: bool = False
    """The wave always runs round the photo, whatever its style."""
    portrait: Layout
    landscape: Layout
    portrait_ring: Layout | None = None
    landscape_ring: Layout | None = None

    def layout(self, orientation: Orientation, wave: WaveStyle) -> Layout:
        """The arrangement for an orientation and a wave that this template offers."""
        around = self.portrait_ring if orientation == "portrait" else self.landscape_ring
        if wave == "circular" and around is not None:
            return around
        return self.portrait if orientation == "portrait" else self.landscape


def templates(folder: Path = DESIGNS) -> dict[str, Template]:
    """Every template that is in the folder now, by id, in the order to show them. `TemplateBroken` names a file that
    is wrong."""
    return _templates(tuple(stamp(path) for path in sorted(folder.glob("*.toml"))))


def template(template_id: str, folder: Path = DESIGNS) -> Template:
    """One template, or `TemplateMissing`, which names the file that should be there."""
    found = templates(folder).get(template_id)
    if found is None:
        raise TemplateMissing(file=f"{template_id}.toml", mend=MEND)
    return found


def require_known(template_id: str, folder: Path = DESIGNS) -> None:
    """Raise `TemplateUnknown` where the customer names what never was there. A built-in one that the disk lacks is no
    mistake of the customer's: `template` says so."""
    known = (*BUILT_IN, *templates(folder))
    if template_id not in known:
        raise TemplateUnknown(template=template_id, known=", ".join(dict.fromkeys(known)))


def table(name: str, folder: Path = DESIGNS) -> dict[str, Any]:
    """A table that the templates share: `fonts`, `papers` or `phrases`."""
    path = folder / "shared" / f"{name}.toml"
    if not path.is_file():
        raise TemplateMissing(file=path.name, mend=MEND)
    return _table(stamp(path))


def stamp(path: Path) -> Stamp:
    """The file as it is now."""
    found = path.stat()
    return path, found.st_mtime_ns, found.st_size


@lru_cache(maxsize=4)
def _templates(stamps: tuple[Stamp, ...]) -> dict[str, Template]:
    found = [_read(path) for path, _, _ in stamps]
    return {each.id: each for each in sorted(found, key=lambda each: (each.order, each.id))}


@lru_cache(maxsize=16)
def _table(stamp: Stamp) -> dict[str, Any]:
    return tomllib.loads(stamp[0].read_text(encoding="utf-8"))


def _read(path: Path) -> Template:
    try:
        return Template.model_validate({"id": path.stem, **tomllib.loads(path.read_text(encoding="utf-8"))})
    except (tomllib.TOMLDecodeError, ValidationError) as problem:
        raise TemplateBroken(file=path.name, problem=str(problem)) from problem
