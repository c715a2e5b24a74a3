"""The final PDF, next to the same poster by WeasyPrint: `python -m bench.pdf [--runs N]`.

Both draw the same photo, wave, QR code and words on A4 with a warm process; the words change with every run, so that
nothing is served from memory.
"""

from __future__ import annotations

import argparse
import importlib.util
import time
from collections.abc import Callable
from dataclasses import replace

from bench.posters import job, picture
from bench.table import NOT_INSTALLED, Line, Section, percentiles
from makegood.products.posters.layout import PosterJob, expectations, preflight, render_pdf, render_png, render_preview
from makegood.products.posters.layout.compose import compose
from makegood.products.posters.layout.fonts import files

TITLE, CAPTION = "Emma & Noah", "I promise to choose you, every ordinary day."
WEASYPRINT = "WeasyPrint: PDF/A-2b of the same drawings and words"


def measured(name: str, make: Callable[[PosterJob], bytes], wanted: PosterJob, runs: int) -> Line:
    """p50 and p95 over `runs` posters that differ in their title, after one to warm up."""
    times, made = [], make(wanted)
    for number in range(runs):
        one = replace(wanted, options=wanted.options.model_copy(update={"title": f"{TITLE} {number}"}))
        start = time.perf_counter()
        made = make(one)
        times.append((time.perf_counter() - start) * 1000)
    return Line(name, {**percentiles(times), "KiB": len(made) / 1024})


def weasyprint(wanted: PosterJob) -> bytes:
    """The same poster as HTML by WeasyPrint, PDF/A-2b, from the same drawings."""
    from weasyprint import CSS, HTML
    from weasyprint.text.fonts import FontConfiguration

    look_sheet = compose(wanted)
    look, drawings = look_sheet.look, look_sheet.drawings
    photo, wave = look.photo_rect, look.layout.wave
    band = wave.on(*look.page) if wave else photo
    svg = drawings["photo.svg"].replace('href="photo.jpg"', f'href="{wanted.photo.as_uri()}"')
    faces = "".join(
        f"@font-face{{font-family:'{family}';src:url('{paths[0].as_uri()}')}}"
        for family, paths in files().items()
        if family in look.pair.families
    )
    css = (
        f"{faces}@page{{size:{look.page[0]}mm {look.page[1]}mm;margin:0;background:{look.paper}}}"
        "div{position:absolute}svg{width:100%;height:100%}"
        f"h1{{font:400 {10 * look.unit}mm '{look.pair.title}';color:{look.ink};text-align:center;margin:0}}"
        f"p{{font:{2.8 * look.unit}mm '{look.pair.body}';color:{look.ink};margin:0}}"
    )

    def place(x: float, y: float, w: float, h: float, inner: str) -> str:
        return f'<div style="left:{x}mm;top:{y}mm;width:{w}mm;height:{h}mm">{inner}</div>'

    body = (
        place(photo.x, photo.y, photo.w, photo.h, svg)
        + place(0, photo.y + photo.h + 8, look.page[0], 24, f"<h1>{wanted.options.title.replace('&', '&amp;')}</h1>")
        + place(band.x, band.y, band.w, band.h, drawings["wave.svg"])
        + place(band.x, look.page[1] - 40, 120, 20, f"<p>{CAPTION}</p>")
        + place(look.page[0] - 45, look.page[1] - 45, 26, 26, drawings["qr.svg"])
    )
    fonts = FontConfiguration()
    page = HTML(string=f"<body>{body}</body>", base_url=str(wanted.photo.parent))
    made: bytes = page.write_pdf(
        stylesheets=[CSS(string=css, font_config=fonts)], font_config=fonts, pdf_variant="pdf/a-2b"
    )
    return made


def section(runs: int) -> Section:
    """Every line measured in this process, one after the other."""
    large, proxy = picture("portrait", 3000), picture("portrait", 1200)
    words = {"title": TITLE, "caption": CAPTION, "date": "14 June 2026"}
    final, small = job(large, words), job(proxy, words)
    rival = Line(WEASYPRINT, note=NOT_INSTALLED)
    if importlib.util.find_spec("weasyprint") is not None:
        rival = measured(WEASYPRINT, weasyprint, final, runs)
    lines = [
        measured("makegood: PDF/A-2b with XMP, QR code and page boxes", render_pdf, final, runs),
        rival,
        measured("makegood: its preflight", _preflight(final), final, runs // 2),
        measured("makegood: marked preview of 900 px", lambda one: render_preview(one)[0], small, runs),
        measured("makegood: PNG for screens, 1600 px", lambda one: render_png(one, 1600), small, runs // 2),
    ]
    return Section("One A4 poster, drawn in a warm process", ("p50 ms", "p95 ms", "KiB"), lines)


def _preflight(wanted: PosterJob) -> Callable[[PosterJob], bytes]:
    path = wanted.photo.with_suffix(".pdf")
    path.write_bytes(render_pdf(wanted))
    expected = expectations(wanted)

    def look(_: PosterJob) -> bytes:
        preflight(path, expected)
        return path.read_bytes()

    return look


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=30)
    print(section(parser.parse_args().runs).as_text())
