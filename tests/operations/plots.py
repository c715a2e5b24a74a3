"""A product for tests: a plot is staked outside the shop, and its map and its deed are written. The folder that
`PLOTS_WORLD` names is the world: `staked` has a file for each plot, `undone` a line for each that was given up; while
there is `refuses-{name}`, nothing is written for that name, while there is `delays-{name}`, its plots are staked
later, and while there is `keeps-{name}`, they can't be given up; `edition`, if there is one, goes into the deeds."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from makegood.kernel.errors import Temporary
from makegood.product_api import (
    Artefact,
    CommitmentTerm,
    MakeContext,
    Manifest,
    OutsideContext,
    PriceLine,
    Product,
    UnitView,
)

WORLD = "PLOTS_WORLD"


class NotWritten(Temporary):
    code = "NOT_WRITTEN"
    operator = "The land registry is closed for {name}."


class Wanted(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)
    name: str = Field(default="ada", pattern=r"^[a-z]{1,20}$")
    later: bool = False
    """The first attempt fails, after the plot was staked."""
    seconds: float = 0
    """How long the plot is promised, if it is."""
    grace: float = 0


class Plots(Product):
    manifest = Manifest("plots", "Plot", "/plots", "A piece of land, with its map and its deed.")
    options = Wanted
    most_units = 300
    chunk = 60
    step_labels: Mapping[str, str] = {"stake": "Staking it out", "write": "Writing the deed"}

    def price(self, options: BaseModel, facts: Mapping[str, Mapping[str, Any]]) -> Sequence[PriceLine]:
        return [PriceLine("Plot", 100)]

    def make(self, ctx: MakeContext) -> Sequence[Artefact]:
        wanted = Wanted.model_validate(ctx.unit.options)

        def stake() -> None:
            plot = _stake(ctx.outside("plot"))
            while (_world() / f"delays-{wanted.name}").exists():
                time.sleep(0.02)
            plot.touch()
            if (wanted.later and ctx.attempt == 1) or (_world() / f"refuses-{wanted.name}").exists():
                raise NotWritten(name=wanted.name)

        def write() -> list[Artefact]:
            where, edition = f"{ctx.unit.order_number} {ctx.unit.unit_no}", _world() / "edition"
            texts = {"map.txt": where, "deed.txt": where + (edition.read_text() if edition.exists() else "")}
            for name, text in texts.items():
                (ctx.scratch / name).write_text(text)
            return [ctx.store(n, ctx.scratch / n, media_type="text/plain", file_name=n) for n in texts]

        ctx.step("stake", stake)
        return ctx.step("write", write)

    def verify(self, ctx: MakeContext, artefacts: Sequence[Artefact]) -> None:
        for artefact in artefacts:
            with ctx.open(artefact) as path:
                assert path.read_text().startswith(ctx.unit.order_number)

    def commitments_for(self, unit: UnitView) -> Sequence[CommitmentTerm]:
        wanted = Wanted.model_validate(unit.options)
        lasts, grace = timedelta(seconds=wanted.seconds), timedelta(seconds=wanted.grace)
        return [CommitmentTerm("plot", lasts, grace=grace)] if wanted.seconds else []

    def probe(self, ctx: OutsideContext) -> str | None:
        lost = [name for name in ctx.references.values() if not _stake(name).exists()]
        return f"{lost[0]} is not staked" if lost else None

    def revoke(self, ctx: OutsideContext) -> None:
        self.discard(ctx)

    def discard(self, ctx: OutsideContext) -> None:
        if (_world() / f"keeps-{Wanted.model_validate(ctx.unit.options).name}").exists():
            raise NotWritten(name=ctx.unit.order_number)
        for reference in ctx.references.values():
            _stake(reference).unlink(missing_ok=True)
            with (_world() / "undone").open("a") as book:
                book.write(f"{reference}\n")


def _world() -> Path:
    return Path(os.environ[WORLD])


def _stake(reference: str) -> Path:
    return _world() / "staked" / reference


product = Plots()
