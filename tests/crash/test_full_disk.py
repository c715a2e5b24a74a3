"""The disk is full for a while, below the database and below the log alike."""

from __future__ import annotations

import resource
import time
from pathlib import Path

from tests.shops import Shop

FULL_SECONDS = 3.0
"""Several sweeps long."""


def test_after_a_full_disk_everything_goes_on_by_itself(tmp_path: Path) -> None:
    with Shop(tmp_path, sells=["tests.samples.notes"], MAKEGOOD_RECONCILE_SECONDS="0.5") as shop:
        customer = shop.customer()
        order = customer.payable(customer.checkout(customer.draft({}, "notes"))["number"])
        assert shop.process is not None

        # No file may grow, nor any log.
        before = resource.prlimit(shop.process.pid, resource.RLIMIT_FSIZE, (1, resource.RLIM_INFINITY))
        time.sleep(FULL_SECONDS)
        resource.prlimit(shop.process.pid, resource.RLIMIT_FSIZE, before)

        # Nobody calls: only what looks by itself finds it.
        shop.provider.act(order["ref"], webhook="never")
        assert customer.at_rest(order["number"])["state"] == "delivered"
