"""The sound of a sound poster: what was uploaded, its outline and wave, and the clip that is cut from it.

Everything here is a plain function on file paths, made to run in an isolated process: a recording is hostile until
proven otherwise. Its type is decided by content, its length by decoding all of it.
"""

from makegood.products.posters.sound.clip import (
    CLIP_MEDIA_TYPE,
    LONGEST_CLIP,
    SHORTEST_CLIP,
    check_clip,
    clip_range,
    cut_clip,
)
from makegood.products.posters.sound.errors import (
    ClipNotAsPromised,
    ClipOutOfRange,
    ClipTooLong,
    ClipTooShort,
    PeaksDamaged,
    SoundAbsent,
    SoundEmpty,
    SoundSilent,
    SoundTooLong,
    SoundTooShort,
    SoundTruncated,
    SoundUnreadable,
)
from makegood.products.posters.sound.inspect import SoundFacts, inspect_sound
from makegood.products.posters.sound.peaks import Peaks
from makegood.products.posters.sound.shape import shape

__all__ = [
    "CLIP_MEDIA_TYPE",
    "LONGEST_CLIP",
    "SHORTEST_CLIP",
    "ClipNotAsPromised",
    "ClipOutOfRange",
    "ClipTooLong",
    "ClipTooShort",
    "Peaks",
    "PeaksDamaged",
    "SoundAbsent",
    "SoundEmpty",
    "SoundFacts",
    "SoundSilent",
    "SoundTooLong",
    "SoundTooShort",
    "SoundTruncated",
    "SoundUnreadable",
    "check_clip",
    "clip_range",
    "cut_clip",
    "inspect_sound",
    "shape",
]
