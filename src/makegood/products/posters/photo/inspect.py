"""Looks into an uploaded photo."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from makegood.products.posters.photo.decode import OpenPhoto, Rendition, open_photo, render
from makegood.products.posters.photo.errors import PhotoTooSmall
from makegood.products.posters.photo.faces import Face, find_faces
from makegood.products.posters.photo.focus import focus_point
from makegood.products.posters.photo.palette import palette_of
from makegood.products.posters.photo.render import fitted, jpeg

MIN_SHORT_SIDE = 200
PROXY_LONG_SIDE = 1400
PROXY_QUALITY = 85


@dataclass(frozen=True, slots=True)
class PhotoFacts:
    """What a photo is. Sizes are in pixels and, like all positions (fractions from the left and the top), of the
    photo as shown, upright. `proxy` is a small sRGB JPEG of all of it, without metadata."""

    media_type: str
    format: str
    width: int
    height: int
    colour_profile: str
    has_alpha: bool
    animated: bool
    focus_x: float
    focus_y: float
    faces: tuple[Face, ...]
    palette: tuple[str, ...]
    accent: str
    proxy_width: int
    proxy_height: int
    warnings: tuple[str, ...]
    proxy: bytes = field(repr=False)

    def as_facts(self) -> dict[str, Any]:
        """All but the proxy's bytes and the warnings, as JSON."""
        facts = asdict(self)
        del facts["proxy"], facts["warnings"]
        facts["faces"] = [{name: round(value, 4) for name, value in face.items()} for face in facts["faces"]]
        facts["palette"] = list(facts["palette"])
        return facts


def inspect_photo(path: Path, file_name: str) -> PhotoFacts:
    """Opens, judges and measures the photo at `path`; `file_name` is only for messages.

    Raises `PhotoUnreadable`, `PhotoDamaged`, `PhotoTooManyPixels` (before decoding), `PhotoTooSmall`, or
    `DetectorMissing` when the shop lacks its face detector.
    """
    with open_photo(path, file_name) as photo:
        if min(photo.width, photo.height) < MIN_SHORT_SIDE:
            raise PhotoTooSmall(width=photo.width, height=photo.height, minimum=MIN_SHORT_SIDE, file_name=file_name)
        size = fitted(photo.width, photo.height, PROXY_LONG_SIDE, PROXY_LONG_SIDE)
        rendition = render(photo, (0, 0, photo.width, photo.height), size)
    pixels = np.asarray(rendition.image)
    faces = find_faces(pixels)
    focus_x, focus_y = focus_point(pixels, faces)
    palette = palette_of(pixels)
    return PhotoFacts(
        media_type=photo.kind.media_type,
        format=photo.kind.name,
        width=photo.width,
        height=photo.height,
        colour_profile=rendition.profile.name,
        has_alpha=photo.has_alpha,
        animated=photo.animated,
        focus_x=round(focus_x, 4),
        focus_y=round(focus_y, 4),
        faces=faces,
        palette=palette.colours,
        accent=palette.accent,
        proxy_width=size[0],
        proxy_height=size[1],
        warnings=tuple(_warnings(photo, rendition)),
        proxy=jpeg(rendition.image, quality=PROXY_QUALITY, full_colour=False),
    )


def _warnings(photo: OpenPhoto, rendition: Rendition) -> list[str]:
    found = []
    if photo.animated:
        found.append("This picture has several frames or pages; the first one is printed.")
    if rendition.see_through:
        found.append("Parts of this picture are transparent; they will be white on the poster.")
    if rendition.profile.problem:
        found.append("The colour profile of this picture could not be used; its colours may print slightly different.")
    return found
