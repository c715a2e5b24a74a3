"""What a product is."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict

from makegood.kernel.errors import NotFound, Rejected
from makegood.product_api.contexts import GenerateContext, MakeContext, OutsideContext, Shop, WorkContext
from makegood.product_api.things import (
    Artefact,
    Check,
    CodeSpec,
    CommitmentTerm,
    DraftView,
    FileSlot,
    Inspection,
    JobTerms,
    Manifest,
    Preview,
    PriceLine,
    UnitView,
)


class NoOptions(BaseModel):
    """The options of a product that has nothing to choose."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class NoSuchFile(Rejected):
    code = "SLOT_UNKNOWN"
    status = 404
    customer = "This product takes no such file."
    operator = "{product} has no slot {slot}."


class NoPreview(NotFound):
    code = "NO_PREVIEW"
    customer = "There is nothing to look at before this is made."
    operator = "{product} has no preview."


class Product(ABC):
    """Something on sale, found by an entry point of the group `makegood.products`.

    Only what differs from product to product is asked of it; money, states, retries and delivery are the platform's.
    A product states its manifest, `price`, `make` and `verify`, and of the rest only what it needs.
    """

    manifest: Manifest
    options: type[BaseModel] = NoOptions
    files: tuple[FileSlot, ...] = ()
    codes: tuple[CodeSpec, ...] = ()
    commitments: tuple[CommitmentTerm, ...] = ()
    """What every unit stays owed for; where that depends on the options, see `commitments_for`."""
    deadline: timedelta = timedelta(hours=24)
    """From payment until an undelivered unit is refunded."""
    most_units: int = 20
    """The largest quantity of one order."""
    chunk: int = 1
    """How many units of one order line are worked off together, each with its own success or failure."""
    job: JobTerms | None = None
    """That `generate` makes the draft's result before it is paid for."""
    step_labels: Mapping[str, str] = {}
    """What a waiting customer reads while a step runs, by step name, in order. Every step has one."""
    templates: Path | None = None
    """A folder of Jinja templates named `<product id>/…`, or None."""

    # A product that has tables of its own also has `metadata` (sqlalchemy.MetaData, of a DeclarativeBase of its own)
    # and `migrations` (the folder of its Alembic revisions, the first with the branch label `<product id>`). The
    # platform reads both by `getattr`: who keeps nothing in tables says nothing about them.

    @abstractmethod
    def price(self, options: BaseModel, facts: Mapping[str, Mapping[str, Any]]) -> Sequence[PriceLine]:
        """The price of one unit, pure, from its options and the facts of its files (by slot)."""

    @abstractmethod
    def make(self, ctx: MakeContext) -> Sequence[Artefact]:
        """Make one unit in named, recorded steps. Deterministic in the unit: same unit, same bytes.
        Raise `Unmakeable` when it can never succeed; anything else is retried until the deadline."""

    @abstractmethod
    def verify(self, ctx: MakeContext, artefacts: Sequence[Artefact]) -> None:
        """Read the artefacts back and convince yourself that a customer can use them; raise if not."""

    def inspect(self, ctx: WorkContext, slot: str, path: Path, file_name: str) -> Inspection:
        """Look into an upload by its content; raise a `Rejected` that names what is wrong with it."""
        raise NoSuchFile(product=self.manifest.id, slot=slot)

    def check(self, ctx: WorkContext, draft: DraftView) -> Sequence[str]:
        """Whether this draft, whose files are all there, can be made as it stands; raise a `Rejected` or
        `Misconfigured` that says why not. Returns warnings: what the customer should know before paying for it all
        the same. Called before every quote and checkout, so that nothing is sold that can't be made; its answer is
        remembered for the draft's version."""
        return ()

    def preview(self, ctx: WorkContext, draft: DraftView) -> Preview:
        """What the draft will look like, marked so that it is worth nothing in place of the real one."""
        raise NoPreview(product=self.manifest.id)

    def generate(self, ctx: GenerateContext) -> Sequence[Artefact]:
        """Make a draft's result before it is paid for; asked only of products with `job`. Deterministic in options,
        files and seed, so that what is lost after payment can be made again."""
        raise NotImplementedError(f"{self.manifest.id} has job terms and doesn't say how to generate")

    def discard(self, ctx: OutsideContext) -> None:  # noqa: B027 - most have nothing outside
        """Undo what is outside under `ctx.references`: an attempt that was overtaken or abandoned left it there. Called
        again until it succeeds, so what is already gone is a success. Stored files are the platform's to clear away."""

    def commitments_for(self, unit: UnitView) -> Sequence[CommitmentTerm]:
        """What stays owed for this unit after its delivery."""
        return self.commitments

    def probe(self, ctx: OutsideContext) -> str | None:
        """Look whether what stays owed is there; the problem in one sentence if it isn't. An error that is raised
        counts as a problem too. That the unit's files are in the store has been looked at before."""
        return None

    def revoke(self, ctx: OutsideContext) -> None:  # noqa: B027 - most have nothing outside
        """Take back what the unit has outside: its term is over, or its money went back. Called again until it
        succeeds."""

    def describe(self, options: BaseModel) -> str:
        """One line for order pages, receipts and mails."""
        return self.manifest.name

    def pages(self, codes: Mapping[str, str]) -> Mapping[str, str]:
        """The pages that belong to one unit, by label: paths that its codes (by purpose) open. Often none."""
        return {}

    def checks(self) -> Sequence[Check]:
        """What this product needs to be there: fonts, templates, models."""
        return ()

    def router(self, shop: Shop) -> APIRouter:
        """The product's own pages and API, mounted at the root; it answers under `manifest.route_prefix`,
        `/api/v1/<id>` and the root paths that its codes need."""
        return APIRouter()
