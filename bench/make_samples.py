"""Draws the sample posters that the pages show: `python bench/make_samples.py`.

Each is a real poster of this shop: our own painted pictures, a voice made by code, the product's own typesetting.
The product's samples (one for each template) go beside it, the home page's two to the storefront.
"""

from __future__ import annotations

import io
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "src"), str(ROOT)]

from makegood.products.posters import layout, photo  # noqa: E402
from makegood.products.posters.options import PosterOptions  # noqa: E402
from tests.posters import samples  # noqa: E402

PRODUCT_SAMPLES = ROOT / "src" / "makegood" / "products" / "posters" / "samples"
HOME_SAMPLES = ROOT / "src" / "makegood" / "pages" / "static" / "samples"
ADDRESS = "HTTPS://MAKEGOOD.EXAMPLE/L/SAMP1E0000"
WIDTH = 640
DRAWN_WIDTH = 1600
MOST_BYTES = 150_000
WAVE_POINTS = 720


@dataclass(frozen=True)
class Sample:
    """One sample: a template, a picture, a voice, words."""

    template: str
    picture: str
    seed: int
    seconds: float
    options: dict[str, Any] = field(default_factory=dict)


SAMPLES = (
    Sample("framed", "sea", 3, 41, {
        "title": "Our vows", "caption": "I promise to choose you, every ordinary day.", "date": "14 June 2026 · Lisbon",
    }),
    Sample("full-page", "mountains", 8, 66, {
        "title": "That summer", "caption": "The wind, the pines, and you laughing in between.", "date": "August 2026",
    }),
    Sample("circular", "portrait", 5, 12, {
        "title": "Good morning", "caption": "The voice message I never deleted.", "date": "3 May 2026",
    }),
    Sample("heart", "portrait", 11, 18, {
        "title": "Still you", "caption": "Out of everyone, every day, still you.", "date": "since 2016",
    }),
    Sample("arch", "mountains", 13, 54, {
        "title": "Always near", "caption": "Your voice is still in this house.", "date": "1948 – 2026",
    }),
    Sample("minimal", "sea", 17, 23, {
        "title": "Low tide", "caption": "Waves, gulls, and the two of us saying nothing.", "date": "22 September 2026",
    }),
    Sample("plaque", "bokeh", 19, 187, {
        "title": "First dance", "caption": "Emma & Noah", "date": "14 June 2026",
    }),
    Sample("gift-card", "bokeh", 23, 9, {
        "title": "Happy birthday", "caption": "Everyone who loves you, in one breath.", "date": "9 November 2026",
    }),
)  # fmt: skip
HOME = ("full-page", "circular")


def voice(seconds: float, seed: int) -> list[float]:
    """The loudness of somebody speaking: phrases of syllables, with breaths between them."""
    random = np.random.default_rng(seed)
    level: NDArray[np.float64] = np.zeros(WAVE_POINTS)
    place = random.uniform(2, 10)
    per_second = WAVE_POINTS / min(seconds, 11)
    while place < WAVE_POINTS - 4:
        phrase = random.uniform(0.55, 1)
        for _ in range(int(random.integers(4, 11))):
            length = random.uniform(0.1, 0.26) * per_second
            steps = np.arange(WAVE_POINTS)
            syllable = np.exp(-(((steps - place - length / 2) / (length * 0.42)) ** 2))
            level = np.maximum(level, syllable * phrase * random.uniform(0.45, 1))
            place += length * random.uniform(0.85, 1.25)
        place += random.uniform(0.2, 0.7) * per_second
    rough = level * random.uniform(0.75, 1, WAVE_POINTS)
    return [float(value) for value in np.clip(rough / rough.max(), 0.015, 1)]


def draw(sample: Sample, folder: Path) -> Image.Image:
    """The poster as a picture, `WIDTH` pixels across."""
    picture = folder / f"{sample.picture}.jpg"
    if not picture.exists():
        samples.paint(sample.picture, 2000).save(picture, quality=92)
    seen = photo.inspect_photo(picture, picture.name)
    job = layout.PosterJob(
        options=PosterOptions.model_validate({"template": sample.template, **sample.options}),
        wave=voice(sample.seconds, sample.seed), photo=picture, photo_px=(seen.width, seen.height), url=ADDRESS,
        seconds=sample.seconds, palette=seen.palette, focus=(seen.focus_x, seen.focus_y),
    )  # fmt: skip
    with Image.open(io.BytesIO(layout.render_png(job, DRAWN_WIDTH))) as page:
        height = round(page.height * WIDTH / page.width)
        return page.convert("RGB").resize((WIDTH, height), Image.Resampling.LANCZOS)


def save(picture: Image.Image, path: Path) -> None:
    """As WebP, small enough to be shipped."""
    path.parent.mkdir(parents=True, exist_ok=True)
    picture.save(path, "WEBP", quality=84, method=6)
    size = path.stat().st_size
    if size > MOST_BYTES:
        raise SystemExit(f"{path.name} has {size} bytes, more than {MOST_BYTES}")
    print(f"{path.relative_to(ROOT)}  {picture.width} x {picture.height}  {size / 1000:.0f} kB")


def main() -> None:
    """Draw every sample."""
    with tempfile.TemporaryDirectory() as name:
        for sample in SAMPLES:
            picture = draw(sample, Path(name))
            save(picture, PRODUCT_SAMPLES / f"{sample.template}.webp")
            if sample.template in HOME:
                save(picture, HOME_SAMPLES / f"poster-{HOME.index(sample.template) + 1}.webp")


if __name__ == "__main__":
    main()
