"""Small things to sell: made in a moment from what the customer wrote on them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

from fastapi import APIRouter
from fastapi.responses import PlainTextResponse
from pydantic import BaseModel, ConfigDict

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


class Options(BaseModel):
    model_config = ConfigDict(extra="forbid")

    note: str = ""


class Toy(Product):
    options = Options
    files: tuple[FileSlot, ...] = ()
    codes: tuple[CodeSpec, ...] = ()
    commitments: tuple[CommitmentTerm, ...] = ()
    deadline = timedelta(hours=1)
    step_labels: Mapping[str, str] = {"build": "Building"}
    templates: Path | None = None

    def __init__(self, product_id: str, name: str) -> None:
        self.manifest = Manifest(product_id, name, f"/{product_id}", "A toy.")

    def inspect(self, ctx: WorkContext, slot: str, path: Path, file_name: str) -> Inspection:
        raise AssertionError("there is no slot to inspect anything for")

    def check(self, ctx: WorkContext, draft: DraftView) -> Sequence[str]:
        return ()

    def price(self, options: BaseModel, facts: Mapping[str, Mapping[str, Any]]) -> Sequence[PriceLine]:
        return [PriceLine(self.manifest.name, 100)]

    def preview(self, ctx: WorkContext, draft: DraftView) -> Preview:
        raise AssertionError("nobody looks at it beforehand")

    def make(self, ctx: MakeContext) -> Sequence[Artefact]:
        def build() -> list[Artefact]:
            toy = ctx.scratch / "toy.txt"
            toy.write_text(f"{self.manifest.name}: {ctx.unit.options.note}")
            return [ctx.store("toy.txt", toy, media_type="text/plain", file_name="toy.txt")]

        return ctx.step("build", build)

    def verify(self, ctx: MakeContext, artefacts: Sequence[Artefact]) -> None:
        with ctx.open(artefacts[0]) as toy:
            assert toy.read_text().startswith(self.manifest.name)

    def discard(self, ctx: MakeContext, artefacts: Sequence[Artefact]) -> None:
        """Nothing outside the store was touched."""

    def describe(self, options: BaseModel) -> str:
        return self.manifest.name

    def pages(self, codes: Mapping[str, str]) -> Mapping[str, str]:
        return {}

    def checks(self) -> Sequence[Check]:
        return (Check("string"),)

    def router(self, shop: Shop) -> APIRouter:
        routes = APIRouter()
        routes.add_api_route(self.manifest.route_prefix, lambda: PlainTextResponse(f"Buy a {self.manifest.name}!"))
        routes.add_api_route(f"/api/v1/{self.manifest.id}/offer", lambda: {"offer": [self.manifest.name]})
        return routes


marbles = Toy("marbles", "Marble")
