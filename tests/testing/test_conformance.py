"""The conformance kit: every product passes it, and it finds what is wrong with one that doesn't conform."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from makegood.product_api import (
    Artefact,
    DraftView,
    MakeContext,
    OutsideContext,
    Preview,
    PriceLine,
    Product,
    WorkContext,
)
from makegood.products.posters import product as posters
from makegood.testing import CHECKS, Example, problems, run
from tests.samples import mailboxes, notes, stickers, tunes
from tests.samples.post_office import PostOffice

EXAMPLES = {
    "notes": (notes.product, Example({"text": "hello"})),
    "stickers": (stickers.product, Example({"motif": "moon"})),
    "tunes": (tunes.product, Example({"notes": 3})),
    "mailboxes": (mailboxes.product, Example({"seconds": 60})),
}


@pytest.fixture(scope="module", autouse=True)
def post_office(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PostOffice]:
    office = PostOffice(tmp_path_factory.mktemp("post-office"))
    office.start()
    os.environ[mailboxes.SERVER] = office.url
    yield office
    del os.environ[mailboxes.SERVER]
    office.stop()


@pytest.mark.parametrize("check", CHECKS)
@pytest.mark.parametrize("sample", EXAMPLES)
def test_each_kind_of_product_conforms(sample: str, check: str) -> None:
    run(check, *EXAMPLES[sample])


def test_the_sound_posters_conform(poster_files: dict[str, Path]) -> None:
    assert problems(posters.product, Example({"title": "Ours"}, poster_files)) == {}


class Careless(notes.Notes):
    """Notes, but for what a test spoils."""


class ByTheClock(Careless):
    def make(self, ctx: MakeContext) -> Sequence[Artefact]:
        def write() -> list[Artefact]:
            path = ctx.scratch / "note.txt"
            path.write_text(f"at {time.time_ns()}")
            return [ctx.store("note.txt", path, media_type="text/plain", file_name="note.txt")]

        return ctx.step("write", write)


class Trusting(Careless):
    def verify(self, ctx: MakeContext, artefacts: Sequence[Artefact]) -> None:
        """Sees nothing wrong."""


class Unlabelled(Careless):
    step_labels: Mapping[str, str] = {}


class Generous(Careless):
    def preview(self, ctx: WorkContext, draft: DraftView) -> Preview:
        return Preview(b"PREVIEW " + notes._note(_Unit(draft)).encode(), "text/plain")  # type: ignore[arg-type]


class _Unit:
    """As much of a unit as a note needs, from a draft."""

    def __init__(self, draft: DraftView) -> None:
        from makegood.testing.bench import ORDERED_AT

        self.unit = self
        self.options, self.order_number, self.unit_no = draft.options, "ORD-7K2M9QXW4D", 1
        self.ordered_at = ORDERED_AT


class Fickle(Careless):
    asked = 0

    def price(self, options: BaseModel, facts: Mapping[str, Mapping[str, Any]]) -> Sequence[PriceLine]:
        self.asked += 1
        return [PriceLine("Note", 100 + self.asked)]


class Lax(Careless):
    class Anything(BaseModel):
        text: str = "hello"

    options = Anything


class Unrecorded(Careless):
    """What its steps return depends on how often they ran."""

    runs = 0

    def make(self, ctx: MakeContext) -> Sequence[Artefact]:
        type(self).runs += 1
        path = ctx.scratch / "note.txt"
        path.write_text(ctx.step("write", lambda: "once") + "!" * self.runs)
        return [ctx.store("note.txt", path, media_type="text/plain", file_name="note.txt")]


class Grabbing(mailboxes.Mailboxes):
    """Throws away what everybody has."""

    def discard(self, ctx: OutsideContext) -> None:
        for obligation in ("obligation-loser", "obligation-winner"):
            mailboxes._ask("DELETE", f"{obligation}-mailbox")


class Forgetful(mailboxes.Mailboxes):
    """Throws nothing away."""

    def discard(self, ctx: OutsideContext) -> None: ...


@pytest.mark.parametrize(
    ("spoiled", "check"),
    [
        (ByTheClock, "same_unit_same_bytes"),
        (Trusting, "verify_refuses_damage"),
        (Unlabelled, "steps_are_named_and_labelled"),
        (Generous, "previews_give_nothing_away"),
        (Fickle, "price_is_pure"),
        (Lax, "options_survive_json"),
        (Unrecorded, "goes_on_after_each_step"),
        (Grabbing, "discard_leaves_the_winner_alone"),
        (Forgetful, "discard_leaves_the_winner_alone"),
    ],
)
def test_what_does_not_conform_is_found(spoiled: Callable[[], Product], check: str) -> None:
    found = problems(spoiled(), Example())
    assert check in found, found
