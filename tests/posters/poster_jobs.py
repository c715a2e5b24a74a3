"""Poster jobs for tests: a small photo with a subject off the middle, and a sound with quiet and loud passages."""

from __future__ import annotations

import math
from functools import lru_cache
from pathlib import Path
from tempfile import mkdtemp

from PIL import Image, ImageDraw

from makegood.products.posters.layout import PosterJob
from makegood.products.posters.options import PosterOptions

URL = "HTTPS://SOUND.EXAMPLE/L/7HK2QMXV9D"
PIXELS = (600, 800)
WORDS = {
    "title": "Emma & Noah",
    "caption": "I promise to choose you, every ordinary day.",
    "date": "14 June 2026",
}
WAVE = [abs(math.sin(step / 9)) * (0.3 + 0.7 * abs(math.sin(step / 61))) for step in range(400)]


@lru_cache
def photo(sky: str = "#d98a5b") -> Path:
    """A JPEG of 600 x 800 pixels: sky, ground and a pale sun."""
    path = Path(mkdtemp(prefix="poster-photos-")) / "photo.jpg"
    picture = Image.new("RGB", PIXELS, sky)
    pen = ImageDraw.Draw(picture)
    pen.rectangle((0, 520, 600, 800), fill="#35405a")
    pen.ellipse((330, 240, 450, 360), fill="#fff4d6")
    picture.save(path, quality=88)
    return path


def job(*, sky: str = "#d98a5b", url: str = URL, **options: object) -> PosterJob:
    """A poster with default words and whatever else is given."""
    chosen = PosterOptions.model_validate({**WORDS, **options})
    palette = ("#d98a5b", "#35405a", "#fff4d6")
    return PosterJob(chosen, WAVE, photo(sky), PIXELS, url, seconds=47, palette=palette, focus=(0.65, 0.375))
