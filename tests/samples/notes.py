"""A file: a few words become a text to download."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from makegood.kernel.errors import Temporary
from makegood.product_api import Artefact, DraftView, MakeContext, Manifest, Preview, PriceLine, Product, WorkContext


class Words(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)
    text: str = Field(default="hello", min_length=1, max_length=2000)


class NoteWrong(Temporary):
    code = "NOTE_WRONG"
    operator = "The note doesn't say what was ordered."


class Notes(Product):
    manifest = Manifest("notes", "Note", "/notes", "A few words, written down.")
    options = Words
    step_labels: Mapping[str, str] = {"write": "Writing it down"}

    def price(self, options: BaseModel, facts: Mapping[str, Mapping[str, Any]]) -> Sequence[PriceLine]:
        return [PriceLine("Note", 100)]

    def preview(self, ctx: WorkContext, draft: DraftView) -> Preview:
        return Preview(f"PREVIEW {_text(draft.options)[:5]}…".encode(), "text/plain")

    def make(self, ctx: MakeContext) -> Sequence[Artefact]:
        def write() -> list[Artefact]:
            path = ctx.scratch / "note.txt"
            path.write_text(_note(ctx))
            return [ctx.store("note.txt", path, media_type="text/plain", file_name=f"note-{ctx.unit.unit_no}.txt")]

        return ctx.step("write", write)

    def verify(self, ctx: MakeContext, artefacts: Sequence[Artefact]) -> None:
        with ctx.open(artefacts[0]) as path:
            if path.read_bytes() != _note(ctx).encode():
                raise NoteWrong

    def describe(self, options: BaseModel) -> str:
        return f"Note “{_text(options)[:20]}”"


def _text(options: BaseModel) -> str:
    return str(options.model_dump()["text"])


def _note(ctx: MakeContext) -> str:
    return f"{_text(ctx.unit.options)}\n{ctx.unit.order_number} {ctx.unit.unit_no} {ctx.unit.ordered_at:%Y-%m-%d}\n"


product = Notes()
