"""The processes of isolated work are killed while they have nothing to do, as a machine short of memory does it."""

from __future__ import annotations

import os
import signal
from contextlib import suppress
from pathlib import Path

from tests.shops import Shop, until


def idle_ones(shop: Shop) -> list[int]:
    """The shop's processes for isolated work."""
    assert shop.process is not None
    threads = Path(f"/proc/{shop.process.pid}/task").iterdir()
    children = " ".join(read(thread / "children") for thread in threads).split()
    return [int(child) for child in children if "spawn_main" in read(Path(f"/proc/{child}/cmdline"))]


def read(path: Path) -> str:
    """Nothing of what has just ended."""
    with suppress(OSError):
        return path.read_text()
    return ""


def test_a_killed_process_for_isolated_work_is_replaced(tmp_path: Path, poster_files: dict[str, Path]) -> None:
    with Shop(tmp_path) as shop:
        customer = shop.customer()
        order = customer.checkout(customer.draft(poster_files))
        for process in until(lambda: idle_ones(shop), 20, "the processes for isolated work"):
            os.kill(process, signal.SIGKILL)

        # Nothing is said to who uploads in this moment, and what was ordered is made.
        customer.draft(poster_files)
        shop.provider.act(customer.payable(order["number"])["ref"])
        assert customer.at_rest(order["number"])["state"] == "delivered"
