"""The finished things: the PDF that is paid for, a PNG for screens, and a marked preview."""

from __future__ import annotations

import io
from dataclasses import replace
from functools import lru_cache

import pikepdf
from PIL import Image, ImageChops, ImageDraw, ImageFont

from makegood.products.posters.layout import fonts
from makegood.products.posters.layout.compose import Sheet, compose
from makegood.products.posters.layout.job import PosterJob
from makegood.products.posters.layout.press import press

POINTS_PER_MM = 72 / 25.4
PREVIEW_PIXELS = 900
MARK = "PREVIEW"


def render_pdf(job: PosterJob) -> bytes:
    """The poster as one page of PDF/A-2b: vector but for the photo, which is the given JPEG unchanged; fonts
    embedded; TrimBox and BleedBox set; with a bleed, crop marks outside it. The same job gives the same bytes in
    any process on any day. Raises what `compose` raises and `TextTooLong`."""
    sheet = compose(job)
    return _boxed(press().pdf(sheet, job.photo, job.dated), sheet)


def render_png(job: PosterJob, width_px: int) -> bytes:
    """The trimmed page as a PNG of `width_px` pixels across."""
    plain = _trimmed(job)
    sheet = compose(plain)
    return press().png(sheet, job.photo, width_px / (sheet.look.page[0] / 25.4))


def render_preview(job: PosterJob) -> tuple[bytes, str]:
    """The trimmed page as an image whose longer side is 900 pixels, with its media type. The mark is in the
    pixels. Give a small proxy as the photo; the QR code leads where the job says."""
    plain = _trimmed(job)
    sheet = compose(plain)
    pixels_per_inch = PREVIEW_PIXELS / (max(sheet.look.page) / 25.4)
    with Image.open(io.BytesIO(press().png(sheet, job.photo, pixels_per_inch))) as page:
        picture = page.convert("RGB")
    light, dark = _mark(picture.size)
    picture.paste(Image.new("RGB", picture.size, "#ffffff"), mask=light)
    picture.paste(Image.new("RGB", picture.size, "#101014"), mask=dark)
    out = io.BytesIO()
    picture.save(out, "JPEG", quality=84, subsampling=0)
    return out.getvalue(), "image/jpeg"


def _trimmed(job: PosterJob) -> PosterJob:
    return replace(job, options=job.options.model_copy(update={"bleed": 0}))


def _boxed(pdf: bytes, sheet: Sheet) -> bytes:
    """The PDF with its page boxes, in points. What the typesetter wrote is kept, so it stays PDF/A."""
    look = sheet.look
    slug, bleed = look.slug * POINTS_PER_MM, look.bleed * POINTS_PER_MM
    with pikepdf.open(io.BytesIO(pdf)) as document:
        page = document.pages[0]
        left, bottom, right, top = (float(edge) for edge in page.mediabox)
        page.trimbox = pikepdf.Array(_rounded(left + slug, bottom + slug, right - slug, top - slug))
        inset = slug - bleed
        page.bleedbox = pikepdf.Array(_rounded(left + inset, bottom + inset, right - inset, top - inset))
        out = io.BytesIO()
        document.save(out, deterministic_id=True, object_stream_mode=pikepdf.ObjectStreamMode.preserve)
    return out.getvalue()


def _rounded(*edges: float) -> list[float]:
    return [round(edge, 3) for edge in edges]


@lru_cache(maxsize=16)
def _mark(size: tuple[int, int]) -> tuple[Image.Image, Image.Image]:
    """The mark for a picture of this size: how much white and how much near-black to lay over each pixel. Both are
    needed, so that it shows on light and on dark; it covers the whole picture, so that no crop is free of it."""
    width, height = size
    letter = max(20, min(size) // 19)
    font = ImageFont.truetype(str(fonts.files()["Montserrat"][-1]), letter)
    side = int((width**2 + height**2) ** 0.5) + 2 * letter
    drawn = Image.new("L", (side, side), 0)
    pen = ImageDraw.Draw(drawn)
    step_x, step_y = int(pen.textlength(MARK, font=font) + letter * 1.5), int(letter * 2.6)
    for row, y in enumerate(range(0, side, step_y)):
        for x in range(-(row % 2) * step_x // 2, side, step_x):
            pen.text((x, y), MARK, fill=255, font=font)
    left, top = (side - width) // 2, (side - height) // 2
    turned = drawn.rotate(30, resample=Image.Resampling.BICUBIC).crop((left, top, left + width, top + height))
    shadow = ImageChops.subtract(ImageChops.offset(turned, 1, 1), turned)
    return turned.point(lambda level: level * 0.3), shadow.point(lambda level: level * 0.42)
