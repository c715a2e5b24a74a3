"""What a product is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any, Protocol

from fastapi import APIRouter
from pydantic import BaseModel

from makegood.product_api.contexts import MakeContext, Shop, WorkContext
from makegood.product_api.things import (
    Artefact,
    Check,
    CodeSpec,
    CommitmentTerm,
    DraftView,
    FileSlot,
    Inspection,
    Manifest,
    Preview,
    PriceLine,
)


class Product(Protocol):
    """Something on sale, found by an entry point of the group `makegood.products`.

    Only what differs from product to product is asked of it; money, states, retries and delivery are the platform's.
    """

    manifest: Manifest
    options: type[BaseModel]
    files: tuple[FileSlot, ...]
    codes: tuple[CodeSpec, ...]
    commitments: tuple[CommitmentTerm, ...]
    deadline: timedelta
    """From payment until an undelivered unit is refunded."""
    step_labels: Mapping[str, str]
    """What a waiting customer reads while a step runs, by step name, in order."""
    templates: Path | None
    """A folder of Jinja templates named `<product id>/…`, or None."""

    # A product that has tables of its own also has `metadata` (sqlalchemy.MetaData, of a DeclarativeBase of its own)
    # and `migrations` (the folder of its Alembic revisions, the first with the branch label `<product id>`). The
    # platform reads both by `getattr`: who keeps nothing in tables says nothing about them.

    def inspect(self, ctx: WorkContext, slot: str, path: Path, file_name: str) -> Inspection:
        """Look into an upload by its content; raise a `Rejected` that names what is wrong with it."""
        ...

    def check(self, ctx: WorkContext, draft: DraftView) -> Sequence[str]:
        """Whether this draft, whose files are all there, can be made as it stands; raise a `Rejected` or
        `Misconfigured` that says why not. Returns warnings: what the customer should know before paying for it all
        the same. Called before every quote and checkout, so that nothing is sold that can't be made; its answer is
        remembered for the draft's version."""
        ...

    def price(self, options: BaseModel, facts: Mapping[str, Mapping[str, Any]]) -> Sequence[PriceLine]:
        """The price of one unit, pure, from its options and the facts of its files (by slot)."""
        ...

    def preview(self, ctx: WorkContext, draft: DraftView) -> Preview:
        """What the draft will look like, marked so that it is worth nothing in place of the real one."""
        ...

    def make(self, ctx: MakeContext) -> Sequence[Artefact]:
        """Make one unit in named, recorded steps. Deterministic in the unit: same unit, same bytes.
        Raise `Unmakeable` when it can never succeed; anything else is retried until the deadline."""
        ...

    def verify(self, ctx: MakeContext, artefacts: Sequence[Artefact]) -> None:
        """Read the artefacts back and convince yourself that a customer can use them; raise if not."""
        ...

    def discard(self, ctx: MakeContext, artefacts: Sequence[Artefact]) -> None:
        """Undo the outside effects of this attempt only. Stored files are the platform's to clear away."""
        ...

    def describe(self, options: BaseModel) -> str:
        """One line for order pages, receipts and mails."""
        ...

    def pages(self, codes: Mapping[str, str]) -> Mapping[str, str]:
        """The pages that belong to one unit, by label: paths that its codes (by purpose) open. Often none."""
        ...

    def checks(self) -> Sequence[Check]:
        """What this product needs to be there: fonts, templates, models."""
        ...

    def router(self, shop: Shop) -> APIRouter:
        """The product's own pages and API, mounted at the root; it answers under `manifest.route_prefix`,
        `/api/v1/<id>` and the root paths that its codes need."""
        ...
