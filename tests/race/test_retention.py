"""Nothing that was paid for, or may still be paid for, is deleted; what nobody needs is."""

from __future__ import annotations

from pathlib import Path

from tests.shops import Shop, until


def test_an_order_keeps_its_files_though_its_draft_expires_before_the_payment(
    tmp_path: Path, poster_files: dict[str, Path]
) -> None:
    settings = {
        "MAKEGOOD_DRAFT_HOURS": "0.01", "MAKEGOOD_UNHELD_HOURS": "0", "MAKEGOOD_HOUSEKEEPING_SECONDS": "0.5",
        "MAKEGOOD_RETENTION_SECONDS": "0.5",
    }  # fmt: skip
    with Shop(tmp_path, **settings) as shop:
        customer = shop.customer()
        number = customer.checkout(customer.draft(poster_files))["number"]
        ref = customer.payable(number)["ref"]
        unpaid = customer.draft(poster_files)
        files = customer.expect(200, "GET", f"/api/v1/drafts/{unpaid}")["files"]
        given = shop.home / "objects" / "uploads" / files["photo"]["asset_id"]
        assert any(given.iterdir())

        until(lambda: not any(given.glob("*")), 60, "the deletion of the unpaid draft's photo")
        customer.refused(410, "DRAFT_EXPIRED", "GET", f"/api/v1/drafts/{unpaid}")
        shop.provider.act(ref)

        assert customer.at_rest(number)["state"] == "delivered"
