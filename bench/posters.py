"""The posters that samples, pictures, contact sheets and measurements are made from: photos and voices of our own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from tempfile import mkdtemp

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from makegood.products.posters.layout import PosterJob
from makegood.products.posters.options import PosterOptions
from makegood.products.posters.photo import inspect_photo
from tests.posters import samples

URL = "HTTPS://MAKEGOOD.EXAMPLE/L/SAMP1E0000"
WAVE_POINTS = 720


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
    samples.paint(name, long_side).convert("RGB").save(path, "JPEG", quality=92)
    facts = inspect_photo(path, path.name)
    with Image.open(path) as saved:
        size = saved.size
    return Picture(path, size, (facts.focus_x, facts.focus_y), tuple(facts.palette))


def voice(seconds: float, seed: int) -> list[float]:
    """The loudness of somebody speaking: phrases of syllables, with breaths between them."""
    random = np.random.default_rng(seed)
    level: NDArray[np.float64] = np.zeros(WAVE_POINTS)
    place = random.uniform(2, 10)
    per_second = WAVE_POINTS / min(seconds, 11)
    steps = np.arange(WAVE_POINTS)
    while place < WAVE_POINTS - 4:
        phrase = random.uniform(0.55, 1)
        for _ in range(int(random.integers(4, 11))):
            length = random.uniform(0.1, 0.26) * per_second
            syllable = np.exp(-(((steps - place - length / 2) / (length * 0.42)) ** 2))
            level = np.maximum(level, syllable * phrase * random.uniform(0.45, 1))
            place += length * random.uniform(0.85, 1.25)
        place += random.uniform(0.2, 0.7) * per_second
    rough = level * random.uniform(0.75, 1, WAVE_POINTS)
    return [float(value) for value in np.clip(rough / rough.max(), 0.015, 1)]


def job(photo: Picture, options: Mapping[str, object], seconds: float = 47, seed: int = 8) -> PosterJob:
    """A poster with these options, of this photo and a voice of this length."""
    chosen = PosterOptions.model_validate(options)
    return PosterJob(
        chosen, voice(seconds, seed), photo.path, photo.size, URL, seconds, palette=photo.palette, focus=photo.focus
    )
