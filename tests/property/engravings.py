"""A product that is made from what the customer uploads: that must outlive every clean-up until it is delivered."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict

from makegood.product_api import (
    Artefact,
    FileSlot,
    Inspection,
    MakeContext,
    Manifest,
    PriceLine,
    Product,
    WorkContext,
)


class Nothing(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Engravings(Product):
    manifest = Manifest("engravings", "Engraving", "/engravings", "Your picture, in copper.")
    options = Nothing
    files = (FileSlot("picture", "Picture", 1 << 20, "*/*"),)
    step_labels: Mapping[str, str] = {"engrave": "Engraving"}

    def inspect(self, ctx: WorkContext, slot: str, path: Path, file_name: str) -> Inspection:
        return Inspection("application/octet-stream", {"bytes": path.stat().st_size})

    def price(self, options: BaseModel, facts: Mapping[str, Mapping[str, Any]]) -> Sequence[PriceLine]:
        return [PriceLine("Engraving", 300)]

    def make(self, ctx: MakeContext) -> Sequence[Artefact]:
        def engrave() -> list[Artefact]:
            path = ctx.scratch / "engraving.txt"
            path.write_bytes(b"engraved: " + ctx.unit.inputs["picture"].path.read_bytes())
            return [ctx.store("engraving.txt", path, media_type="text/plain", file_name="engraving.txt")]

        return ctx.step("engrave", engrave)

    def verify(self, ctx: MakeContext, artefacts: Sequence[Artefact]) -> None:
        with ctx.open(artefacts[0]) as path:
            assert path.read_bytes() == b"engraved: " + ctx.unit.inputs["picture"].path.read_bytes()


product = Engravings()
