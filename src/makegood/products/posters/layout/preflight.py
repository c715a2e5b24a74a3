"""Looking at a finished PDF as a print shop would, before anyone is told that it is ready."""

from __future__ import annotations

import hashlib
import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pikepdf
import pypdfium2
import zxingcpp
from PIL import Image

from makegood.products.posters.layout.errors import (
    ArchivalError,
    CodeError,
    FontEmbeddingError,
    ImageError,
    PageError,
    WatermarkError,
)
from makegood.products.posters.layout.job import PosterJob
from makegood.products.posters.layout.look import resolve
from makegood.products.posters.layout.render import MARK, POINTS_PER_MM

QR_DPI = 90
GOOD_DPI = 200.0
_TOLERANCE = 0.05  # points

Matrix = tuple[float, float, float, float, float, float]


@dataclass(frozen=True, slots=True)
class Expectations:
    """What a finished PDF must be. `page` and `slug` (sheet's edge to trimmed page) and `bleed` are millimetres;
    `texts` are the customer's own words; `photo_sha256` is of the JPEG that was given to print."""

    page: tuple[float, float]
    slug: float
    bleed: float
    url: str
    texts: tuple[str, ...]
    photo_sha256: str


@dataclass(frozen=True, slots=True)
class PreflightReport:
    """What was found in a PDF that passed. `image_dpi` is the photo's real resolution on paper; below 200 there is
    a warning, because the photo is what the customer gave and small is not broken."""

    pages: int
    trim_mm: tuple[float, float]
    fonts: tuple[str, ...]
    image_dpi: float
    qr: str
    warnings: tuple[str, ...]


def expectations(job: PosterJob) -> Expectations:
    """What the PDF of this job must be."""
    look = resolve(job.options, job.palette)
    texts = tuple(text for text in (job.options.title, job.options.caption, job.options.date) if text)
    digest = hashlib.sha256(job.photo.read_bytes()).hexdigest()
    return Expectations(look.page, look.slug, look.bleed, job.url, texts, digest)


def preflight(pdf_path: Path, expected: Expectations) -> PreflightReport:
    """Check a finished PDF; raise the `PreflightError` that names the first thing wrong with it.

    Checked: one page; media, bleed and trim box; every font embedded; the marks of PDF/A-2b (its identification in
    the metadata and an output intent with a profile) and the absence of encryption, scripts and attachments, which
    is not a validation of the whole standard; the photo present byte for byte; no preview's mark; the QR code read
    from a rendering at 90 dpi.
    """
    try:
        document = pikepdf.open(pdf_path)
    except pikepdf.PdfError as problem:
        raise PageError(problem=f"not a readable PDF: {problem}") from problem
    with document:
        trim = _check_page(document, expected)
        _check_archival(document)
        fonts = _check_fonts(document)
        dpi = _check_photo(document, expected.photo_sha256)
    _check_mark(pdf_path, expected.texts)
    code = _check_code(pdf_path, expected.url)
    warnings = () if dpi >= GOOD_DPI else (f"the photo prints at {dpi:.0f} dpi; {GOOD_DPI:.0f} or more looks sharp",)
    return PreflightReport(1, trim, fonts, dpi, code, warnings)


def _check_page(document: pikepdf.Pdf, expected: Expectations) -> tuple[float, float]:
    if len(document.pages) != 1:
        raise PageError(problem=f"{len(document.pages)} pages instead of 1")
    page = document.pages[0]
    slug, bleed = expected.slug * POINTS_PER_MM, expected.bleed * POINTS_PER_MM
    width, height = (side * POINTS_PER_MM for side in expected.page)
    sheet = (0.0, 0.0, width + 2 * slug, height + 2 * slug)
    for name, inset in (("/MediaBox", 0.0), ("/BleedBox", slug - bleed), ("/TrimBox", slug)):
        if name not in page:
            raise PageError(problem=f"{name} is missing")
        found = tuple(float(edge) for edge in page[name])
        wanted = (sheet[0] + inset, sheet[1] + inset, sheet[2] - inset, sheet[3] - inset)
        if any(abs(one - other) > _TOLERANCE for one, other in zip(found, wanted, strict=True)):
            raise PageError(problem=f"{name} is {_points(found)} instead of {_points(wanted)}")
    left, bottom, right, top = (float(edge) for edge in page.trimbox)
    return round((right - left) / POINTS_PER_MM, 2), round((top - bottom) / POINTS_PER_MM, 2)


