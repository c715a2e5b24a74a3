"""A job before payment: a tune is composed and can be heard in part for nothing; who likes it pays for all of it."""

from __future__ import annotations

import io
import math
import random
import struct
import time
import wave
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from makegood.kernel.errors import Temporary
from makegood.product_api import (
    Artefact,
    DraftView,
    GenerateContext,
    JobTerms,
    MakeContext,
    Manifest,
    NoPreview,
    Preview,
    PriceLine,
    Product,
    WorkContext,
)

RATE, NOTE = 8000, 1000


class Wishes(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)
    notes: int = Field(default=12, ge=2, le=64)
    slowness: float = Field(default=0, ge=0, le=60)
    """Seconds that each note takes to come to mind."""


class TuneWrong(Temporary):
    code = "TUNE_WRONG"
    operator = "The tune has {found} notes instead of {wanted}."


class Tunes(Product):
    manifest = Manifest("tunes", "Tune", "/tunes", "A tune of your own; hear it before you pay.")
    options = Wishes
    job = JobTerms(time_limit=timedelta(seconds=4), tries=2)
    step_labels: Mapping[str, str] = {"compose": "Composing"}

    def price(self, options: BaseModel, facts: Mapping[str, Mapping[str, Any]]) -> Sequence[PriceLine]:
        return [PriceLine("Tune", 200)]

    def generate(self, ctx: GenerateContext) -> Sequence[Artefact]:
        wishes = Wishes.model_validate(ctx.options)

        def compose() -> list[Artefact]:
            chance, pitches = random.Random(ctx.seed), []
            for number in range(wishes.notes):
                ctx.progress(number / wishes.notes)
                pitches.append(chance.choice([262, 294, 330, 392, 440]))
                time.sleep(wishes.slowness)
            path = ctx.scratch / "tune.wav"
            path.write_bytes(_wave(pitches))
            return [ctx.store("tune.wav", path, media_type="audio/wav", file_name="tune.wav")]

        return ctx.step("compose", compose)

    def preview(self, ctx: WorkContext, draft: DraftView) -> Preview:
        if "tune.wav" not in draft.generated:
            raise NoPreview(product=self.manifest.id)
        with wave.open(str(draft.generated["tune.wav"].path)) as whole, io.BytesIO() as part:
            with wave.open(part, "wb") as beginning:
                beginning.setparams(whole.getparams())
                beginning.writeframes(whole.readframes(NOTE))
            return Preview(part.getvalue(), "audio/wav")

    def make(self, ctx: MakeContext) -> Sequence[Artefact]:
        return ctx.generated()

    def verify(self, ctx: MakeContext, artefacts: Sequence[Artefact]) -> None:
        wanted = Wishes.model_validate(ctx.unit.options).notes
        with ctx.open(artefacts[0]) as path, wave.open(str(path)) as tune:
            # What the header says is one thing, what is there another.
            found = len(tune.readframes(tune.getnframes())) // tune.getsampwidth()
            if found != wanted * NOTE:
                raise TuneWrong(found=found / NOTE, wanted=wanted)


def _wave(pitches: Sequence[int]) -> bytes:
    sounds = [round(9000 * math.sin(2 * math.pi * pitch * i / RATE)) for pitch in pitches for i in range(NOTE)]
    with io.BytesIO() as data:
        with wave.open(data, "wb") as file:
            file.setparams((1, 2, RATE, 0, "NONE", "not compressed"))
            file.writeframes(struct.pack(f"<{len(sounds)}h", *sounds))
        return data.getvalue()


product = Tunes()
