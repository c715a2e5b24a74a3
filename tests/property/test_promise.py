"""The state machine finds nothing in the shop as it is, and every bug that is planted in it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.errors import FlakyFailure
from hypothesis.stateful import run_state_machine_as_test

from makegood.kernel import faults
from tests.property import promise
from tests.property.planted import BUGS

EASY = settings(
    deadline=None, suppress_health_check=list(HealthCheck), print_blob=True, database=None, stateful_step_count=40
)  # fmt: skip
OF_ONE_SEED = 25
"""More of one seed are mostly the same example again, a little changed: a search begins anew after so many."""


@pytest.fixture(autouse=True)
def _worlds(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(faults, "reach", faults.reach)
    monkeypatch.setattr(promise, "worlds", promise.Worlds())
    yield
    promise.worlds.close()


def search(examples: int, easy: settings) -> None:
    for done in range(0, examples, OF_ONE_SEED):
        some = settings(easy, max_examples=min(OF_ONE_SEED, examples - done))
        run_state_machine_as_test(promise.Promise, settings=some)


@pytest.mark.parametrize("examples", [6, pytest.param(500, marks=pytest.mark.nightly)])
def test_whatever_happens_each_order_is_delivered_or_given_back_once(examples: int) -> None:
    search(examples, EASY)


@pytest.mark.parametrize("bug", BUGS)
def test_a_bug_still_fits_the_shop_that_it_is_planted_in(bug: str) -> None:
    """What it replaces is there; whether it is found takes the night."""
    with BUGS[bug]():
        pass


@pytest.mark.nightly
@pytest.mark.parametrize("bug", BUGS)
def test_a_planted_bug_is_found(bug: str) -> None:
    # What is found and then not found again was found: threads and clocks are not the same twice.
    with BUGS[bug](), pytest.raises((AssertionError, FlakyFailure)):
        search(500, settings(EASY, phases=[Phase.generate]))
