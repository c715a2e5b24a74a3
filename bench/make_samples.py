"""Draws the sample posters that the pages show: `python -m bench.make_samples`.

Each is a real poster of this shop: our own painted pictures, a voice made by code, the product's own typesetting.
The product's samples (one for each template) go beside it, the home page's two to the storefront.
"""

from __future__ import annotations

import io
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from PIL import Image

from bench.posters import job, picture
from makegood.products.posters import layout

ROOT = Path(__file__).resolve().parents[1]
PRODUCT_SAMPLES = ROOT / "src" / "makegood" / "products" / "posters" / "samples"
HOME_SAMPLES = ROOT / "src" / "makegood" / "pages" / "static" / "samples"
WIDTH = 640
DRAWN_WIDTH = 1600
MOST_BYTES = 150_000


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


def draw(sample: Sample, width: int = WIDTH) -> Image.Image:
    """The poster as a picture, `width` pixels across."""
    options = {"template": sample.template, **sample.options}
    wanted = job(picture(sample.picture, 2000), options, sample.seconds, sample.seed)
    with Image.open(io.BytesIO(layout.render_png(wanted, max(DRAWN_WIDTH, 2 * width)))) as page:
        height = round(page.height * width / page.width)
        return page.convert("RGB").resize((width, height), Image.Resampling.LANCZOS)


def save(picture: Image.Image, path: Path, most_bytes: int = MOST_BYTES, quality: int = 84) -> None:
    """As WebP, small enough to be shipped."""
    path.parent.mkdir(parents=True, exist_ok=True)
    picture.save(path, "WEBP", quality=quality, method=6)
    size = path.stat().st_size
    if size > most_bytes:
        raise SystemExit(f"{path.name} has {size} bytes, more than {most_bytes}")
    print(f"{path.relative_to(ROOT)}  {picture.width} x {picture.height}  {size / 1000:.0f} kB")


def main() -> None:
    """Draw every sample."""
    for sample in SAMPLES:
        drawn = draw(sample)
        save(drawn, PRODUCT_SAMPLES / f"{sample.template}.webp")
        if sample.template in HOME:
            save(drawn, HOME_SAMPLES / f"poster-{HOME.index(sample.template) + 1}.webp")


if __name__ == "__main__":
    main()
