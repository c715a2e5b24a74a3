"""Telling what a customer wrote from what they chose, and taking it out of what others say."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any, Literal

import pytest
from pydantic import BaseModel, Field

from makegood.product_api import OFFERED
from makegood.proof.chosen import Form
from makegood.proof.redaction import Redactor


class Size(StrEnum):
    SMALL = "small"


class Engraving(BaseModel):
    side: Literal["front", "back"] = "front"
    words: str = ""


class Order(BaseModel):
    size: Size = Size.SMALL
    typeface: Annotated[str, OFFERED] = "fraktur"
    paper: Annotated[str | None, OFFERED] = None
    host: Annotated[str, Field(pattern=r"^[a-z0-9-]{1,20}$")] = ""
    accent: Literal["photo"] | Annotated[str, Field(max_length=7)] = "photo"
    count: int = 1
    gift: bool = False
    engravings: list[Engraving] = []
    guests: dict[str, Engraving] = {}
    sides: dict[Literal["front", "back"], str] = {}
    pair: tuple[Literal["left"], str] = ("left", "")
    anything: Any = None
    on: str = Field(default="", alias="engravedOn")


CASES: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "chosen from an enumeration": ({"size": "small"}, {"size": "small"}),
    "a name that the product gave": ({"typeface": "anna", "paper": "kraft"}, {"typeface": "anna", "paper": "kraft"}),
    "written within a pattern": ({"host": "anna"}, {"host": "[text of 4]"}),
    "either of both": ({"accent": "photo"}, {"accent": "photo"}),
    "the other of both": ({"accent": "anna"}, {"accent": "[text of 4]"}),
    "numbers": ({"count": 3, "gift": True, "paper": None}, {"count": 3, "gift": True, "paper": None}),
    "in a list": (
        {"engravings": [{"side": "back", "words": "mia"}]},
        {"engravings": [{"side": "back", "words": "[text of 3]"}]},
    ),
    "a name as a key": ({"guests": {"mia": {"side": "back"}}}, {"guests": {"[name 1]": {"side": "back"}}}),
    "a choice as a key": ({"sides": {"back": "mia"}}, {"sides": {"back": "[text of 3]"}}),
    "by its place": ({"pair": ["left", "left"]}, {"pair": ["left", "[text of 4]"]}),
    "of any kind": ({"anything": {"a": ["mia", 1]}}, {"anything": {"[name 1]": ["[text of 3]", 1]}}),
    "under another name": ({"on": "1 May"}, {"on": "[text of 5]"}),
    "nothing": ({"host": ""}, {"host": ""}),
    "an option that is no more": ({"size": "small", "motto": "mia"}, {"size": "small", "[name 2]": "[text of 3]"}),
}


@pytest.mark.parametrize("case", CASES)
def test_what_was_chosen_stays_and_what_was_written_goes(case: str) -> None:
    options, shown = CASES[case]
    assert Form(Order).masked(options)[0] == shown


def test_what_was_written_is_known_for_finding_it_elsewhere() -> None:
    options = {"size": "small", "engravings": [{"words": "mia"}], "guests": {"ben": {"words": "front"}}}
    assert sorted(Form(Order).masked(options)[1]) == ["ben", "front", "mia"]


def test_of_an_unknown_product_every_word_counts_as_written() -> None:
    assert Form(None).masked({"size": "small", "count": 2})[0] == {"[name 1]": "[text of 5]", "[name 2]": 2}


REPEATED = {
    "a short word": ("The card for Mia is torn.", "The card for [text of 3] is torn."),
    "in capitals": ("MIA", "[text of 3]"),
    "within another word": ("Mianzi", "Mianzi"),
    "in an address": ("GET /x?a=%2FMia", "GET /x?a=%2F[text of 3]"),
    "after an escape": (r"said\nMia\n", r"said\n[text of 3]\n"),
    "between underscores": ("/tmp/Mia_1.jpg", "/tmp/[text of 3]_1.jpg"),
    "a long text within others": ("xMia and Benx", "x[text of 11]x"),
    "as JSON in ASCII": (r"M\u00fcller", "[text of 11]"),
}


@pytest.mark.parametrize("case", REPEATED)
def test_what_others_repeat_of_it_is_taken_out(case: str) -> None:
    said, shown = REPEATED[case]
    redactor = Redactor((), personal={"Mia", "Mia and Ben", "Müller", "…"})
    assert redactor.data({"problem": said}) == {"problem": shown}


def test_a_state_stays_though_a_customer_wrote_the_same_word() -> None:
    redactor = Redactor((), personal={"paid", "state", "4", "abcd"})
    row = {"state": "paid", "payment_id": "01a2-abcd-4", "paid_at": "2026-04-04 4:44", "reason": "not paid"}
    assert redactor.data(row) == {**row, "reason": "not [text of 4]"}


def test_what_stands_in_for_words_is_not_taken_for_words() -> None:
    redactor = Redactor((), personal={"text", "of", "4", "anna", "name"})
    assert redactor.text("anna: [name 4] of 4") == "[text of 4]: [name 4] [text of 2] [text of 1]"


def test_with_personal_data_nothing_of_it_is_taken_out() -> None:
    redactor = Redactor((), personal={"Mia"}, personal_data=True)
    assert redactor.data({"problem": "The card for Mia"}) == {"problem": "The card for Mia"}
