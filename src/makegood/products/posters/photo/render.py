"""The rendition of a photo that goes into the print."""

from __future__ import annotations

from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

from PIL import Image

from makegood.products.posters.photo.decode import open_photo, render
from makegood.products.posters.photo.framing import crop_box

PRINT_QUALITY = 93


@dataclass(frozen=True, slots=True)
class PrintFacts:
    """A print rendition: its size in pixels, the frame of the upright photo that it shows (x0, y0, x1, y1 in that
    photo's pixels), and how many bytes it has."""

    width: int
    height: int
    frame: tuple[int, int, int, int]
    size: int


def print_photo(
    source: Path,
    target: Path,
    *,
    max_width_px: int,
    max_height_px: int,
    aspect: float | None = None,
    focus: tuple[float, float] = (0.5, 0.45),
    frame: tuple[int, int, int, int] | None = None,
) -> PrintFacts:
    """Writes the photo at `source` to `target` as a baseline sRGB JPEG without any metadata.

    It is upright, cropped to `aspect` (width / height; None keeps all of it) around the focus point (fractions of
    the upright photo), or to `frame` (x0, y0, x1, y1 in its pixels) if that is given, and scaled down into the
    given number of pixels, never up. The same photo and arguments give the same bytes. Raises as `inspect_photo`
    does for a file that is no acceptable photo.
    """
    if max_width_px < 1 or max_height_px < 1:
        raise ValueError(f"a print of {max_width_px} × {max_height_px} pixels")
    with open_photo(source, source.name) as photo:
        if frame is None:
            whole = (0, 0, photo.width, photo.height)
            frame = whole if aspect is None else crop_box(photo.width, photo.height, aspect, focus)
        size = fitted(frame[2] - frame[0], frame[3] - frame[1], max_width_px, max_height_px)
        image = render(photo, frame, size).image
    data = jpeg(image, quality=PRINT_QUALITY, full_colour=True)
    target.write_bytes(data)
    return PrintFacts(width=size[0], height=size[1], frame=frame, size=len(data))


def fitted(width: int, height: int, max_width: int, max_height: int) -> tuple[int, int]:
    """The size of a picture of `width` × `height` when it is shrunk, but never grown, into the given space."""
    scale = min(1.0, max_width / width, max_height / height)
    return max(1, min(round(width * scale), max_width)), max(1, min(round(height * scale), max_height))


def jpeg(image: Image.Image, *, quality: int, full_colour: bool) -> bytes:
    """An RGB picture as a baseline JPEG; `full_colour` keeps each pixel's colour (4:4:4), else 4:2:0."""
    file = BytesIO()
    image.save(file, "JPEG", quality=quality, subsampling="4:4:4" if full_colour else "4:2:0", progressive=False)
    return file.getvalue()
