"""Where a photo is cut, and how fine its print will be. Pure arithmetic."""

from __future__ import annotations

FINE_DPI = 200
"""Below this a print looks soft at arm's length."""

_FOCUS_HEIGHT = 0.44
"""Where the focus point is placed in a frame, from its top: a face sits well slightly above the middle."""

_MM_PER_INCH = 25.4


def crop_box(width: int, height: int, aspect: float, focus: tuple[float, float]) -> tuple[int, int, int, int]:
    """The largest frame of `aspect` (width / height) in a picture of `width` × `height` pixels, as x0, y0, x1, y1.

    The frame lies inside the picture, keeps the aspect to one pixel, holds the focus point (0..1 from the left and
    the top), and has it in the middle and slightly above, as far as the picture's edges allow.
    """
    if width < 1 or height < 1 or not 0 < aspect < float("inf"):
        raise ValueError(f"no frame of aspect {aspect} in {width} × {height}")
    if width < height * aspect:
        across, down = width, max(1, round(width / aspect))
    else:
        across, down = max(1, round(height * aspect)), height
    across, down = min(across, width), min(down, height)
    x0 = _placed(focus[0] * width, across, width, 0.5)
    y0 = _placed(focus[1] * height, down, height, _FOCUS_HEIGHT)
    return x0, y0, x0 + across, y0 + down


def _placed(point: float, length: int, available: int, share: float) -> int:
    """The start of a stretch of `length` within `available` that has `point` at `share` of it where it can."""
    start = round(min(max(point, 0.0), float(available)) - share * length)
    return min(max(start, 0), available - length)


def dpi(pixels: float, millimetres: float) -> float:
    """Dots per inch when this many pixels are printed over this length."""
    return pixels * _MM_PER_INCH / millimetres


def print_warning(width_px: int, height_px: int, width_mm: float, height_mm: float) -> str | None:
    """A sentence for the customer when a picture of this many pixels (after cropping) is too coarse for this size
    on paper, or None when it is fine. The coarser of the two directions decides."""
    fineness = min(dpi(width_px, width_mm), dpi(height_px, height_mm))
    if fineness >= FINE_DPI:
        return None
    scale = FINE_DPI / fineness
    return (
        f"At this size your photo prints at {int(fineness)} dots per inch and may look soft. "
        f"For a crisp print choose a smaller page, or a photo of at least "
        f"{_rounded_up(width_px * scale)} × {_rounded_up(height_px * scale)} pixels."
    )


def _rounded_up(pixels: float) -> int:
    return -(-round(pixels) // 10) * 10
