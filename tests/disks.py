"""A disk that is nearly full, without filling it: a floor a little below what is free, and a file that crosses it."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

MEGABYTE = 1 << 20
MOST_ROOM = 2048
"""Megabytes between what is free and the floor: more than others write beside the tests."""


def _free(folder: Path) -> int:
    return shutil.disk_usage(folder).free // MEGABYTE


def floor_below(folder: Path) -> str:
    """A `MAKEGOOD_DISK_FLOOR_MB` that the disk of `folder` does not meet before it is `full`."""
    free = _free(folder)
    return str(free - min(MOST_ROOM, free // 8))


@contextmanager
def full(folder: Path, floor_mb: str) -> Iterator[None]:
    """Meanwhile less is free than the floor, by as much as was free above it."""
    filler, size = folder / "filler", 2 * (_free(folder) - int(floor_mb))
    with filler.open("wb") as file:
        os.posix_fallocate(file.fileno(), 0, size * MEGABYTE)
    try:
        yield
    finally:
        filler.unlink()
