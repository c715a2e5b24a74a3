"""The posters that the contact sheet and the measurements are made from."""

from __future__ import annotations

import math
import random
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from tempfile import mkdtemp

from PIL import Image

from makegood.products.posters.layout import PosterJob
from makegood.products.posters.options import PosterOptions
from makegood.products.posters.photo import inspect_photo
from tests.posters import samples

URL = "HTTPS://SOUND.EXAMPLE/L/7HK2QMXV9D"


@dataclass(frozen=True, slots=True)
class Picture:
    """A sample photo and what the shop finds in it."""

    path: Path
    size: tuple[int, int]
    focus: tuple[float, float]
    palette: tuple[str, ...]


@lru_cache
def picture(name: str, long_side: int) -> Picture:
    """A painted sample, looked into as an upload is."""
    path = Path(mkdtemp(prefix="poster-samples-")) / f"{name}.jpg"
    painted = samples.paint(name, long_side)
    painted.convert("RGB").save(path, "JPEG", quality=90)
    facts = inspect_photo(path, path.name)
    with Image.open(path) as saved:
        size = saved.size
    return Picture(path, size, (facts.focus_x, facts.focus_y), tuple(facts.palette))


def speech(steps: int = 900) -> list[float]:
    """Loudness as of a few spoken sentences: syllables, words, and the breaths between them."""
    dice = random.Random(8)
    shape: list[float] = []
    while len(shape) < steps:
        word, loud = dice.randint(14, 60), dice.uniform(0.35, 1.0)
        for step in range(word):
            syllable = 0.55 + 0.45 * abs(math.sin(step * math.pi / dice.uniform(8.5, 9.5)))
            swell = math.sin(math.pi * (step + 0.5) / word) ** 0.55
            shape.append(min(1.0, loud * swell * syllable * dice.uniform(0.75, 1.0)))
        shape.extend(dice.uniform(0.0, 0.05) for _ in range(dice.choice((3, 5, 8, 22))))
    return shape[:steps]


def job(photo: Picture, **options: object) -> PosterJob:
    """A poster of this photo."""
    chosen = PosterOptions.model_validate(options)
    return PosterJob(chosen, speech(), photo.path, photo.size, URL, 47.0, photo.palette, photo.focus)