def _check_archival(document: pikepdf.Pdf) -> None:
    if document.is_encrypted:
        raise ArchivalError(problem="it is encrypted")
    with document.open_metadata() as metadata:
        claimed = (metadata.get("pdfaid:part"), str(metadata.get("pdfaid:conformance")).upper())
    if claimed != ("2", "B"):
        raise ArchivalError(problem=f"the metadata says part and conformance {claimed} instead of 2 and B")
    intents = document.Root.get("/OutputIntents", pikepdf.Array())
    if not any(each.get("/S") == "/GTS_PDFA1" and "/DestOutputProfile" in each for each in intents):
        raise ArchivalError(problem="no output intent with a colour profile")
    names = document.Root.get("/Names", pikepdf.Dictionary())
    for key, where in (("/JavaScript", names), ("/EmbeddedFiles", names), ("/OpenAction", document.Root)):
        if key in where:
            raise ArchivalError(problem=f"it contains {key}")


def _check_fonts(document: pikepdf.Pdf) -> tuple[str, ...]:
    names = set()
    for thing in document.objects:
        if not isinstance(thing, pikepdf.Dictionary) or thing.get("/Type") != "/Font":
            continue
        name = str(thing.get("/BaseFont", "/Type3"))[1:]
        if thing.get("/Subtype") in ("/Type3", "/Type0"):
            # The first carries its glyphs itself; the second's are in its descendant, which is looked at too.
            names.add(name)
            continue
        descriptor = thing.get("/FontDescriptor", pikepdf.Dictionary())
        if not any(key in descriptor for key in ("/FontFile", "/FontFile2", "/FontFile3")):
            raise FontEmbeddingError(problem=f"the font {name} is not embedded")
        names.add(name)
    return tuple(sorted(names))


def _check_photo(document: pikepdf.Pdf, sha256: str) -> float:
    page = document.pages[0]
    placed = list(_images(page, page.get("/Resources", pikepdf.Dictionary()), (1, 0, 0, 1, 0, 0)))
    for image, (a, b, c, d, _, _) in placed:
        if hashlib.sha256(image.read_raw_bytes()).hexdigest() != sha256:
            continue
        across = int(image["/Width"]) / (math.hypot(a, b) / 72)
        down = int(image["/Height"]) / (math.hypot(c, d) / 72)
        return round(min(across, down), 1)
    raise ImageError(problem=f"the photo that was given is not among the {len(placed)} images on the page")


def _images(
    holder: pikepdf.Page | pikepdf.Object, resources: pikepdf.Object, outer: Matrix
) -> Iterator[tuple[pikepdf.Stream, Matrix]]:
    """Every image that is drawn, with the matrix that takes the unit square to points on the page."""
    objects = resources.get("/XObject", pikepdf.Dictionary())
    current, kept = outer, []
    for instruction in pikepdf.parse_content_stream(holder):
        operands = list(instruction.operands)
        match str(instruction.operator):
            case "q":
                kept.append(current)
            case "Q":
                current = kept.pop()
            case "cm":
                current = _times(tuple(float(value) for value in operands), current)
            case "Do":
                drawn = objects[str(operands[0])]
                if isinstance(drawn, pikepdf.Stream) and drawn.get("/Subtype") == "/Image":
                    yield drawn, current
                elif drawn.get("/Subtype") == "/Form":
                    own = tuple(float(value) for value in drawn.get("/Matrix", [1, 0, 0, 1, 0, 0]))
                    yield from _images(drawn, drawn.get("/Resources", resources), _times(own, current))


def _times(one: tuple[float, ...], other: Matrix) -> Matrix:
    a, b, c, d, e, f = one
    g, h, i, j, k, m = other
    return (a * g + b * i, a * h + b * j, c * g + d * i, c * h + d * j, e * g + f * i + k, e * h + f * j + m)


def _check_mark(pdf_path: Path, texts: tuple[str, ...]) -> None:
    document = pypdfium2.PdfDocument(pdf_path)
    try:
        found = document[0].get_textpage().get_text_range()
    finally:
        document.close()
    own = sum(len(re.findall(MARK, text, re.IGNORECASE)) for text in texts)
    if len(re.findall(MARK, found, re.IGNORECASE)) > own:
        raise WatermarkError(problem=f"the page carries the mark {MARK}")


def _check_code(pdf_path: Path, url: str) -> str:
    found = read_codes(render(pdf_path, QR_DPI))
    if url not in found:
        seen = ", ".join(found) if found else "nothing"
        raise CodeError(problem=f"at {QR_DPI} dpi the QR code reads {seen} instead of {url}")
    return url


def render(pdf_path: Path, dpi: float) -> Image.Image:
    """The first page as an RGB picture at `dpi`."""
    document = pypdfium2.PdfDocument(pdf_path)
    try:
        picture: Image.Image = document[0].render(scale=dpi / 72).to_pil().convert("RGB")
    finally:
        document.close()
    return picture


def read_codes(picture: Image.Image) -> tuple[str, ...]:
    """What the QR codes in a picture say."""
    found = zxingcpp.read_barcodes(picture.convert("L"), formats=zxingcpp.BarcodeFormats(zxingcpp.BarcodeFormat.QRCode))
    return tuple(code.text for code in found)


def _points(edges: tuple[float, ...]) -> str:
    return "[" + " ".join(f"{edge:.2f}" for edge in edges) + "]"
