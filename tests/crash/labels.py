"""Stickers whose product takes any picture for the right one, and whose first can't be drawn while the ink is out."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from makegood.product_api import Artefact, MakeContext, Manifest
from tests.samples.stickers import Smudged, Stickers

NO_INK = "no-ink"
"""A file in the shop's home: while it is there, whichever unit came first can't be drawn."""


class Labels(Stickers):
    manifest = Manifest("labels", "Labels", "/labels", "Stickers, looked at less closely.")

    def make(self, ctx: MakeContext) -> Sequence[Artefact]:
        no_ink = Path(os.environ["MAKEGOOD_HOME"]) / NO_INK
        if no_ink.exists():
            first = no_ink.read_text() or ctx.unit.id
            no_ink.write_text(first)
            if first == ctx.unit.id:
                raise Smudged(no=ctx.unit.unit_no)
        return super().make(ctx)

    def verify(self, ctx: MakeContext, artefacts: Sequence[Artefact]) -> None:
        with ctx.open(artefacts[0]) as path:
            assert path.read_bytes().startswith(b"<svg")


product = Labels()
