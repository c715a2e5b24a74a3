"""The documents are true: what they link to and name is there, and the tables of states are those of the code."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from makegood.fulfillment.states import COMMITMENT, JOB
from makegood.kernel.states import States
from makegood.orders.states import DELIVERY, MONEY, PAYMENT

ROOT = Path(__file__).parents[2]
DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
LINK = re.compile(r"\]\((?!https?:|#|mailto:)([^)#\s]+)")
TEST = re.compile(r"`(tests/[\w/]+\.py)::(test_\w+)")
PATH = re.compile(r"`((?:src|tests|docs|bench|scripts|requirements|frontend)/[\w./-]*)`")
MODULE = re.compile(r"`([a-z_]+(?:/[a-z_]+)*(?:\.py|/))`")


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_what_a_document_points_to_is_there(document: Path) -> None:
    text = document.read_text()
    links = [target for target in LINK.findall(text) if not (document.parent / target).exists()]
    paths = [path for path in PATH.findall(text) if not (ROOT / path).exists()]
    assert (links, paths) == ([], [])


@pytest.mark.parametrize("name", ["promise.md", "architecture.md"])
def test_the_modules_that_a_document_names_are_there(name: str) -> None:
    below = [ROOT / "src" / "makegood", ROOT]
    named = MODULE.findall((ROOT / "docs" / name).read_text())
    assert named
    assert [module for module in named if not any((folder / module).exists() for folder in below)] == []


def test_the_tests_that_the_promise_names_are_there() -> None:
    named = TEST.findall((ROOT / "docs" / "promise.md").read_text())
    assert len(named) > 15
    assert [where for where in named if f"def {where[1]}(" not in (ROOT / where[0]).read_text()] == []


TABLES = [("delivery", DELIVERY), ("money", MONEY), ("payment", PAYMENT), ("job", JOB), ("commitment", COMMITMENT)]


@pytest.mark.parametrize(("heading", "states"), TABLES)
def test_the_tables_of_states_are_those_of_the_code(heading: str, states: States) -> None:
    text = (ROOT / "docs" / "promise.md").read_text()
    table = text.partition(f"| {heading} | may become |\n| --- | --- |\n")[2].partition("\n\n")[0]
    rows = [re.findall(r"`(\w+)`", row) for row in table.splitlines()]
    assert {first: set(rest) for first, *rest in rows} == {
        str(old): {str(new) for new in targets} for old, targets in states.transitions.items()
    }
