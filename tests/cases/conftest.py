"""One shop for all cases, which stays up through them, and its operators' office."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

import makegood
from tests.cases.corner import CornerShop, Office

PACKAGE = Path(makegood.__file__).parent
POSTERS = Path("products/posters")
FONTS = POSTERS / "fonts"
LINKED = [Path("pages/static"), FONTS, POSTERS / "samples", POSTERS / "photo" / "weights"]
SETTINGS = {"MAKEGOOD_TAX_PERCENT": "19", "MAKEGOOD_LEASE_SECONDS": "2"}


@pytest.fixture(scope="package")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the shop's own files from which some may be taken away."""
    copy = tmp_path_factory.mktemp("package") / "makegood"
    linked = {PACKAGE / path for path in LINKED}
    shutil.copytree(PACKAGE, copy, ignore=lambda folder, names: {n for n in names if Path(folder, n) in linked})
    for path in LINKED:
        if path != FONTS:
            (copy / path).symlink_to(PACKAGE / path)
    (copy / FONTS).mkdir()
    for font in (PACKAGE / FONTS).iterdir():
        (copy / FONTS / font.name).symlink_to(font)
    return copy


@pytest.fixture(scope="package")
def shop(tmp_path_factory: pytest.TempPathFactory, package: Path) -> Iterator[CornerShop]:
    path = os.pathsep.join([str(package.parent), os.environ.get("PYTHONPATH", "")])
    with CornerShop(tmp_path_factory.mktemp("corner"), PYTHONPATH=path, **SETTINGS) as running:
        yield running


@pytest.fixture(scope="package")
def office(shop: CornerShop) -> Iterator[Office]:
    with Office(shop) as working:
        yield working
