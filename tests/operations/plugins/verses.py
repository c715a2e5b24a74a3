"""A product for tests: a verse that is composed before it is paid for, and of which every file tells what it says."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from makegood.product_api import Artefact, GenerateContext, JobTerms, MakeContext, Manifest
from tests.operations.plugins.notes import NoInk, Notes, NotWhatWasWritten, home


class Verses(Notes):
    manifest = Manifest("verses", "Verse", "/verses", "Composed before it is paid for.")
    job = JobTerms(time_limit=timedelta(seconds=20))

    def generate(self, ctx: GenerateContext) -> Sequence[Artefact]:
        text = str(ctx.options.model_dump()["text"])

        def compose() -> list[Artefact]:
            target = ctx.scratch / "verse.txt"
            target.write_text("\n".join([text, *(given.path.read_text() for given in ctx.files.values())]))
            return [ctx.store("verse.txt", target, media_type="text/plain", file_name="verse.txt", begins=text)]

        return ctx.step("compose", compose)

    def make(self, ctx: MakeContext) -> Sequence[Artefact]:
        if (home() / "fail").exists():
            raise NoInk
        return ctx.generated()

    def verify(self, ctx: MakeContext, artefacts: Sequence[Artefact]) -> None:
        if artefacts[0].facts != {"begins": ctx.unit.options.model_dump()["text"]}:
            raise NotWhatWasWritten


product = Verses()
