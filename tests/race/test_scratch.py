"""Processes that share a home, on other hosts too, leave each other's work alone and clear up after the dead."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

from makegood.storage.scratch import Scratch

ANOTHER = """
import sys
from pathlib import Path
from makegood.storage.scratch import Scratch
scratch = Scratch(Path(sys.argv[1]))
print(scratch.folder(), flush=True)
sys.stdin.read()
"""


@contextmanager
def another(root: Path) -> Iterator[Path]:
    """The folder of another process, which is killed in the end."""
    command = [sys.executable, "-c", ANOTHER, str(root)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        folder = Path(process.stdout.readline().strip())
        (folder / "begun").mkdir()
        try:
            yield folder
        finally:
            process.kill()


def test_who_starts_removes_what_the_dead_left_and_nothing_of_the_living(tmp_path: Path) -> None:
    own = Scratch(tmp_path / "scratch")
    (own.folder() / "mine").mkdir()
    with another(own.root) as folder:
        for starting in (own, Scratch(own.root)):
            starting.clear()
        assert (folder / "begun").is_dir()
        assert (own.folder() / "mine").is_dir()

    for index in range(200):
        (folder / str(index)).write_text("left")
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: Scratch(own.root).clear(), range(4)))

    assert {path.stem for path in own.root.iterdir()} == {own.folder().name}


def test_who_has_lost_its_folder_works_on_in_another(tmp_path: Path) -> None:
    scratch = Scratch(tmp_path / "scratch")
    first = scratch.folder()
    shutil.rmtree(tmp_path / "scratch")

    assert scratch.folder() != first
    assert scratch.folder().is_dir()
