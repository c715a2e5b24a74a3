"""What posters need on the disk, looked at one by one."""

from __future__ import annotations

from collections.abc import Container
from pathlib import Path

from makegood.product_api import Check
from makegood.products.posters.layout import design, fonts
from makegood.products.posters.layout.errors import FontMissing, TemplateBroken, TemplateMissing

PAGES = ("editor.html", "editor-parts.html", "listen.html", "listen-waiting.html", "product.html")
SHARED = ("poster.typ", "fonts.toml", "papers.toml", "phrases.toml")


def checks(designs: Path = design.DESIGNS, font_files: Path = fonts.FONTS) -> tuple[Check, ...]:
    """One line for each shared file, built-in template and font family: empty `problem` when all is well, else the
    code of the error that its use would raise and the file or family that is missing."""
    shared = [_shared(name, designs) for name in SHARED]
    if any(line.problem for line in shared):
        return tuple(shared)
    there = fonts.files(font_files)
    families = [_font(family, there) for family in fonts.needed()]
    pages = [_page(name) for name in PAGES]
    return (*shared, *pages, *(_template(each, designs) for each in design.BUILT_IN), *families)


def _page(name: str) -> Check:
    if (design.DESIGNS.parent / "templates" / "posters" / name).is_file():
        return Check(f"page {name}")
    return Check(f"page {name}", f"{TemplateMissing.code}: templates/posters/{name}", design.MEND)


def _shared(name: str, designs: Path) -> Check:
    if (designs / "shared" / name).is_file():
        return Check(f"template file {name}")
    return Check(f"template file {name}", f"{TemplateMissing.code}: {name}", design.MEND)


def _template(template_id: str, designs: Path) -> Check:
    name = f"template {template_id}"
    try:
        chosen = design.template(template_id, designs)
    except (TemplateMissing, TemplateBroken) as problem:
        return Check(name, str(problem), design.MEND)
    if chosen.font not in fonts.pairs():
        return Check(name, f"{TemplateBroken.code}: {chosen.id}.toml: no font pair {chosen.font}", design.MEND)
    if not chosen.background.startswith("#") and chosen.background not in design.table("papers")["papers"]:
        return Check(name, f"{TemplateBroken.code}: {chosen.id}.toml: no paper {chosen.background}", design.MEND)
    return Check(name)


def _font(family: str, there: Container[str]) -> Check:
    if family in there:
        return Check(f"font {family}")
    return Check(f"font {family}", f"{FontMissing.code}: {family}", fonts.MEND)
