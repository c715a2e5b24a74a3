"""A product that is sold and then turns out to be impossible: its buyers get their money back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from pydantic import BaseModel

from makegood.kernel.errors import Unmakeable
from makegood.product_api import Artefact, MakeContext, Manifest, PriceLine, Product


class OutOfPaper(Unmakeable):
    code = "OUT_OF_PAPER"
    customer = "The last sheet of paper blew away, so we are giving your money back."
    operator = "No paper."


class PaperPlanes(Product):
    manifest = Manifest("paper-plane", "Paper plane", "/paper-planes", "Folded once, flown once.")
    deadline = timedelta(hours=1)
    step_labels: Mapping[str, str] = {"fold": "Folding"}

    def price(self, options: BaseModel, facts: Mapping[str, Mapping[str, Any]]) -> Sequence[PriceLine]:
        return [PriceLine("Paper plane", 100)]

    def make(self, ctx: MakeContext) -> Sequence[Artefact]:
        raise OutOfPaper

    def verify(self, ctx: MakeContext, artefacts: Sequence[Artefact]) -> None:
        raise AssertionError("nothing was made")


product = PaperPlanes()
