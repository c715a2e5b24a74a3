"""The finished PDF, PNG and preview: the same bytes every time, the right boxes, the photo untouched, the mark."""

from __future__ import annotations

import hashlib
import io
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pikepdf
import pypdfium2
import pytest
from PIL import Image, ImageChops

from makegood.products.posters.layout import render_pdf, render_png, render_preview, resolve
from makegood.products.posters.layout.design import BUILT_IN
from makegood.products.posters.layout.errors import LayoutError, LinkTooLong
from makegood.products.posters.layout.preflight import read_codes
from makegood.products.posters.options import ORIENTATIONS, PAGE_MM, PAGES
from tests.posters.poster_jobs import URL, job, photo

MM = 72 / 25.4


@pytest.mark.parametrize("options", [{}, {"template": "full-page", "bleed": 3, "title": "Emma ❤️"}])
def test_the_same_poster_is_the_same_bytes_in_another_process_and_time_zone(options: dict[str, object]) -> None:
    script = (
        "import hashlib, sys\nfrom tests.posters.poster_jobs import job\n"
        "from makegood.products.posters.layout import render_pdf\n"
        f"sys.stdout.write(hashlib.sha256(render_pdf(job(**{options!r}))).hexdigest())"
    )
    there = subprocess.run(
        [sys.executable, "-c", script],
        env={**os.environ, "TZ": "Pacific/Apia", "PYTHONHASHSEED": "7", "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        check=True,
    )
    render_pdf(job(template="heart", sky="#224466"))
    here = hashlib.sha256(render_pdf(job(**options))).hexdigest()
    assert there.stdout == here


@pytest.mark.parametrize("template", BUILT_IN)
def test_posters_that_differ_only_in_their_photo_each_show_their_own(template: str) -> None:
    def sky(colour: str) -> tuple[int, ...]:
        wanted = job(template=template, sky=colour)
        frame = resolve(wanted.options).photo_rect
        with Image.open(io.BytesIO(render_png(wanted, 210))) as page:
            spot = (round(frame.x + frame.w / 2), round(frame.y + frame.h * 0.2))
            found: tuple[int, ...] = page.convert("RGB").getpixel(spot)
        in_pdf = _images(render_pdf(wanted))
        assert in_pdf == [photo(colour).read_bytes()]
        return found

    for _ in range(2):
        assert sky("#c02020") == pytest.approx((0xC0, 0x20, 0x20), abs=40)
        assert sky("#2040c0") == pytest.approx((0x20, 0x40, 0xC0), abs=40)


def _images(pdf: bytes) -> list[bytes]:
    with pikepdf.open(io.BytesIO(pdf)) as document:
        found = [each for each in document.objects if isinstance(each, pikepdf.Stream) and "/Width" in each]
        return [bytes(each.read_raw_bytes()) for each in found]


@pytest.mark.parametrize("page", PAGES)
@pytest.mark.parametrize("orientation", ORIENTATIONS)
@pytest.mark.parametrize("bleed", [0, 3])
def test_page_boxes_are_as_ordered(page: str, orientation: str, bleed: int) -> None:
    made = render_pdf(job(page=page, orientation=orientation, bleed=bleed))
    width, height = PAGE_MM[page] if orientation == "portrait" else reversed(PAGE_MM[page])  # type: ignore[index]
    with pikepdf.open(io.BytesIO(made)) as document:
        assert len(document.pages) == 1
        sizes = {
            box: ((float(edges[2]) - float(edges[0])) / MM, (float(edges[3]) - float(edges[1])) / MM)
            for box, edges in ((name, document.pages[0][name]) for name in ("/TrimBox", "/BleedBox", "/MediaBox"))
        }
    assert sizes["/TrimBox"] == pytest.approx((width, height), abs=0.02)
    assert sizes["/BleedBox"] == pytest.approx((width + 2 * bleed, height + 2 * bleed), abs=0.02)
    slug = 10 if bleed else 0
    assert sizes["/MediaBox"] == pytest.approx((width + 2 * slug, height + 2 * slug), abs=0.02)


@pytest.mark.parametrize("template", BUILT_IN)
def test_colour_runs_into_the_bleed_and_crop_marks_stay_outside_it(template: str) -> None:
    document = pypdfium2.PdfDocument(render_pdf(job(template=template, bleed=3, background="terracotta")))
    page = document[0].render(scale=300 / 72).to_pil().convert("L")
    document.close()
    pixels = 300 / 25.4
    inside, outside = round(7.5 * pixels), round(6.5 * pixels)
    middle = page.height // 2
    assert page.getpixel((inside, middle)) < 250, "the bleed is bare"
    assert page.getpixel((page.width - inside, middle)) < 250, "the bleed is bare"
    assert page.getpixel((outside, middle)) == 255, "colour reaches the slug"
    trim = round(10 * pixels)
    margin = page.crop((0, trim - 6, outside, trim + 6))
    assert margin.getextrema()[0] < 120, "no crop mark at the corner"
    low, high = page.crop((round(7.2 * pixels), trim - 6, round(9 * pixels), trim + 6)).getextrema()
    assert high - low < 40, "a crop mark runs into the bleed"


def test_type_and_drawings_are_vectors() -> None:
    made = render_pdf(job(page="24x36in"))
    assert len(_images(made)) == 1
    assert len(made) < len(photo().read_bytes()) + 400_000


@pytest.mark.parametrize("orientation", ORIENTATIONS)
@pytest.mark.parametrize("background", ["white", "black", "terracotta"])
def test_a_preview_is_marked_all_over(orientation: str, background: str) -> None:
    wanted = job(template="minimal", orientation=orientation, background=background)
    data, media_type = render_preview(wanted)
    assert media_type == "image/jpeg"
    with Image.open(io.BytesIO(data)) as marked:
        assert marked.format == "JPEG"
        assert max(marked.size) == pytest.approx(900, abs=1)
        with Image.open(io.BytesIO(render_png(wanted, marked.width))) as plain:
            clean = plain.convert("RGB").resize(marked.size)
        changed = ImageChops.difference(marked.convert("RGB"), clean).convert("L")
    across, down = 3, 4
    for column in range(across):
        for row in range(down):
            part = changed.crop(
                (
                    changed.width * column // across,
                    changed.height * row // down,
                    changed.width * (column + 1) // across,
                    changed.height * (row + 1) // down,
                )
            )
            touched = sum(part.histogram()[25:])
            assert touched > 0.01 * part.width * part.height, f"no mark in column {column}, row {row}"


def test_a_preview_leads_to_the_address_it_is_given() -> None:
    own = "https://sound.example/posters/drafts/01HZX/preview"
    with Image.open(io.BytesIO(render_png(job(url=own), 1000))) as picture:
        assert read_codes(picture) == (own,)
    with Image.open(io.BytesIO(render_preview(job(url=own))[0])) as picture:
        assert URL not in read_codes(picture)


def test_an_address_too_long_to_scan_is_refused() -> None:
    with pytest.raises(LinkTooLong):
        render_png(job(url="https://sound.example/" + "x" * 300), 100)


@pytest.mark.parametrize("data", [photo().read_bytes()[:200], photo().read_bytes()[:-2000], b"", b"not a picture"])
def test_a_photo_that_is_none_never_becomes_a_poster_without_one(data: bytes, tmp_path: Path) -> None:
    broken = tmp_path / "photo.jpg"
    broken.write_bytes(data)
    with pytest.raises(LayoutError):
        render_pdf(replace(job(), photo=broken))
