"""What all pages are rendered with: one kind of template environment, the built files, and how figures are written."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Any

from babel.dates import format_date, format_datetime
from jinja2 import ChoiceLoader, Environment, FileSystemLoader, StrictUndefined, select_autoescape

from makegood.kernel.errors import Misconfigured
from makegood.kernel.money import Money

STATIC = Path(__file__).parent.parent / "pages" / "static"
"""What browsers may keep: the frontend build writes into its `dist`."""

STYLES = {"long": "d MMMM y, HH:mm", "day": "d MMMM y", "time": "HH:mm:ss"}


class AssetsMissing(Misconfigured):
    code = "ASSETS_MISSING"
    operator = "The built page files lack {name} (looked in {folder}). Build the frontend."


class BuiltFiles:
    """What the frontend build made, by the name of its source."""

    def address(self, source: str) -> str:
        """The address of what was made of `source`, or `AssetsMissing`."""
        built = self._built.get(source)
        if built is None:
            raise AssetsMissing(name=source, folder=STATIC / "dist")
        return f"/static/dist/{built['file']}"

    @cached_property
    def _built(self) -> Mapping[str, Mapping[str, Any]]:
        manifest = STATIC / "dist" / "manifest.json"
        if not manifest.is_file():
            raise AssetsMissing(name=manifest.name, folder=manifest.parent)
        found: Mapping[str, Mapping[str, Any]] = json.loads(manifest.read_text())
        return found


def environment(folders: Iterable[Path], shop_name: str) -> Environment:
    """An environment over these folders of templates; everything in HTML is escaped, an unknown name is an error."""
    made = Environment(
        loader=ChoiceLoader([FileSystemLoader(folder) for folder in folders]),
        autoescape=select_autoescape(["html"]),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.globals.update(shop_name=shop_name, asset=BuiltFiles().address)
    made.filters.update(
        iso=lambda value: read_moment(value).isoformat(),
        moment=lambda value, style="long": spoken_moment(read_moment(value), style),
        size=spoken_size,
        seconds=lambda value: f"{value:.1f} s",
        money=lambda minor, currency: Money(minor, currency).format(),
        browser=spoken_browser,
    )
    return made


def spoken_size(size: int) -> str:
    """`2480000` as `2.5 MB`."""
    value = float(size)
    for unit in ("bytes", "kB", "MB"):
        if value < 1000:
            return f"{value:.0f} {unit}" if unit == "bytes" or value >= 10 else f"{value:.1f} {unit}"
        value /= 1000
    return f"{value:.1f} GB"


def spoken_browser(user_agent: str) -> str:
    """What a person calls the browser of a `User-Agent`."""
    names = {"Edg": "Edge", "OPR": "Opera", "Firefox": "Firefox", "Chrome": "Chrome", "Safari": "Safari"}
    systems = {
        "iPhone": "iPhone",
        "iPad": "iPad",
        "Android": "Android",
        "Windows": "Windows",
        "Mac OS": "Mac",
        "Linux": "Linux",
    }
    name = next((said for mark, said in names.items() if mark in user_agent), "A browser")
    system = next((said for mark, said in systems.items() if mark in user_agent), None)
    return f"{name} on {system}" if system else name


def read_moment(value: datetime | str) -> datetime:
    """A moment in UTC, as an object or as the API writes it."""
    found = datetime.fromisoformat(value) if isinstance(value, str) else value
    return found.astimezone(UTC)


def spoken_moment(value: datetime, style: str) -> str:
    """A moment as a person writes it: `long`, `day` or `time`."""
    if style == "day":
        return str(format_date(value, STYLES[style], locale="en"))
    zone = "" if style == "time" else " UTC"
    return f"{format_datetime(value, STYLES[style], locale='en')}{zone}"
