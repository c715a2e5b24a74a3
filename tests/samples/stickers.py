"""A batch: hundreds of stickers, worked off in chunks; some may come out later, or never."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from makegood.kernel.errors import Temporary, Unmakeable
from makegood.product_api import Artefact, MakeContext, Manifest, PriceLine, Product


class Sheet(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)
    motif: str = Field(default="star", pattern=r"^[a-z]{1,20}$")
    later: tuple[int, ...] = ()
    """Which of them (by their number) come out only at the second attempt."""
    never: tuple[int, ...] = ()
    """Which of them can't be made at all."""


class Smudged(Temporary):
    code = "STICKER_SMUDGED"
    operator = "Sticker {no} came out smudged."


class Unprintable(Unmakeable):
    code = "STICKER_UNPRINTABLE"
    customer = "This sticker can't be printed, so its money goes back to you."
    operator = "Sticker {no} can't be printed."


class Stickers(Product):
    manifest = Manifest("stickers", "Stickers", "/stickers", "The same motif, each with its own number.")
    options = Sheet
    most_units = 500
    chunk = 25
    step_labels: Mapping[str, str] = {"print": "Printing"}

    def price(self, options: BaseModel, facts: Mapping[str, Mapping[str, Any]]) -> Sequence[PriceLine]:
        return [PriceLine("Sticker", 7)]

    def make(self, ctx: MakeContext) -> Sequence[Artefact]:
        sheet, no = Sheet.model_validate(ctx.unit.options), ctx.unit.unit_no
        if no in sheet.never:
            raise Unprintable(no=no)

        def print_it() -> list[Artefact]:
            if no in sheet.later and ctx.attempt == 1:
                raise Smudged(no=no)
            path = ctx.scratch / "sticker.svg"
            path.write_text(_drawing(ctx))
            return [ctx.store("sticker.svg", path, media_type="image/svg+xml", file_name=f"{sheet.motif}-{no}.svg")]

        return ctx.step("print", print_it)

    def verify(self, ctx: MakeContext, artefacts: Sequence[Artefact]) -> None:
        with ctx.open(artefacts[0]) as path:
            if path.read_bytes() != _drawing(ctx).encode():
                raise Smudged(no=ctx.unit.unit_no)


def _drawing(ctx: MakeContext) -> str:
    motif = Sheet.model_validate(ctx.unit.options).motif
    return f'<svg xmlns="http://www.w3.org/2000/svg"><text>{motif} {ctx.unit.unit_no} {ctx.unit.seed}</text></svg>\n'


product = Stickers()
