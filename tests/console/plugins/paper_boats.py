"""A product whose fate its buyer chooses: one that sails, one that leaks until the home has a plug, one that sinks."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from makegood.kernel.errors import Temporary, Unmakeable
from makegood.product_api import Artefact, MakeContext, Manifest, PriceLine, Product


class Leak(Temporary):
    code = "LEAK"
    operator = "The boat {name} leaks; put a file named plug into the home."


class Sunk(Unmakeable):
    code = "SUNK"
    customer = "The boat sank before it reached you, so we are giving your money back."
    operator = "The boat {name} sank."


class Options(BaseModel):
    model_config = ConfigDict(extra="forbid")

    name: str = Field(default="Calypso", max_length=300)
    fate: Literal["sails", "leaks", "sinks"] = "sails"


class PaperBoats(Product):
    manifest = Manifest("paper-boat", "Paper boat", "/paper-boats", "Folded, launched, yours.")
    options = Options
    deadline = timedelta(hours=4)
    step_labels: Mapping[str, str] = {"fold": "Folding the paper", "launch": "Launching it"}

    def price(self, options: BaseModel, facts: Mapping[str, Mapping[str, Any]]) -> Sequence[PriceLine]:
        return [PriceLine("Paper boat", 450)]

    def make(self, ctx: MakeContext) -> Sequence[Artefact]:
        options = ctx.unit.options
        assert isinstance(options, Options)
        sheet = ctx.scratch / "boat.txt"
        ctx.step("fold", lambda: self._fold(options))
        sheet.write_text(f"\\__|__/ {options.name} {ctx.unit.seed}\n", encoding="utf-8")
        return ctx.step("launch", lambda: [self._store(ctx, sheet)])

    def _fold(self, options: Options) -> None:
        if options.fate == "sinks":
            raise Sunk(name=options.name)
        if options.fate == "leaks" and not (Path(os.environ["MAKEGOOD_HOME"]) / "plug").exists():
            raise Leak(name=options.name)

    def _store(self, ctx: MakeContext, sheet: Path) -> Artefact:
        return ctx.store("boat", sheet, media_type="text/plain", file_name="boat.txt")

    def verify(self, ctx: MakeContext, artefacts: Sequence[Artefact]) -> None:
        """A boat is a boat."""

    def describe(self, options: BaseModel) -> str:
        assert isinstance(options, Options)
        return f"Paper boat “{options.name}”"


product = PaperBoats()
