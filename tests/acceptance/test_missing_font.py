"""A font that vanishes while the shop is open: it is named, nothing is sold, what was paid waits and is then made."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

import makegood
from tests.shops import Shop, until

PACKAGE = Path(makegood.__file__).parent
FONTS = PACKAGE / "products" / "posters" / "fonts"
LINKED = [PACKAGE / "pages" / "static", FONTS, PACKAGE / "products" / "posters" / "photo" / "weights"]
FAMILY = "CormorantGaramond"


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the shop's own files in which each font is a link that may be taken away."""
    copy = tmp_path_factory.mktemp("package") / "makegood"

    def left_out(folder: str, names: list[str]) -> set[str]:
        return {name for name in names if Path(folder, name) in LINKED or name == "__pycache__"}

    shutil.copytree(PACKAGE, copy, ignore=left_out)
    for path in (path for path in LINKED if path != FONTS):
        (copy / path.relative_to(PACKAGE)).symlink_to(path)
    fonts = copy / FONTS.relative_to(PACKAGE)
    fonts.mkdir()
    for path in FONTS.iterdir():
        (fonts / path.name).symlink_to(path)
    return copy


@pytest.fixture(scope="module")
def shop(package: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    path = os.pathsep.join([str(package.parent), os.environ.get("PYTHONPATH", "")])
    with Shop(tmp_path_factory.mktemp("damaged"), PYTHONPATH=path) as running:
        yield running


def test_a_font_that_vanishes(shop: Shop, package: Path, poster_files: dict[str, Path]) -> None:
    buyer, late = shop.customer(), shop.customer()
    paid = buyer.payable(buyer.checkout(buyer.draft(poster_files, font="classic", title="Ours"))["number"])
    draft = late.draft(poster_files, font="classic", title="Theirs")
    # The typesetter has the font in its memory by now.
    assert late.http.get(f"/api/v1/drafts/{draft}/preview").status_code == 200
    fonts, away = package / "products" / "posters" / "fonts", package / "away"
    away.mkdir()
    for path in fonts.glob(f"{FAMILY}*"):
        path.rename(away / path.name)

    health = shop.customer().http.get("/health")
    assert (health.status_code, health.json()["status"]) == (503, "degraded")
    assert "Cormorant Garamond" in health.text
    assert "make setup" in health.text
    page = shop.customer().http.get("/posters")
    assert (page.status_code, "PRODUCT_BROKEN" in page.text) == (503, True)
    assert "Cormorant Garamond" in page.text
    late.refused(503, "PRODUCT_BROKEN", "POST", f"/api/v1/drafts/{draft}/quote", json={})
    shop.provider.act(paid["ref"])

    def problem() -> str:
        [unit] = buyer.order(paid["number"])["units"]
        return str((unit["problem"] or {}).get("code"))

    until(lambda: problem() == "FONT_MISSING", 60, "the reason for waiting")

    for path in away.iterdir():
        path.rename(fonts / path.name)
    assert buyer.at_rest(paid["number"], 90)["state"] == "delivered"
    assert shop.customer().http.get("/health").json()["status"] == "healthy"
    assert shop.customer().http.get("/posters").status_code == 200
