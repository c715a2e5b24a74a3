"""A term that works on what its customer gave: a mailbox with their paper in it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from makegood.product_api import Artefact, FileSlot, Inspection, MakeContext, Manifest, WorkContext
from tests.samples.mailboxes import Mailboxes


class Cabinets(Mailboxes):
    manifest = Manifest("cabinets", "Cabinet", "/cabinets", "A mailbox with a paper of yours in it.")
    files: tuple[FileSlot, ...] = (FileSlot("paper", "Paper", 1 << 20, "text/plain", required=False),)

    def inspect(self, ctx: WorkContext, slot: str, path: Path, file_name: str) -> Inspection:
        return Inspection("text/plain", {})

    def make(self, ctx: MakeContext) -> Sequence[Artefact]:
        made = list(super().make(ctx))

        def put_in() -> list[Artefact]:
            path = ctx.scratch / "papers.txt"
            path.write_text("\n".join(given.path.read_text() for given in ctx.unit.inputs.values()))
            return [*made, ctx.store("papers.txt", path, media_type="text/plain", file_name="papers.txt")]

        return ctx.step("put_in", put_in)

    step_labels = {**Mailboxes.step_labels, "put_in": "Putting your paper in"}  # noqa: RUF012


product = Cabinets()
