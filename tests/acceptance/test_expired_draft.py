"""A draft that nobody touched for its time is over: its owner is told, its files are gone, nobody is charged."""

from __future__ import annotations

import uuid
from pathlib import Path

from tests.acceptance.conftest import ledger
from tests.shops import Shop, until


def test_an_expired_draft(tmp_path: Path, poster_files: dict[str, Path]) -> None:
    settings = {
        "MAKEGOOD_DRAFT_HOURS": "0.01", "MAKEGOOD_UNHELD_HOURS": "0", "MAKEGOOD_HOUSEKEEPING_SECONDS": "0.5",
        "MAKEGOOD_RETENTION_SECONDS": "0.5",
    }  # fmt: skip
    with Shop(tmp_path, **settings) as shop:
        customer = shop.customer()
        draft = customer.draft(poster_files, title="Ours")
        at, quote = f"/api/v1/drafts/{draft}", customer.quote(draft)
        uploads = shop.home / "objects" / "uploads"
        assert len(stored(uploads)) == 4

        until(lambda: customer.http.get(at).status_code == 410, 60, "the end of the draft")

        for method, below, request in (
            ("GET", "", {}),
            ("PATCH", "", {"json": {"options": {"title": "Still ours"}}}),
            ("PUT", "/files/photo", {"content": poster_files["photo"].read_bytes()}),
            ("DELETE", "/files/photo", {}),
            ("GET", "/files/photo/content", {}),
            ("GET", "/preview", {}),
            ("POST", "/quote", {"json": {}}),
            ("POST", "/checkout", {"json": {"email": "kim@example.com", "quote": quote}}),
        ):
            headers = {"Idempotency-Key": str(uuid.uuid4())}
            customer.refused(410, "DRAFT_EXPIRED", method, at + below, headers=headers, **request)
        for page in (f"/posters/{draft}", f"/checkout/{draft}"):
            assert customer.http.get(page).status_code == 410
        shop.customer().refused(404, "DRAFT_NOT_FOUND", "GET", at)
        until(lambda: not stored(uploads), 30, "the deletion of its files")
        assert customer.expect(200, "GET", "/api/v1/orders") == []
        assert ledger(shop) == []

        number = customer.checkout(customer.draft(poster_files))["number"]
        shop.provider.act(customer.payable(number)["ref"])
        assert customer.at_rest(number)["state"] == "delivered"


def stored(uploads: Path) -> list[Path]:
    return [path for path in uploads.rglob("*") if path.is_file()]
