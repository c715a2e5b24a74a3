"""A product that is sold and then turns out to be impossible: its buyers get their money back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict

from makegood.kernel.errors import Unmakeable
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
    Shop,
    WorkContext,
)


class OutOfPaper(Unmakeable):
    code = "OUT_OF_PAPER"
    customer = "The last sheet of paper blew away, so we are giving your money back."
    operator = "No paper."


class Options(BaseModel):
    model_config = ConfigDict(extra="forbid")


class PaperPlanes:
    manifest = Manifest("paper-plane", "Paper plane", "/paper-planes", "Folded once, flown once.")
    options = Options
    files: tuple[FileSlot, ...] = ()
    codes: tuple[CodeSpec, ...] = ()
    commitments: tuple[CommitmentTerm, ...] = ()
    deadline = timedelta(hours=1)
    step_labels: Mapping[str, str] = {"fold": "Folding"}
    templates: Path | None = None

    def inspect(self, ctx: WorkContext, slot: str, path: Path, file_name: str) -> Inspection:
        raise AssertionError("there is no slot to inspect anything for")

    def check(self, ctx: WorkContext, draft: DraftView) -> None:
        """Nothing can be seen before it is folded."""

    def price(self, options: BaseModel, facts: Mapping[str, Mapping[str, Any]]) -> Sequence[PriceLine]:
        return [PriceLine("Paper plane", 100)]

    def preview(self, ctx: WorkContext, draft: DraftView) -> Preview:
        raise AssertionError("nobody looks at it beforehand")

    def make(self, ctx: MakeContext) -> Sequence[Artefact]:
        raise OutOfPaper

    def verify(self, ctx: MakeContext, artefacts: Sequence[Artefact]) -> None:
        raise AssertionError("nothing was made")

    def discard(self, ctx: MakeContext, artefacts: Sequence[Artefact]) -> None:
        """Nothing was made."""

    def describe(self, options: BaseModel) -> str:
        return "Paper plane"

    def pages(self, codes: Mapping[str, str]) -> Mapping[str, str]:
        return {}

    def checks(self) -> Sequence[Check]:
        return ()

    def router(self, shop: Shop) -> APIRouter:
        return APIRouter()


product = PaperPlanes()
