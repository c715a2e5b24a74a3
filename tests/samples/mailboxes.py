"""A term: a mailbox at somebody else's, kept for the time that is paid for, and given back after it."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

import httpx
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

SERVER = "MAILBOX_SERVER"
"""The environment's name for the address of who keeps the mailboxes."""


class Wanted(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)
    seconds: float = Field(default=3600, gt=0)
    patience: float = Field(default=4, gt=0)
    """Seconds in which it may be restored, before its unused share goes back."""


class MailboxMissing(Temporary):
    code = "MAILBOX_MISSING"
    operator = "The mailbox {reference} does not answer: {status}."


class Mailboxes(Product):
    manifest = Manifest("mailboxes", "Mailbox", "/mailboxes", "A mailbox for as long as you pay for it.")
    options = Wanted
    step_labels: Mapping[str, str] = {"open": "Opening your mailbox", "write": "Writing its address down"}

    def price(self, options: BaseModel, facts: Mapping[str, Mapping[str, Any]]) -> Sequence[PriceLine]:
        return [PriceLine("Mailbox", 1000)]

    def make(self, ctx: MakeContext) -> Sequence[Artefact]:
        def open_it() -> str:
            renewed = ctx.unit.renews
            reference = renewed.references["mailbox"] if renewed else ctx.outside("mailbox")
            answer = _ask("GET", reference)
            if answer.status_code == 404:
                answer = _ask("PUT", reference)
            return _address(answer, reference)

        address = ctx.step("open", open_it)

        def write() -> list[Artefact]:
            path = ctx.scratch / "address.txt"
            path.write_text(f"{address}\n")
            return [ctx.store("address.txt", path, media_type="text/plain", file_name="address.txt", address=address)]

        return ctx.step("write", write)

    def verify(self, ctx: MakeContext, artefacts: Sequence[Artefact]) -> None:
        with ctx.open(artefacts[0]) as path:
            address = path.read_text().strip()
        _address(_ask("GET", address.partition("@")[0]), address)

    def commitments_for(self, unit: UnitView) -> Sequence[CommitmentTerm]:
        wanted = Wanted.model_validate(unit.options)
        lasts, limit = timedelta(seconds=wanted.seconds), timedelta(seconds=wanted.patience)
        return [CommitmentTerm("mailbox", lasts, grace=timedelta(seconds=1), limit=limit)]

    def probe(self, ctx: OutsideContext) -> str | None:
        status = _ask("GET", ctx.references["mailbox"]).status_code
        return None if status == 200 else f"it answers {status}"

    def revoke(self, ctx: OutsideContext) -> None:
        self.discard(ctx)

    def discard(self, ctx: OutsideContext) -> None:
        for reference in ctx.references.values():
            answer = _ask("DELETE", reference)
            if answer.status_code not in (204, 404):
                raise MailboxMissing(reference=reference, status=answer.status_code)


def _ask(method: str, reference: str) -> httpx.Response:
    return httpx.request(method, f"{os.environ[SERVER]}/mailboxes/{reference}", timeout=30)


def _address(answer: httpx.Response, reference: str) -> str:
    if answer.status_code not in (200, 201):
        raise MailboxMissing(reference=reference, status=answer.status_code)
    return str(answer.json()["address"])


product = Mailboxes()
