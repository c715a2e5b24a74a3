"""Colour profiles: whatever a photo was mixed in, it is printed from sRGB."""

from __future__ import annotations

from dataclasses import dataclass
from io import BytesIO

import numpy as np
from PIL import Image, ImageCms

SRGB = "sRGB"

_SPACES = {"RGB": "RGB ", "L": "GRAY", "CMYK": "CMYK", "LAB": "Lab "}
_INDISTINGUISHABLE = 1


@dataclass(frozen=True, slots=True)
class Profile:
    """The colours of a picture of one mode: the name of its space, and the way to sRGB where there is one to go.

    `problem` says why an embedded profile could not be used; the picture is then taken for sRGB.
    """

    name: str
    transform: ImageCms.ImageCmsTransform | None
    problem: str = ""

    def to_srgb(self, image: Image.Image) -> Image.Image:
        """The picture (of the mode that this profile was made for) in sRGB, mode RGB."""
        if self.transform is None:
            return image if image.mode == "RGB" else image.convert("RGB")
        if image.mode != self.transform.input_mode:
            image = image.convert(self.transform.input_mode)
        converted = ImageCms.applyTransform(image, self.transform)
        if converted is None:
            raise ValueError("the colour transform returned no picture")
        return converted


def profile_for(mode: str, icc: bytes | None, *, embedded: bool) -> Profile:
    """How pictures of `mode` (L, RGB, CMYK or LAB) with this ICC profile become sRGB.

    `embedded` says that the file carries a profile even if `icc` is empty, so that one that a decoder gave up on
    is reported. A profile that is broken or of another kind of colour never stops a photo: it is set aside.
    """
    if mode == "LAB":
        lab = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB"))
        return Profile("CIELAB", _transform(lab, "LAB"))
    unmanaged = "CMYK" if mode == "CMYK" else SRGB
    if not icc:
        return Profile(unmanaged, None, "it could not be read" if embedded else "")
    try:
        source = ImageCms.ImageCmsProfile(BytesIO(icc))
        space = source.profile.xcolor_space
        name = (source.profile.profile_description or "").strip() or "unnamed"
        if mode == "L" and space == "RGB ":
            mode = "RGB"
        if space != _SPACES[mode]:
            return Profile(unmanaged, None, f"{name!r} is for {space.strip()} colours, the picture is {mode}")
        transform = _transform(source, mode)
    except (OSError, ImageCms.PyCMSError) as error:
        return Profile(unmanaged, None, str(error) or "it could not be read")
    if mode == "RGB" and _changes_nothing(transform):
        return Profile(name, None)
    return Profile(name, transform)


def _transform(source: ImageCms.ImageCmsProfile, mode: str) -> ImageCms.ImageCmsTransform:
    # Relative colorimetric with black point compensation keeps skin tones where they are; perceptual tables are
    # often absent and then silently become this without the compensation.
    return ImageCms.buildTransform(
        source,
        ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")),
        mode,
        "RGB",
        ImageCms.Intent.RELATIVE_COLORIMETRIC,
        ImageCms.Flags.BLACKPOINTCOMPENSATION,
    )


def _changes_nothing(transform: ImageCms.ImageCmsTransform) -> bool:
    """Whether a transform is as good as the identity: most profiles are sRGB under one of its many names."""
    steps = np.linspace(0, 255, 9).astype(np.uint8)
    lattice = np.stack(np.meshgrid(steps, steps, steps), axis=-1).reshape(27, 27, 3)
    converted = ImageCms.applyTransform(Image.fromarray(lattice), transform)
    difference = np.asarray(converted).astype(np.int16) - lattice
    return int(np.abs(difference).max()) <= _INDISTINGUISHABLE
