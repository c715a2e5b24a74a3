"""A shop of toys that the tests of one module share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.health.toyshop import Toyshop


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Toyshop]:
    with Toyshop(tmp_path_factory.mktemp("toys")) as running:
        yield running
