"""What one poster is made from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from makegood.products.posters.options import PosterOptions


@dataclass(frozen=True, slots=True)
class PosterJob:
    """Everything that decides how a poster comes out; the same job gives the same bytes.

    `wave` is the clip's loudness 0..1 in equal steps. `photo` is an upright sRGB JPEG of `photo_px` pixels (width,
    height), whole or already cropped to `photo_frame`. `focus` is the automatic focus in the photo, 0..1 from the
    left and the top; what the customer chose goes before it. `palette` is the photo's colours as `#rrggbb`, used
    for the accent "photo". `seconds` is the clip's length. `dated` goes into the PDF's metadata: give the order's
    time, never the clock's.
    """

    options: PosterOptions
    wave: Sequence[float]
    photo: Path
    photo_px: tuple[int, int]
    url: str
    seconds: float
    palette: tuple[str, ...] = ()
    focus: tuple[float, float] = (0.5, 0.5)
    dated: datetime | None = None

    @property
    def focal_point(self) -> tuple[float, float]:
        """The focus that counts."""
        x, y = self.options.focus_x, self.options.focus_y
        return (self.focus[0] if x is None else x, self.focus[1] if y is None else y)
