"""A product that takes as long to make as its order says, and keeps a tally of every step that was really worked."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from paper_planes import PaperPlanes
from pydantic import BaseModel, ConfigDict

from makegood.product_api import Artefact, MakeContext, Manifest


class Options(BaseModel):
    model_config = ConfigDict(extra="forbid")

    text: str = ""
    seconds: float = 0


class SlowNotes(PaperPlanes):
    manifest = Manifest("slow-notes", "Slow note", "/slow-notes", "Written when it is ready.")
    options = Options
    step_labels: Mapping[str, str] = {"think": "Thinking", "write": "Writing"}

    def make(self, ctx: MakeContext) -> Sequence[Artefact]:
        options = ctx.unit.options
        assert isinstance(options, Options)

        def think() -> str:
            _tally(ctx, "think")
            time.sleep(options.seconds)
            return options.text

        text = ctx.step("think", think)

        def write() -> Artefact:
            _tally(ctx, "write")
            time.sleep(options.seconds)
            path = ctx.scratch / "note.txt"
            path.write_text(f"{text}\n{ctx.unit.order_number}\n")
            return ctx.store("note", path, media_type="text/plain", file_name="note.txt")

        return [ctx.step("write", write)]

    def verify(self, ctx: MakeContext, artefacts: Sequence[Artefact]) -> None:
        with ctx.open(artefacts[0]) as path:
            assert ctx.unit.order_number in path.read_text()

    def describe(self, options: BaseModel) -> str:
        return "Slow note"


def _tally(ctx: MakeContext, step: str) -> None:
    handle = os.open(Path(os.environ["MAKEGOOD_HOME"]) / "tally", os.O_APPEND | os.O_CREAT | os.O_WRONLY)
    os.write(handle, f"{ctx.unit.order_number} {step} {os.getpid()}\n".encode())
    os.close(handle)


product = SlowNotes()
