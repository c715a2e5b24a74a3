"""From a customer's files and choices to the finished things. Every function runs in an isolated process."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from PIL import Image

from makegood.kernel.errors import Rejected, Temporary
from makegood.products.posters import layout, photo, sound
from makegood.products.posters.layout import PosterJob
from makegood.products.posters.options import PosterOptions

WAVE_POINTS = 720
LISTENING_POINTS = 240
PRINT_DPI = 300
SCREEN_PIXELS = 1600
LISTENING_PIXELS = 900
CHECK_PIXELS = 120
MILLIMETRES = 25.4


class ScreenImageWrong(Temporary):
    code = "SCREEN_IMAGE_WRONG"
    customer = "Making your poster took an unexpected turn; we are trying again."
    operator = "The PNG is {found}, not {expected} pixels wide."


class ClipSilent(Rejected):
    code = "CLIP_SILENT"
    customer = "Nothing can be heard in this part of the recording. Please choose another part; nothing was charged."
    operator = "The clip from {start} s to {end} s is silent."


@dataclass(frozen=True, slots=True)
class Material:
    """What one poster is made from. `peaks` and `proxy` were derived from the uploads; `url` is what the QR code
    opens; `dated` is None for a preview."""

    options: PosterOptions
    photo: Path
    proxy: Path
    sound: Path
    peaks: Path
    photo_facts: Mapping[str, Any]
    sound_facts: Mapping[str, Any]
    url: str
    dated: datetime | None

    @property
    def clip(self) -> tuple[float, float]:
        """Beginning and end of the clip in seconds: as chosen, else as suggested when the recording came."""
        chosen, facts = self.options, self.sound_facts
        if chosen.clip_start is None and chosen.clip_end is None:
            return float(facts["clip_start"]), float(facts["clip_end"])
        return sound.clip_range(float(facts["duration_seconds"]), chosen.clip_start, chosen.clip_end)

    @property
    def focus(self) -> tuple[float, float]:
        """Where the photo's subject is: as chosen, else as found."""
        x, y = self.options.focus_x, self.options.focus_y
        return (
            float(self.photo_facts["focus_x"]) if x is None else x,
            float(self.photo_facts["focus_y"]) if y is None else y,
        )

    def job(self, picture: Path, size: tuple[int, int]) -> PosterJob:
        """The layout's job with `picture` (an upright JPEG of `size` pixels)."""
        start, end = self.clip
        peaks = sound.Peaks.from_bytes(self.peaks.read_bytes())
        return PosterJob(
            options=self.options, wave=sound.shape(peaks, start, end, WAVE_POINTS), photo=picture, photo_px=size,
            url=self.url, seconds=end - start, palette=tuple(self.photo_facts["palette"]), focus=self.focus,
            dated=self.dated,
        )  # fmt: skip

    def small_job(self) -> PosterJob:
        """The job with the small proxy: what previews are drawn from."""
        facts = self.photo_facts
        return self.job(self.proxy, (int(facts["proxy_width"]), int(facts["proxy_height"])))


def check(material: Material) -> tuple[str, ...]:
    """Set the whole poster, small, so that everything that could go wrong when it is made goes wrong now. Returns
    what the customer should know before paying for it."""
    layout.require_known(material.options.template)
    start, end = material.clip
    if sound.Peaks.from_bytes(material.peaks.read_bytes()).is_silent(start, end):
        raise ClipSilent(start=start, end=end)
    layout.render_png(material.small_job(), CHECK_PIXELS)
    width_mm, height_mm, _ = layout.photo_frame(material.options)
    left, top, right, bottom = _frame(material)
    warning = photo.print_warning(right - left, bottom - top, width_mm, height_mm)
    return (warning,) if warning else ()


def preview(material: Material) -> tuple[bytes, str]:
    """The marked preview and its media type."""
    return layout.render_preview(material.small_job())


def cut(material: Material, target: Path, listening: Path) -> None:
    """The clip that the QR code plays, and what the listening page shows of it."""
    start, end = material.clip
    sound.cut_clip(material.sound, target, start, end)
    peaks = sound.Peaks.from_bytes(material.peaks.read_bytes())
    page = {"seconds": round(end - start, 3), "wave": sound.shape(peaks, start, end, LISTENING_POINTS)}
    listening.write_text(json.dumps(page, separators=(",", ":")))


def draw(material: Material, scratch: Path, pdf: Path, png: Path, small: Path) -> str:
    """The final PDF, the PNG for screens, and a small JPEG for the listening page; returns the sha256 of the photo as
    printed."""
    picture = scratch / "photo.jpg"
    job = material.job(picture, _print_photo(material, picture))
    pdf.write_bytes(layout.render_pdf(job))
    png.write_bytes(layout.render_png(material.small_job(), SCREEN_PIXELS))
    with Image.open(png) as page:
        size = (LISTENING_PIXELS, round(page.height * LISTENING_PIXELS / page.width))
        page.convert("RGB").resize(size, Image.Resampling.LANCZOS).save(small, "JPEG", quality=84)
    return hashlib.sha256(picture.read_bytes()).hexdigest()


def verify(material: Material, clip: Path, listening: Path, pdf: Path, png: Path, photo_sha256: str) -> None:
    """Whether a customer can use all of it: raises what is wrong."""
    start, end = material.clip
    sound.check_clip(clip, end - start)
    json.loads(listening.read_text())["wave"]
    expected = layout.expectations(material.small_job())
    layout.preflight(pdf, replace(expected, photo_sha256=photo_sha256))
    with Image.open(png) as image:
        image.verify()
        if image.width != SCREEN_PIXELS:
            raise ScreenImageWrong(found=image.width, expected=SCREEN_PIXELS)


def _frame(material: Material) -> tuple[int, int, int, int]:
    """The part of the photo that this poster shows, in the upright photo's pixels."""
    whole = (int(material.photo_facts["width"]), int(material.photo_facts["height"]))
    return layout.photo_crop(material.options, whole, material.focus)


def _print_photo(material: Material, target: Path) -> tuple[int, int]:
    """The photo cropped to its frame at no more than the print's resolution; its size in pixels."""
    width_mm, height_mm, _ = layout.photo_frame(material.options)
    facts = photo.print_photo(
        material.photo, target, max_width_px=round(width_mm / MILLIMETRES * PRINT_DPI),
        max_height_px=round(height_mm / MILLIMETRES * PRINT_DPI), frame=_frame(material),
    )  # fmt: skip
    return facts.width, facts.height
