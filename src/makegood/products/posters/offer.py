"""What can be chosen for a poster, with the names that people read: data for the editor and for other programs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from makegood.product_api import FileSlot
from makegood.products.posters import layout
from makegood.products.posters.occasions import OCCASIONS
from makegood.products.posters.options import PAGE_MM, Page

SAMPLES = Path(__file__).parent / "samples"

PAGE_NAMES: dict[Page, str] = {
    "A4": "A4",
    "A3": "A3",
    "Letter": "US Letter",
    "18x24in": "18 × 24 inches",
    "24x36in": "24 × 36 inches",
}
SHAPE_NAMES = {"rect": "Rectangle", "rounded": "Rounded", "arch": "Arch", "circle": "Circle", "heart": "Heart"}
WAVE_NAMES = {
    "bars": "Bars",
    "mirrored": "Mirrored",
    "line": "Line",
    "filled": "Filled",
    "circular": "Around the photo",
    "gradient": "Gradient",
}
ACCENTS = {
    "#b0803f": "Old gold",
    "#a34a3c": "Brick",
    "#8a4f6d": "Mulberry",
    "#2f5d8a": "Denim",
    "#3f6b52": "Pine",
    "#3a3a44": "Graphite",
    "#f2e6cf": "Cream",
}


def offer(files: Sequence[FileSlot]) -> dict[str, Any]:
    """Everything that a form needs: what each template goes with, names, colours, texts by occasion, file limits."""
    found = layout.offer()
    return {
        **found,
        "templates": [{**each, "sample": _sample(each["id"])} for each in found["templates"]],
        "pages": [{"id": page, "name": PAGE_NAMES[page], "size": page_size(page)} for page in found["pages"]],
        "orientations": _named({each: each.capitalize() for each in found["orientations"]}),
        "shapes": _named(SHAPE_NAMES),
        "waves": _named(WAVE_NAMES),
        "accents": [{"id": colour, "name": name, "colour": colour} for colour, name in ACCENTS.items()],
        "occasions": [asdict(each) for each in OCCASIONS],
        "files": {slot.name: {"max_bytes": slot.max_bytes, "accept": slot.accept} for slot in files},
    }


def page_size(page: Page) -> str:
    """Width and height as people on either side of the ocean say it."""
    width, height = PAGE_MM[page]
    if page.endswith("in"):
        return f"{width / 10:.0f} × {height / 10:.0f} cm"
    if page == "Letter":
        return "8.5 × 11 in"
    return f"{width:.0f} × {height:.0f} mm"


def _named(names: dict[str, str]) -> list[dict[str, str]]:
    return [{"id": key, "name": name} for key, name in names.items()]


def _sample(template_id: str) -> str | None:
    return f"/posters/samples/{template_id}.webp" if (SAMPLES / f"{template_id}.webp").is_file() else None
