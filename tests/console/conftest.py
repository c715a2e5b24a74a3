from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.console.desk import Desk, boat_shop
from tests.shops import Shop


@pytest.fixture(scope="package")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    """A shop of paper boats that the tests share, each with orders of its own."""
    with boat_shop(tmp_path_factory.mktemp("boats")) as running:
        yield running


@pytest.fixture(scope="package")
def owner(shop: Shop) -> Desk:
    return Desk(shop, "olga@example.com", "owner")


@pytest.fixture(scope="package")
def desk(shop: Shop, owner: Desk) -> Desk:
    """An operator at work."""
    return Desk(shop, "kim@example.com")


@pytest.fixture(scope="package")
def other(shop: Shop, owner: Desk) -> Desk:
    """A second operator."""
    return Desk(shop, "lee@example.com")


@pytest.fixture(scope="package")
def viewer(shop: Shop, owner: Desk) -> Desk:
    return Desk(shop, "vera@example.com", "viewer")
