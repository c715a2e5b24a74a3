"""What every kind of test may use."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.shops import Shop

FIXTURES = Path(__file__).parent / "posters" / "fixtures"


@pytest.fixture(scope="session")
def poster_files() -> dict[str, Path]:
    """A small photo and a short recording, good enough to be sold a poster of."""
    return {"photo": FIXTURES / "photo" / "progressive.jpg", "sound": FIXTURES / "sound" / "sox-16bit.wav"}


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    """A running shop that the tests of one module share, each with orders of its own."""
    with Shop(tmp_path_factory.mktemp("shop")) as running:
        yield running
