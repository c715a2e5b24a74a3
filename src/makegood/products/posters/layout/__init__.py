"""The poster itself: options become layout data, drawings, a page, and a look at the finished page."""

from makegood.products.posters.layout.checks import checks
from makegood.products.posters.layout.design import require_known
from makegood.products.posters.layout.job import PosterJob
from makegood.products.posters.layout.look import offer, photo_crop, photo_frame, resolve
from makegood.products.posters.layout.preflight import Expectations, PreflightReport, expectations, preflight
from makegood.products.posters.layout.render import render_pdf, render_png, render_preview

__all__ = [
    "Expectations",
    "PosterJob",
    "PreflightReport",
    "checks",
    "expectations",
    "offer",
    "photo_crop",
    "photo_frame",
    "preflight",
    "render_pdf",
    "render_png",
    "render_preview",
    "require_known",
    "resolve",
]
