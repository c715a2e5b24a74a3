"""A file of ours that vanishes while the shop is open: nothing is sold, what was paid waits, then all of it heals."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

import makegood
from tests.acceptance.conftest import ledger
from tests.shops import Shop, until

HEAVY = [
    "pages/static", "products/posters/fonts", "products/posters/samples", "products/posters/photo/weights",
]  # fmt: skip
PACKAGE = Path(makegood.__file__).parent


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the shop's own files that may be damaged; what is large and stays whole is only linked."""
    copy = tmp_path_factory.mktemp("package") / "makegood"
    heavy = {PACKAGE / path for path in HEAVY}

    def left_out(folder: str, names: list[str]) -> set[str]:
        return {name for name in names if Path(folder, name) in heavy or name == "__pycache__"}

    shutil.copytree(PACKAGE, copy, ignore=left_out)
    for path in HEAVY:
        (copy / path).symlink_to(PACKAGE / path)
    return copy


@pytest.fixture(scope="module")
def shop(package: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    home = tmp_path_factory.mktemp("damaged")
    path = os.pathsep.join([str(package.parent), os.environ.get("PYTHONPATH", "")])
    with Shop(home, PYTHONPATH=path) as running:
        yield running


@pytest.mark.parametrize("name", ["arch.toml", "shared/papers.toml"])
def test_a_template_file_that_vanishes(shop: Shop, package: Path, poster_files: dict[str, Path], name: str) -> None:
    buyer, late, early = shop.customer(), shop.customer(), shop.customer()
    paid = buyer.payable(buyer.checkout(buyer.draft(poster_files, template="arch"))["number"])
    draft = late.draft(poster_files, template="framed")
    quote = late.quote(draft)
    made = early.checkout(early.draft(poster_files, template="arch"))["number"]
    shop.provider.act(early.payable(made)["ref"])
    early.at_rest(made)
    assert shop.customer().http.get("/health").json()["status"] == "healthy"
    before = ledger(shop)
    file = package / "products" / "posters" / "designs" / name
    file.rename(file.with_suffix(".gone"))

    # Nothing is sold, and nobody is charged.
    health = shop.customer().http.get("/health")
    assert (health.status_code, health.json()["status"]) == (503, "degraded")
    assert file.name in health.text
    late.refused(503, "PRODUCT_BROKEN", "POST", f"/api/v1/drafts/{draft}/quote", json={})
    body = {"email": "kim@example.com", "quote": quote}
    key = {"Idempotency-Key": "a-key-of-some-length"}
    late.refused(503, "PRODUCT_BROKEN", "POST", f"/api/v1/drafts/{draft}/checkout", json=body, headers=key)
    late.refused(503, "PRODUCT_BROKEN", "POST", "/api/v1/drafts", json={"product": "posters"})
    assert late.expect(200, "GET", "/api/v1/orders") == []
    assert ledger(shop) == before
    assert shop.customer().http.get("/").status_code == 200

    # What is paid is owed, and says why it waits.
    shop.provider.act(paid["ref"])

    def problem() -> str:
        [unit] = buyer.order(paid["number"])["units"]
        return str((unit["problem"] or {}).get("code"))

    until(lambda: problem() == "TEMPLATE_MISSING", 60, "the reason for waiting")
    order = buyer.order(paid["number"])
    assert (order["state"], order["units"][0]["money"]) == ("in_progress", "kept")

    # What was delivered stays so.
    url = early.order(made)["units"][0]["artefacts"][0]["url"]
    assert early.http.get(url).status_code == 200

    # With the file everything comes back, without a restart.
    file.with_suffix(".gone").rename(file)
    assert buyer.at_rest(paid["number"], 90)["state"] == "delivered"
    assert shop.provider.captures(order["payment"]["id"]) == 1
    assert shop.customer().http.get("/health").json()["status"] == "healthy"
    assert late.expect(201, "POST", f"/api/v1/drafts/{draft}/checkout", json=body, headers=key)["total"]["minor"] == 299
