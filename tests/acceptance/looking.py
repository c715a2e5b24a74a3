"""Looking at what was delivered with other eyes than the shop's own."""

from __future__ import annotations

import io
from dataclasses import dataclass

import av
import pikepdf
import pypdfium2
import zxingcpp
from PIL import Image

Edges = tuple[float, float, float, float]
MILLIMETRE = 72 / 25.4


@dataclass(frozen=True)
class Boxes:
    """The boxes of a page in millimetres: left, bottom, right, top from the trimmed page's lower left corner."""

    trim: Edges
    bleed: Edges
    media: Edges


def boxes(pdf: bytes) -> Boxes:
    """The boxes of a PDF that has one page."""
    with pikepdf.open(io.BytesIO(pdf)) as document:
        [page] = document.pages
        left, bottom = float(page.trimbox[0]), float(page.trimbox[1])

        def edges(box: pikepdf.Array) -> Edges:
            a, b, c, d = (float(edge) for edge in box)
            return tuple(round(v / MILLIMETRE, 1) for v in (a - left, b - bottom, c - left, d - bottom))

        return Boxes(edges(page.trimbox), edges(page.bleedbox), edges(page.mediabox))


def codes_in_pdf(pdf: bytes, dpi: float = 90) -> list[str]:
    """What the QR codes of the first page say when it is printed as coarsely as this."""
    document = pypdfium2.PdfDocument(pdf)
    try:
        return codes_in(document[0].render(scale=dpi / 72).to_pil())
    finally:
        document.close()


def codes_in(picture: Image.Image) -> list[str]:
    """What the QR codes in a picture say."""
    return [code.text for code in zxingcpp.read_barcodes(picture.convert("L"))]


def codes_under_marks(picture: Image.Image) -> set[str]:
    """What the QR codes in a picture say to somebody who takes pains to read them: in black and white only."""
    grey = picture.convert("L")
    contrasts = [grey.point(lambda value, least=least: 255 * (value > least)) for least in (100, 115, 130, 145)]
    return {code for each in (grey, *contrasts) for code in codes_in(each)}


def seconds_of(sound: bytes) -> float:
    """How long a recording plays, found by decoding all of it."""
    with av.open(io.BytesIO(sound)) as container:
        [stream] = container.streams.audio
        samples = sum(frame.samples for frame in container.decode(stream))
        return samples / stream.rate
