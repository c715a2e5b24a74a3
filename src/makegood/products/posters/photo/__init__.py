"""The photo of a sound poster: what was uploaded, where its subject is, and its rendition for print.

Everything here is a plain function on file paths, made to run in an isolated process. A photo is hostile until
proven otherwise: its type is decided by content, its size by its header, and nothing of its metadata survives.
"""

from makegood.products.posters.photo.errors import (
    DetectorMissing,
    PhotoDamaged,
    PhotoTooManyPixels,
    PhotoTooSmall,
    PhotoUnreadable,
)
from makegood.products.posters.photo.faces import Face, detector_problem
from makegood.products.posters.photo.framing import crop_box, dpi, print_warning
from makegood.products.posters.photo.inspect import PhotoFacts, inspect_photo
from makegood.products.posters.photo.render import PrintFacts, print_photo

__all__ = [
    "DetectorMissing",
    "Face",
    "PhotoDamaged",
    "PhotoFacts",
    "PhotoTooManyPixels",
    "PhotoTooSmall",
    "PhotoUnreadable",
    "PrintFacts",
    "crop_box",
    "detector_problem",
    "dpi",
    "inspect_photo",
    "print_photo",
    "print_warning",
]
