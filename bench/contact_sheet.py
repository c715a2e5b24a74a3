"""Every template on every page, in every wave style, to look at: `python -m bench.contact_sheet [--out DIR]`."""

from __future__ import annotations

import argparse
import io
from collections.abc import Iterable
from pathlib import Path

from PIL import Image, ImageDraw
from rich.progress import track

from bench.posters import job, picture
from makegood.products.posters.layout import PosterJob, render_png
from makegood.products.posters.layout.design import Template, templates
from makegood.products.posters.options import ORIENTATIONS, PAGES

PHOTOS = {
    "framed": "portrait",
    "full-page": "mountains",
    "circular": "portrait",
    "heart": "portrait",
    "arch": "sea",
    "minimal": "sea",
    "plaque": "bokeh",
    "gift-card": "mountains",
}
WORDS = {
    "framed": ("Emma & Noah", "“I promise to choose you, every ordinary day.”", "14 June 2026 · Lisbon"),
    "full-page": ("That summer", "The wind, the bells, and you laughing in between.", "August 2025"),
    "circular": ("Hello, little one", "The first sound you ever made for us.", "3 March 2026, 04:12"),
    "heart": ("You & me", "Your voice is my favourite place to be.", "Since 2011"),
    "arch": ("Always near", "Your voice is still in this house.", "1941 – 2025"),
    "minimal": ("You did it", "This is what it sounded like when they called your name.", "Class of 2026"),
    "plaque": ("Our song", "The one we danced to in the kitchen, twice.", "Rain on Saturday"),
    "gift-card": (
        "Happy birthday, Mum",
        "Everyone who loves you, in one breath. Hear us sing.",
        "2 May 2026",
    ),
}
HARD_WORDS: tuple[dict[str, object], ...] = (
    {"title": "The day the whole family finally said yes to a dog", "caption": "And the dog said yes to us. " * 5},
    {"title": "أحبك يا ليلى", "caption": "أعدك أن أختارك كل يوم عادي.", "date": "١٤ يونيو ٢٠٢٦", "lang": "ar"},
    {"title": "प्यार हमेशा", "caption": "मैं हर दिन तुम्हें चुनने का वादा करता हूँ।", "date": "१४ जून", "lang": "hi"},
    {"title": "結婚しました", "caption": "毎日あなたを選ぶと約束します。", "date": "2026年6月14日", "lang": "ja"},
    {"title": "Bo ❤️ 👩🏽‍❤️‍👨🏻", "caption": "", "date": ""},
    {"title": "", "caption": "", "date": ""},
)


def words(template: str) -> dict[str, object]:
    """Words that suit a template."""
    return dict(zip(("title", "caption", "date"), WORDS.get(template, WORDS["framed"]), strict=True))


def poster(template: Template, **options: object) -> PosterJob:
    """A poster with this template's sample photo and words, but for what is given."""
    photo = picture(PHOTOS.get(template.id, "portrait"), 1500)
    return job(photo, {"template": template.id, **words(template.id), **options})


def page_of(wanted: PosterJob, height: int) -> Image.Image:
    """A poster as a picture of `height` pixels."""
    width, tall = wanted.options.page_mm
    with Image.open(io.BytesIO(render_png(wanted, max(1, round(height * width / tall))))) as page:
        return page.convert("RGB")


def sheet(rows: Iterable[Iterable[tuple[str, PosterJob]]], height: int) -> Image.Image:
    """Rows of labelled posters, each `height` pixels high."""
    drawn = [[(label, page_of(wanted, height)) for label, wanted in row] for row in rows]
    gap, label_height = 18, 16
    across = max(sum(page.width + gap for _, page in row) for row in drawn) + gap
    down = len(drawn) * (height + gap + label_height) + gap
    board = Image.new("RGB", (across, down), "#8b8a86")
    pen = ImageDraw.Draw(board)
    for number, pages in enumerate(drawn):
        left, top = gap, gap + number * (height + gap + label_height)
        for label, drawing in pages:
            board.paste(drawing, (left, top))
            pen.text((left, top + height + 3), label, fill="#ffffff")
            left += drawing.width + gap
    return board


def sheets(template: Template) -> dict[str, Image.Image]:
    """One template's contact sheets by name."""
    pages = [
        [(f"{page} {wave}", poster(template, page=page, wave=wave, orientation=orientation)) for wave in template.waves]
        for orientation in ORIENTATIONS
        for page in PAGES
    ]
    shapes = [
        [(shape, poster(template, shape=shape, orientation=each, accent="photo")) for shape in template.shapes]
        for each in ORIENTATIONS
    ]
    papers = [
        [
            (paper, poster(template, background=paper, orientation=each))
            for paper in ("white", "blush", "terracotta", "forest", "navy", "black")
        ]
        for each in ORIENTATIONS
    ]
    texts = [
        [(str(number), poster(template, orientation=each, **hard)) for number, hard in enumerate(HARD_WORDS)]
        for each in ORIENTATIONS
    ]
    return {"pages": sheet(pages, 330), "choices": sheet([*shapes, *papers], 420), "texts": sheet(texts, 480)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("var/contact-sheet"))
    parser.add_argument("--template", action="append", help="only this one; may be given several times")
    chosen = parser.parse_args()
    chosen.out.mkdir(parents=True, exist_ok=True)
    wanted = [each for each in templates().values() if not chosen.template or each.id in chosen.template]
    pairs = [wanted[at : at + 4] for at in range(0, len(wanted), 4)]
    overview = [[(each.id, poster(each, orientation=o)) for each in four] for o in ORIENTATIONS for four in pairs]
    sheet(overview, 560).save(chosen.out / "overview.png")
    for each in track(wanted, description="Drawing"):
        for name, board in sheets(each).items():
            board.save(chosen.out / f"{each.id}-{name}.png")
    print(f"Contact sheets are in {chosen.out}")


if __name__ == "__main__":
    main()
