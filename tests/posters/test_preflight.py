"""Preflight: a good PDF passes with its facts; each way of being wrong is found and named."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pikepdf
import pytest

from makegood.products.posters.layout import expectations, preflight, render_pdf
from makegood.products.posters.layout.design import BUILT_IN
from makegood.products.posters.layout.errors import (
    ArchivalError,
    CodeError,
    FontEmbeddingError,
    ImageError,
    PageError,
    PreflightError,
    WatermarkError,
)
from tests.posters.poster_jobs import URL, job, photo

WANTED = job(template="framed", bleed=3)


@pytest.fixture
def pdf(tmp_path: Path) -> Path:
    path = tmp_path / "poster.pdf"
    path.write_bytes(render_pdf(WANTED))
    return path


@pytest.mark.parametrize("template", BUILT_IN)
@pytest.mark.parametrize(("page", "bleed"), [("A4", 0), ("18x24in", 3)])
def test_every_template_passes(template: str, page: str, bleed: int, tmp_path: Path) -> None:
    wanted = job(template=template, page=page, bleed=bleed, background="navy")
    path = tmp_path / "poster.pdf"
    path.write_bytes(render_pdf(wanted))
    report = preflight(path, expectations(wanted))
    assert report.qr == URL
    assert report.pages == 1
    assert report.trim_mm == pytest.approx(wanted.options.page_mm, abs=0.02)
    assert report.fonts


def test_the_photo_s_real_resolution_is_measured_and_a_coarse_one_is_a_warning(tmp_path: Path) -> None:
    found = {}
    for page in ("A4", "A3"):
        wanted = job(template="full-page", page=page)
        path = tmp_path / f"{page}.pdf"
        path.write_bytes(render_pdf(wanted))
        report = preflight(path, expectations(wanted))
        found[page] = report.image_dpi
        assert len(report.warnings) == 1
    # 600 pixels over 210 mm, the height being cropped, would be 72.6; the frame decides which side is the tighter.
    assert 60 < found["A4"] < 90
    assert found["A4"] / found["A3"] == pytest.approx(2**0.5, rel=0.01)


def _second_page(document: pikepdf.Pdf) -> None:
    document.add_blank_page()


def _no_trim(document: pikepdf.Pdf) -> None:
    del document.pages[0].TrimBox


def _small_bleed(document: pikepdf.Pdf) -> None:
    document.pages[0].BleedBox = document.pages[0].TrimBox


def _no_intent(document: pikepdf.Pdf) -> None:
    del document.Root.OutputIntents


def _no_identification(document: pikepdf.Pdf) -> None:
    data = document.Root.Metadata.read_bytes()
    document.Root.Metadata.write(data.replace(b"<pdfaid:part>2<", b"<pdfaid:part>3<"))


def _script(document: pikepdf.Pdf) -> None:
    document.Root.OpenAction = pikepdf.Dictionary(S=pikepdf.Name.JavaScript, JS="app.alert(1)")


def _font_left_out(document: pikepdf.Pdf) -> None:
    for thing in document.objects:
        if isinstance(thing, pikepdf.Dictionary) and thing.get("/Type") == "/FontDescriptor":
            for key in ("/FontFile", "/FontFile2", "/FontFile3"):
                if key in thing:
                    del thing[key]


def _photo_swapped(document: pikepdf.Pdf) -> None:
    for thing in document.objects:
        if isinstance(thing, pikepdf.Stream) and thing.get("/Subtype") == "/Image":
            thing.write(photo("#101010").read_bytes(), filter=pikepdf.Name.DCTDecode)


def _covered_code(document: pikepdf.Pdf) -> None:
    page = document.pages[0]
    width, height = float(page.MediaBox[2]), float(page.MediaBox[3])
    page.contents_add(f"0.5 g 0 0 {width} {height} re f".encode(), prepend=False)


@pytest.mark.parametrize(
    ("harm", "error"),
    [
        (_second_page, PageError),
        (_no_trim, PageError),
        (_small_bleed, PageError),
        (_no_intent, ArchivalError),
        (_no_identification, ArchivalError),
        (_script, ArchivalError),
        (_font_left_out, FontEmbeddingError),
        (_photo_swapped, ImageError),
        (_covered_code, CodeError),
    ],
    ids=lambda each: each.__name__.strip("_"),
)
def test_each_harm_is_found(harm: Callable[[pikepdf.Pdf], None], error: type[PreflightError], pdf: Path) -> None:
    assert preflight(pdf, expectations(WANTED))
    with pikepdf.open(pdf, allow_overwriting_input=True) as document:
        harm(document)
        document.save(pdf)
    with pytest.raises(error):
        preflight(pdf, expectations(WANTED))


def test_a_code_that_leads_elsewhere_is_found(pdf: Path) -> None:
    with pytest.raises(CodeError, match="OTHER"):
        preflight(pdf, replace(expectations(WANTED), url="HTTPS://OTHER.EXAMPLE/L/1"))


def test_a_preview_s_mark_is_found_but_a_customer_may_write_the_word(tmp_path: Path) -> None:
    own = job(title="Preview of spring")
    path = tmp_path / "poster.pdf"
    path.write_bytes(render_pdf(own))
    assert preflight(path, expectations(own))
    with pytest.raises(WatermarkError):
        preflight(path, replace(expectations(own), texts=("Spring",)))


@pytest.mark.parametrize("data", [b"", b"%PDF-1.7\n", b"\xff\xd8\xff\xe0 not a PDF"])
def test_what_is_no_pdf_is_an_error_and_not_a_crash(data: bytes, tmp_path: Path) -> None:
    path = tmp_path / "poster.pdf"
    path.write_bytes(data)
    with pytest.raises(PageError):
        preflight(path, expectations(WANTED))
