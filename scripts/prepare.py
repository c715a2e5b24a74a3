"""Makes a checkout ready to run, to test or to measure: `python3 scripts/prepare.py run|test|bench`.

Needs nothing but Python: it creates `.venv`, installs the pinned packages and this one, builds the pages and, for
tests, unpacks a browser. What is already in place, judged by content, is not done again; a higher level keeps what
the lower ones need, so `test` after `run` after `test` installs once. Exits non-zero when a step fails.
"""

from __future__ import annotations

import fcntl
import hashlib
import importlib.util
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
BIN = VENV / "bin"
REQUIREMENTS = ROOT / "requirements"
PACKAGES_STAMP = VENV / ".makegood-packages.json"
LEVELS = ("run", "test", "bench")
LOCKS = {"run": "constraints.txt", "test": "dev.txt", "bench": "bench.txt"}


def main() -> None:
    if len(sys.argv) != 2 or sys.argv[1] not in LEVELS:
        raise SystemExit(f"usage: python3 scripts/prepare.py {'|'.join(LEVELS)}")
    level = sys.argv[1]
    if sys.version_info < (3, 11):  # noqa: UP036 - this script runs before any requirement is checked
        raise SystemExit(f"Makegood needs Python 3.11 or newer; {sys.executable} is {sys.version.split()[0]}.")
    cache = ROOT / ".cache"
    cache.mkdir(exist_ok=True)
    with (cache / "prepare.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        create_venv()
        install_packages(level)
        run("python", "-m", "compileall", "-q", "src", "tests")
        install_node_modules(ROOT / "frontend")
        run("node", "build.mjs", folder=ROOT / "frontend")
        if level != "run":
            install_node_modules(ROOT / "tests" / "browser")
            run("python", "-m", "tests.browser.chromium")


def create_venv() -> None:
    """A virtual environment that belongs to this folder and a Python that still exists, with the pinned uv in it."""
    stamp = VENV / ".makegood-venv"
    wanted = f"{VENV} {digest(REQUIREMENTS / 'uv.txt')}"
    if (BIN / "python").exists() and stamp.exists() and stamp.read_text() == wanted:
        return
    if importlib.util.find_spec("ensurepip") is None:
        raise SystemExit("This Python lacks its venv module. Install it with:  sudo apt-get install python3-venv")

    def create() -> None:
        shutil.rmtree(VENV, ignore_errors=True)
        subprocess.run([sys.executable, "-m", "venv", VENV], check=True)
        run("python", "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--require-hashes", "--no-deps",
            "--requirement", REQUIREMENTS / "uv.txt")  # fmt: skip
        stamp.write_text(wanted)

    step("virtual environment", create)


def install_packages(level: str) -> None:
    """The locked packages of `level` and below, and this package in editable form for its entry points."""
    installed = json.loads(PACKAGES_STAMP.read_text()) if PACKAGES_STAMP.exists() else {"level": level, "digest": ""}
    level = max(level, installed["level"], key=LEVELS.index)
    locks = [REQUIREMENTS / LOCKS[each] for each in LEVELS[: LEVELS.index(level) + 1]]
    wanted = {"level": level, "digest": digest(*locks, ROOT / "pyproject.toml")}
    if installed == wanted:
        return

    def install() -> None:
        PACKAGES_STAMP.unlink(missing_ok=True)
        python = ("--quiet", "--python", BIN / "python")
        # Compiled here and not by whoever starts first: three quarters of a start went into it.
        run("uv", "pip", "sync", *python, "--require-hashes", "--compile-bytecode", *locks)
        run("uv", "pip", "install", *python, "--no-deps", "--editable", ROOT)
        PACKAGES_STAMP.write_text(json.dumps(wanted))

    step(f"Python packages to {level}", install)


def install_node_modules(folder: Path) -> None:
    stamp = folder / "node_modules" / ".makegood-lock"
    wanted = digest(folder / "package-lock.json")
    if stamp.exists() and stamp.read_text() == wanted:
        return

    def install() -> None:
        run("npm", "ci", "--silent", folder=folder)
        stamp.write_text(wanted)

    step(f"browser packages for {folder.relative_to(ROOT)}", install)


def step(name: str, work: Callable[[], None]) -> None:
    """Does `work`, saying what is being done and how long it took."""
    print(f"{name} …", end="", flush=True)
    started = time.monotonic()
    work()
    print(f" {time.monotonic() - started:.1f} s", flush=True)


def run(program: str, *arguments: str | Path, folder: Path = ROOT) -> None:
    """Runs a program of the virtual environment, whose node and npm come before any that the machine has."""
    environment = {**os.environ, "PATH": f"{BIN}{os.pathsep}{os.environ.get('PATH', '')}"}
    environment.pop("PYTHONHOME", None)
    done = subprocess.run([BIN / program, *arguments], cwd=folder, env=environment, check=False)
    if done.returncode != 0:
        raise SystemExit(f"\n{program} {' '.join(map(str, arguments))} failed with exit status {done.returncode}.")


def digest(*paths: Path) -> str:
    sha256 = hashlib.sha256()
    for path in paths:
        sha256.update(path.read_bytes())
    return sha256.hexdigest()


if __name__ == "__main__":
    main()
