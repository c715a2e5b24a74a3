"""Made at once, or when a test says so: while `hold-{name}` lies in the shop's home, nothing is folded."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict

from makegood.kernel.errors import Temporary
from makegood.product_api import (
    Artefact,
    Check,
    CodeSpec,
    CommitmentTerm,
    DraftView,
    FileSlot,
    Inspection,
    MakeContext,
    Manifest,
    Preview,
    PriceLine,
    Product,
    Shop,
    WorkContext,
)

LONGEST_HOLD = 120.0


class StillHeld(Temporary):
    code = "STILL_HELD"
    operator = "The test holds {name}."


class Boat(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)
    name: str = "Ada"


class PaperBoats(Product):
    manifest = Manifest("paper-boat", "Paper boat", "/paper-boats", "Folded once, sailed for ever.")
    options: type[BaseModel] = Boat
    files: tuple[FileSlot, ...] = ()
    codes: tuple[CodeSpec, ...] = ()
    commitments: tuple[CommitmentTerm, ...] = ()
    deadline = timedelta(hours=1)
    step_labels: Mapping[str, str] = {"boat.fold": "Folding"}
    templates: Path | None = None

    def inspect(self, ctx: WorkContext, slot: str, path: Path, file_name: str) -> Inspection:
        raise AssertionError("there is no slot to inspect anything for")

    def check(self, ctx: WorkContext, draft: DraftView) -> Sequence[str]:
        return ()

    def price(self, options: BaseModel, facts: Mapping[str, Mapping[str, Any]]) -> Sequence[PriceLine]:
        return [PriceLine("Paper boat", 250)]

    def preview(self, ctx: WorkContext, draft: DraftView) -> Preview:
        raise AssertionError("nobody looks at it beforehand")

    def make(self, ctx: MakeContext) -> Sequence[Artefact]:
        return ctx.step("boat.fold", lambda: [self._fold(ctx)])

    def verify(self, ctx: MakeContext, artefacts: Sequence[Artefact]) -> None:
        """A boat is a boat."""

    def describe(self, options: BaseModel) -> str:
        return "Paper boat"

    def pages(self, codes: Mapping[str, str]) -> Mapping[str, str]:
        return {}

    def checks(self) -> Sequence[Check]:
        return ()

    def router(self, shop: Shop) -> APIRouter:
        return APIRouter()

    def _fold(self, ctx: MakeContext) -> Artefact:
        name = ctx.unit.options.model_dump()["name"]
        end = time.monotonic() + LONGEST_HOLD
        while (Path(os.environ["MAKEGOOD_HOME"]) / f"hold-{name}").exists():
            if time.monotonic() > end:
                raise StillHeld(name=name)
            time.sleep(0.05)
        path = ctx.scratch / "boat.txt"
        path.write_text(f"{name} {ctx.unit.order_number} {ctx.unit.unit_no}\n")
        return ctx.store("boat.txt", path, media_type="text/plain", file_name="boat.txt")


product = PaperBoats()
