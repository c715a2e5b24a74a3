"""Letters become HTML and text: Jinja fills the templates in, mrml turns MJML into HTML that mail programs show."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass, fields
from functools import cache
from pathlib import Path
from typing import Any

import mrml
from babel.dates import format_datetime
from jinja2 import Environment, FileSystemLoader, StrictUndefined, TemplateError, select_autoescape
from markupsafe import Markup

from makegood.kernel.money import Money
from makegood.notify.errors import LetterTemplateBroken
from makegood.notify.letters import Letter

TEMPLATES = Path(__file__).parent / "templates"


@dataclass(frozen=True, slots=True)
class Rendered:
    """A letter's two bodies."""

    html: str
    text: str


def render(letter: Letter, *, shop_name: str, shop_url: str) -> Rendered:
    """Both bodies of the letter; a template that is missing or broken raises `LetterTemplateBroken`."""
    values = {field.name: getattr(letter, field.name) for field in fields(letter)}
    values |= {"subject": letter.subject, "shop_name": shop_name, "shop_url": shop_url}
    mjml = _fill(f"{letter.template}.mjml.j2", values)
    try:
        html = mrml.to_html(mjml).content
    except OSError as error:
        # mrml reports bad markup as an OSError.
        raise LetterTemplateBroken(template=f"{letter.template}.mjml.j2", reason=str(error)) from error
    return Rendered(html=html, text=_fill(f"{letter.template}.txt.j2", values).strip() + "\n")


DROPPED = ("Cc", "Zl", "Zp", "Cs")
NOT_XML = "\ufffe\uffff"


def one_line(value: object) -> object:
    """Text as one line without control characters, nor those that no XML may hold: neither markup nor the text body can
    be forged or broken with it."""
    if not isinstance(value, str) or isinstance(value, Markup):
        return value
    plain = "".join(" " if unicodedata.category(sign) in DROPPED or sign in NOT_XML else sign for sign in value)
    return " ".join(plain.split())


def file_size(size: int) -> str:
    """Bytes as a person reads them: `840 kB`, `2.4 MB`."""
    if size < 1_000_000:
        return f"{max(1, round(size / 1000))} kB"
    return f"{size / 1_000_000:.1f} MB"


def _fill(template: str, values: dict[str, Any]) -> str:
    try:
        return _environment().get_template(template).render(values)
    except TemplateError as error:
        raise LetterTemplateBroken(template=template, reason=f"{type(error).__name__}: {error}") from error


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=select_autoescape(("mjml.j2",)),
        undefined=StrictUndefined,
        finalize=one_line,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["money"] = Money.format
    environment.filters["file_size"] = file_size
    environment.filters["day"] = lambda moment: format_datetime(moment, "d MMMM y", locale="en")
    return environment
