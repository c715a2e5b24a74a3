"""Opens a photo safely and yields its pixels upright, in sRGB, cropped and scaled."""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np
import pillow_heif
from PIL import Image

from makegood.kernel.errors import MakegoodError
from makegood.products.posters.photo.colour import Profile, profile_for
from makegood.products.posters.photo.errors import PhotoDamaged, PhotoTooManyPixels, PhotoUnreadable
from makegood.products.posters.photo.headers import (
    DNG_VERSION,
    SUBFILE_TYPE,
    HeaderError,
    checked_tags,
    exif_orientation,
    webp_size,
)
from makegood.products.posters.photo.orientation import Box, stored_box, swaps_sides, upright
from makegood.products.posters.photo.sniff import HEIC, JPEG, TIFF, WEBP, Kind, sniff

MAX_PIXELS = 100_000_000

_ALPHA_MODES = {"LA", "RGBA", "PA", "La", "RGBa"}
_SCALABLE_MODES = {mode: mode for mode in ("L", "LA", "RGB", "RGBA", "CMYK", "LAB")} | {
    "1": "L",
    "P": "RGB",
    "PA": "RGBA",
    "La": "LA",
    "RGBa": "RGBA",
}
_MODES_WITH_KEY = {"1": "LA", "L": "LA", "P": "RGBA", "RGB": "RGBA"}
"""Where one colour of a picture stands for transparency."""
_SCIENTIFIC_MODES = {"I", "F"}


@dataclass(slots=True)
class OpenPhoto:
    """A photo whose header has been read and found acceptable. Sizes are as shown, not as stored."""

    image: Image.Image
    kind: Kind
    file_name: str
    orientation: int
    width: int
    height: int
    has_alpha: bool
    animated: bool


@dataclass(frozen=True, slots=True)
class Rendition:
    """Pixels of a photo: mode RGB, sRGB, upright, free of metadata. `see_through` says that transparent parts
    were laid on white."""

    image: Image.Image
    profile: Profile
    see_through: bool


@contextmanager
def open_photo(path: Path, file_name: str) -> Iterator[OpenPhoto]:
    """Opens the photo at `path` without decoding it.

    Raises `PhotoUnreadable`, `PhotoDamaged` or `PhotoTooManyPixels`; the last before any pixel is decoded.
    """
    kind = sniff(path, file_name)
    _check_tags(path, kind, file_name)
    if kind is WEBP:
        with _decoding(kind, file_name):
            # Its decoder allocates the whole canvas on opening.
            _check_size(*webp_size(path), file_name)
    with path.open("rb") as file, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with _decoding(kind, file_name):
            image = _opened(file, kind)
        with image:
            _check_size(*image.size, file_name)
            if image.mode in _SCIENTIFIC_MODES:
                raise PhotoUnreadable(what="a scientific picture with 32-bit values", file_name=file_name)
            with _decoding(kind, file_name):
                orientation = _orientation(image, kind)
                animated = kind is not HEIC and image.format != "MPO" and bool(getattr(image, "is_animated", False))
            width, height = image.size[::-1] if swaps_sides(orientation) else image.size
            has_alpha = image.mode in _ALPHA_MODES or "transparency" in image.info
            yield OpenPhoto(image, kind, file_name, orientation, width, height, has_alpha, animated)


def render(photo: OpenPhoto, box: Box, size: tuple[int, int]) -> Rendition:
    """The part `box` of a photo, in pixels as shown, at `size`; never sharper than the original.

    The photo's pixels can be read once only. Raises `PhotoDamaged` when they end early.
    """
    shown = (photo.width, photo.height)
    part = stored_box(box, shown, photo.orientation)
    stored_size = size[::-1] if swaps_sides(photo.orientation) else size
    with _decoding(photo.kind, photo.file_name):
        image, part = _decoded(photo.image, part, stored_size)
        image = image.resize(stored_size, Image.Resampling.LANCZOS, box=part, reducing_gap=3.0)
        image, see_through = _on_white(image)
        profile = profile_for(image.mode, photo.image.info.get("icc_profile"), embedded=_has_profile(photo.image))
        image = upright(profile.to_srgb(image), photo.orientation)
    image.info = {}
    return Rendition(image, profile, see_through)


