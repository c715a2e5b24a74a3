"""Chaos, small in the fast tier: nothing lost, nothing doubled, nothing unexplained, as outsiders see it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(
    ("database", "orders"),
    [
        ("postgres", 15),
        pytest.param("sqlite", 60, marks=pytest.mark.nightly),
        pytest.param("socket", 300, marks=pytest.mark.nightly),
        pytest.param("postgres", 10_000, marks=pytest.mark.nightly),
    ],
)
def test_nothing_is_lost_or_doubled_while_everything_fails_in_turn(tmp_path: Path, database: str, orders: int) -> None:
    command = [sys.executable, "-m", "tests.chaos", "--orders", str(orders), "--database", database]
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))}
    done = subprocess.run(
        [*command, "--keep", str(tmp_path), "--workers", "2"], cwd=ROOT, env=env, capture_output=True, text=True,
        check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-2000:]
    verdict = json.loads(done.stdout.splitlines()[-1])
    assert verdict["orders"] == orders
    assert (verdict["lost"], verdict["double"], verdict["unexplained"]) == (0, 0, 0)
    assert verdict["delivered"] >= orders // 2
