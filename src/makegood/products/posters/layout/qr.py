"""The QR code: error correction H, vector, with its quiet zone, dark on light whatever the page's colours."""

from __future__ import annotations

from dataclasses import dataclass

import segno

from makegood.products.posters.layout.colour import contrast, luminance
from makegood.products.posters.layout.errors import LinkTooLong

QUIET = 4
"""Modules of empty border that the standard asks for."""
LEAST_MODULE_MM = 0.45
LEAST_CONTRAST = 7.0


@dataclass(frozen=True, slots=True)
class Code:
    """A code ready to be placed: its drawing, its side in modules with the quiet zone, and whether it brings its
    own light panel."""

    svg: str
    modules: int
    panel: bool


def draw(url: str, side_mm: float, ink: str, background: str, *, panel: bool) -> Code:
    """The code that leads to `url`, to be printed at `side_mm` including its quiet zone.

    It is drawn straight on the page where the page is light and its ink dark enough, else on a white panel.
    `LinkTooLong` when a single module would come out smaller than scanners like.
    """
    symbol = segno.make(url, error="h", micro=False, boost_error=False)
    rows = [list(row) for row in symbol.matrix]
    modules = len(rows) + 2 * QUIET
    if side_mm / modules < LEAST_MODULE_MM:
        raise LinkTooLong(length=len(url), module_mm=side_mm / modules)
    panel = panel or luminance(background) < 0.55
    light = "#ffffff" if panel else background
    dark = ink if luminance(ink) < luminance(light) and contrast(ink, light) >= LEAST_CONTRAST else "#16161a"
    d = "".join(_runs(rows))
    corner = f' rx="{QUIET * 0.55}"' if panel else ""
    back = f'<rect width="{modules}" height="{modules}"{corner} fill="{light}"/>' if panel else ""
    svg = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {modules} {modules}" shape-rendering="crispEdges">'
        f'{back}<path d="{d}" fill="{dark}"/></svg>'
    )
    return Code(svg, modules, panel)


def _runs(rows: list[list[int]]) -> list[str]:
    """One rectangle for each unbroken run of dark modules in a row: no hairlines between neighbours."""
    pieces = []
    for y, row in enumerate(rows):
        start = 0
        while start < len(row):
            if not row[start]:
                start += 1
                continue
            end = start
            while end < len(row) and row[end]:
                end += 1
            pieces.append(f"M{start + QUIET} {y + QUIET}h{end - start}v1h{start - end}z")
            start = end
    return pieces