def _opened(file: BinaryIO, kind: Kind) -> Image.Image:
    if kind is not HEIC:
        return Image.open(file, formats=(kind.decoder,))
    image: Image.Image = pillow_heif.HeifImageFile(file)  # type: ignore[no-untyped-call]
    return image


def _has_profile(image: Image.Image) -> bool:
    return "icc_profile" in image.info


def _decoded(image: Image.Image, part: Box, size: tuple[int, int]) -> tuple[Image.Image, Box]:
    """The decoded picture in a mode that can be scaled, and where `part` lies in it: a JPEG is decoded at a
    fraction of its size where that leaves enough pixels."""
    full = image.size
    wanted = size[0] * full[0] / (part[2] - part[0]), size[1] * full[1] / (part[3] - part[1])
    drafted = image.draft(None, (max(1, int(wanted[0])), max(1, int(wanted[1]))))
    if drafted is not None:
        across, down = drafted[1][2] / full[0], drafted[1][3] / full[1]
        part = (part[0] * across, part[1] * down, part[2] * across, part[3] * down)
    image.load()
    part = (part[0], part[1], min(part[2], image.size[0]), min(part[3], image.size[1]))
    return _scalable(image), part


def _scalable(image: Image.Image) -> Image.Image:
    """The picture in a mode of 8 bits a channel whose values are amounts, not numbers of colours."""
    if image.mode.startswith("I;16"):
        # The imaging library would clip here instead of scaling.
        return Image.fromarray((np.asarray(image) >> 8).astype(np.uint8))
    mode = _MODES_WITH_KEY.get(image.mode) if "transparency" in image.info else None
    mode = mode or _SCALABLE_MODES.get(image.mode, "RGB")
    return image if image.mode == mode else image.convert(mode)


def _on_white(image: Image.Image) -> tuple[Image.Image, bool]:
    """The picture without alpha, laid on white, and whether anything shone through."""
    if image.mode not in {"LA", "RGBA"}:
        return image, False
    alpha = image.getchannel("A")
    see_through = alpha.getextrema() != (255, 255)
    opaque = image.convert(image.mode[:-1])
    if not see_through:
        return opaque, False
    white = Image.new(opaque.mode, opaque.size, "white")
    white.paste(opaque, mask=alpha)
    return white, True


def _orientation(image: Image.Image, kind: Kind) -> int:
    if kind in (TIFF, HEIC):
        # Their decoders have already turned it: a HEIC as its container and not its EXIF block says.
        return 1
    exif = image.info.get("exif")
    return exif_orientation(exif) if isinstance(exif, bytes) else 1


def _check_tags(path: Path, kind: Kind, file_name: str) -> None:
    if kind not in (TIFF, JPEG):
        return
    try:
        tags = checked_tags(path, jpeg=kind is JPEG)
    except HeaderError as error:
        raise PhotoDamaged(format=kind.name, file_name=file_name, reason=f"its header: {error}") from error
    if kind is TIFF and (DNG_VERSION in tags or tags.get(SUBFILE_TYPE, 0) & 1 == 1):
        # Its first picture is only a thumbnail; nobody should pay for a print of that.
        raise PhotoUnreadable(what="a camera raw file", file_name=file_name)


def _check_size(width: int, height: int, file_name: str) -> None:
    if width * height > MAX_PIXELS:
        raise _too_many(f"{width} × {height} pixels", file_name)


def _too_many(announced: str, file_name: str) -> PhotoTooManyPixels:
    return PhotoTooManyPixels(announced=announced, limit_megapixels=MAX_PIXELS // 1_000_000, file_name=file_name)


@contextmanager
def _decoding(kind: Kind, file_name: str) -> Iterator[None]:
    """Turns whatever a decoder raises on bad data into `PhotoDamaged`; faults of the machine pass unchanged."""
    try:
        yield
    except (MakegoodError, MemoryError):
        raise
    except Image.DecompressionBombError as error:
        found = re.search(r"\d+", str(error))
        raise _too_many(f"{found.group() if found else 'too many'} pixels", file_name) from error
    except Exception as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise
        raise PhotoDamaged(format=kind.name, file_name=file_name, reason=str(error) or type(error).__name__) from error
