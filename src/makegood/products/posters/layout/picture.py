"""The photo in its shape: an SVG in millimetres that crops around the focus and clips to the outline."""

from __future__ import annotations

from dataclasses import dataclass

from makegood.products.posters.layout.design import Rect
from makegood.products.posters.layout.svg import number
from makegood.products.posters.options import Shape

HEART = "M50 92C20 70 0 50 0 27C0 11 12 0 27 0C37 0 46 5 50 14C54 5 63 0 73 0C88 0 100 11 100 27C100 50 80 70 50 92Z"
FOCUS_HEIGHT = 0.44
"""The share of a frame's height where the focus comes to lie: a face sits well slightly above the middle."""
AIR = 1.0
"""Millimetres around the drawing, so that a line at its edge is not cut."""
_HEART_W, _HEART_H = 100.0, 92.0


@dataclass(frozen=True, slots=True)
class Placed:
    """Where the whole image lies relative to its frame's top left corner, in mm; it covers the frame."""

    x: float
    y: float
    w: float
    h: float


def frame_within(slot: Rect, shape: Shape) -> Rect:
    """The largest frame of this shape in the middle of a slot."""
    if shape == "circle":
        side = min(slot.w, slot.h)
        return slot.inner(side, side)
    if shape == "heart":
        width = min(slot.w, slot.h * _HEART_W / _HEART_H)
        return slot.inner(width, width * _HEART_H / _HEART_W)
    if shape == "arch":
        return slot.inner(min(slot.w, slot.h * 0.86), slot.h)
    return slot


def covering(frame_w: float, frame_h: float, pixels: tuple[int, int], focus: tuple[float, float]) -> Placed:
    """The image scaled to just cover the frame, its focus as near as the edges allow to the middle across and to
    `FOCUS_HEIGHT` down."""
    aspect = pixels[0] / pixels[1]
    width = max(frame_w, frame_h * aspect)
    height = width / aspect
    x = min(0.0, max(frame_w - width, frame_w / 2 - focus[0] * width))
    y = min(0.0, max(frame_h - height, frame_h * FOCUS_HEIGHT - focus[1] * height))
    return Placed(x, y, width, height)


def draw(frame: Rect, shape: Shape, placed: Placed, *, href: str, unit: float, outline: float, colour: str) -> str:
    """The picture as SVG. Its view is the frame grown by `AIR` + `outline` mm on each side; with `outline` above
    zero a thin line in `colour` follows the shape at that distance (a heart goes without: its line would pinch)."""
    o = outline + AIR
    view = f'viewBox="{number(-o)} {number(-o)} {number(frame.w + 2 * o)} {number(frame.h + 2 * o)}"'
    whole = Rect(0, 0, frame.w, frame.h)
    clip = _path(whole, shape, 3 * unit)
    thin = max(0.14 * unit, 0.2)
    inset = outline - thin / 2
    line = ""
    if outline > 0 and shape != "heart":
        d = _path(whole.grown(inset), shape, 3 * unit + inset)
        line = f'<path d="{d}" fill="none" stroke="{colour}" stroke-width="{number(thin)}"/>'
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" {view}>'
        f'<defs><clipPath id="c"><path d="{clip}"/></clipPath></defs>{line}<g clip-path="url(#c)">'
        f'<image href="{href}" x="{number(placed.x)}" y="{number(placed.y)}" '
        f'width="{number(placed.w)}" height="{number(placed.h)}" preserveAspectRatio="none"/></g></svg>'
    )


def _path(box: Rect, shape: Shape, corner: float) -> str:
    match shape:
        case "heart":
            return _heart(box)
        case "circle":
            return _rounded(box, box.w / 2, box.w / 2)
        case "arch":
            return _rounded(box, box.w / 2, 0)
        case "rounded":
            return _rounded(box, corner, corner)
        case "rect":
            return _rounded(box, 0, 0)


def _rounded(box: Rect, top: float, bottom: float) -> str:
    """A rectangle with corners of these radii above and below."""
    x, y, w, h = box.x, box.y, box.w, box.h
    top, bottom = min(top, w / 2, h), min(bottom, w / 2, h / 2)
    d = f"M{number(x)} {number(y + top)}"
    if top:
        d += f"{_quarter(top, top, -top)}H{number(x + w - top)}{_quarter(top, top, top)}"
    else:
        d += f"H{number(x + w)}"
    d += f"V{number(y + h - bottom)}"
    if bottom:
        d += f"{_quarter(bottom, -bottom, bottom)}H{number(x + bottom)}{_quarter(bottom, -bottom, -bottom)}"
    else:
        d += f"H{number(x)}"
    return d + "Z"


def _quarter(radius: float, right: float, down: float) -> str:
    """A quarter of a circle, clockwise, ending so far to the right and down."""
    return f"a{number(radius)} {number(radius)} 0 0 1 {number(right)} {number(down)}"


def _heart(box: Rect) -> str:
    pieces, across = [], True
    for token in HEART.replace("M", " M ").replace("C", " C ").replace("Z", " Z").split():
        if token in ("M", "C", "Z"):
            pieces.append(token)
            continue
        share = float(token)
        pieces.append(number(box.x + share / _HEART_W * box.w if across else box.y + share / _HEART_H * box.h))
        across = not across
    return " ".join(pieces)
