"""A product for tests: copies a paper out, when it is let. Files in the home say what goes wrong: `fail` makes every
attempt fail, `never` fail for good, `wait` makes it wait until the file is gone, `hidden` makes nothing to download."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict

from makegood.kernel.errors import Rejected, Temporary, Unmakeable
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


class NoInk(Temporary):
    code = "NO_INK"
    operator = "The pen is dry."


class Unwritable(Unmakeable):
    code = "UNWRITABLE"
    customer = "This can't be written."
    operator = "Nobody can write this."


class NotWhatWasWritten(Rejected):
    code = "NOT_WHAT_WAS_WRITTEN"


class Options(BaseModel):
    model_config = ConfigDict(extra="forbid")
    text: str = "Dear diary"


def home() -> Path:
    return Path(os.environ["NOTES_CONTROL"])


class Notes(Product):
    manifest = Manifest("notes", "Note", "/notes", "Written down.")
    options = Options
    files: tuple[FileSlot, ...] = (FileSlot("paper", "Paper", 1 << 20, "text/plain", required=False),)
    codes: tuple[CodeSpec, ...] = ()
    commitments: tuple[CommitmentTerm, ...] = ()
    deadline = timedelta(hours=1)
    step_labels: Mapping[str, str] = {"write": "Writing"}
    templates: Path | None = None

    def inspect(self, ctx: WorkContext, slot: str, path: Path, file_name: str) -> Inspection:
        return Inspection("text/plain", {"letters": len(path.read_text())})

    def check(self, ctx: WorkContext, draft: DraftView) -> Sequence[str]:
        return ()

    def price(self, options: BaseModel, facts: Mapping[str, Mapping[str, Any]]) -> Sequence[PriceLine]:
        return [PriceLine("Note", 100)]

    def preview(self, ctx: WorkContext, draft: DraftView) -> Preview:
        return Preview(b"", "image/png")

    def make(self, ctx: MakeContext) -> Sequence[Artefact]:
        def write() -> list[Artefact]:
            while (home() / "wait").exists():
                (home() / "waiting").touch()
                time.sleep(0.02)
            if (home() / "fail").exists():
                raise NoInk
            if (home() / "never").exists():
                raise Unwritable
            target = ctx.scratch / "note.txt"
            target.write_text(self.text(ctx))
            facts = {"shown": False} if (home() / "hidden").exists() else {}
            return [ctx.store("note.txt", target, media_type="text/plain", file_name="note.txt", **facts)]

        return ctx.step("write", write)

    def text(self, ctx: MakeContext) -> str:
        papers = [given.path.read_text() for given in ctx.unit.inputs.values()]
        return "\n".join([str(ctx.unit.options.model_dump()["text"]), *papers, str(ctx.unit.seed)])

    def verify(self, ctx: MakeContext, artefacts: Sequence[Artefact]) -> None:
        with ctx.open(artefacts[0]) as note:
            if note.read_text() != self.text(ctx):
                raise NotWhatWasWritten

    def describe(self, options: BaseModel) -> str:
        return f"Note: “{options.model_dump()['text']}”"

    def pages(self, codes: Mapping[str, str]) -> Mapping[str, str]:
        return {}

    def checks(self) -> Sequence[Check]:
        return ()

    def router(self, shop: Shop) -> APIRouter:
        return APIRouter()


product = Notes()
