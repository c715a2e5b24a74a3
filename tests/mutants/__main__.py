"""Takes each protection away in a copy of the source and shows that a test turns red: `make mutants`."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.mutants import checkout, money, shop, work
from tests.mutants.mutant import Mutant

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "src"
MUTANTS = [*money.MUTANTS, *checkout.MUTANTS, *work.MUTANTS, *shop.MUTANTS]


def is_red(mutant: Mutant, folder: Path) -> bool:
    """Whether the mutant's test fails on a copy of the source that lacks the protection."""
    copy = folder / "src"
    shutil.copytree(SOURCE, copy, symlinks=True, ignore=shutil.ignore_patterns("__pycache__"))
    for name, present, instead in mutant.changes:
        path = copy / "makegood" / name
        text = path.read_text()
        if present not in text:
            raise SystemExit(f"{mutant.name}: {name} has no {present!r} any more")
        path.write_text(text.replace(present, instead))
    command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", mutant.test]
    env = {**os.environ, "PYTHONPATH": str(copy), "TESTING_PATIENCE": "1"}
    done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, check=False)
    (folder / "log").write_text(done.stdout + done.stderr)
    if done.returncode not in (0, 1):
        raise SystemExit(f"{mutant.name}: the test was not run to its end: {done.stdout[-500:]}")
    return done.returncode == 1


def main() -> int:
    """Try all, or those whose name contains an argument; 1 if one of them stayed green. `--check` only looks whether
    what each takes away still stands in the source."""
    if sys.argv[1:] == ["--check"]:
        stale = [
            m.name for m in MUTANTS if any(old not in (SOURCE / "makegood" / f).read_text() for f, old, _ in m.changes)
        ]
        print("".join(f"what this takes away is not there: {name}\n" for name in stale) or "mutants: up to date")
        return 1 if stale else 0
    wanted = [m for m in MUTANTS if len(sys.argv) < 2 or any(word in m.name for word in sys.argv[1:])]
    green = []
    for mutant in wanted:
        begun = time.monotonic()
        with tempfile.TemporaryDirectory() as folder:
            red = is_red(mutant, Path(folder))
        print(f"{'red  ' if red else 'GREEN'}  {time.monotonic() - begun:5.1f} s  {mutant.name}", flush=True)
        green += [] if red else [mutant]
    print(f"{len(wanted) - len(green)} passed, {len(green)} failed")
    return 1 if green else 0


if __name__ == "__main__":
    sys.exit(main())
