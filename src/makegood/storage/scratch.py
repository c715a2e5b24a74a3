"""Where a process puts what it is just working on, in a home that it may share with others, on other hosts too."""

from __future__ import annotations

import fcntl
import os
import shutil
import threading
import time
from pathlib import Path

from makegood.kernel.ids import new_id

HELD = ".held"
"""Beside each folder lies a file of its name that its process keeps locked for as long as it lives: a process's number
says nothing on another host, or in another container."""
UNLOCKED_SECONDS = 24 * 60 * 60
"""How long an untouched folder without such a file is left alone: earlier versions locked none."""


class Scratch:
    """The folders of the processes below `root`; this one's is made when it is first needed."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._lock = threading.Lock()
        self._own: Path | None = None
        self._held: int | None = None

    def folder(self) -> Path:
        """This process's own folder; another one if it has vanished."""
        with self._lock:
            if self._own is None or not self._own.is_dir():
                self._own = self._claim()
            return self._own

    def clear(self) -> None:
        """Remove what processes that are gone left behind: it belongs to nobody."""
        if not self.root.is_dir():
            return
        for path in self.root.iterdir():
            if path.suffix == HELD:
                _remove_if_left(path)
            elif not path.with_suffix(HELD).exists() and _age(path) > UNLOCKED_SECONDS:
                shutil.rmtree(path, ignore_errors=True)

    def _claim(self) -> Path:
        self.root.mkdir(parents=True, exist_ok=True)
        while True:
            folder = self.root / new_id()
            lock = folder.with_suffix(HELD)
            held = os.open(lock, os.O_RDWR | os.O_CREAT, 0o600)
            if _take(held) is False or not lock.exists():
                os.close(held)  # somebody took it for left, just before
                continue
            try:
                folder.mkdir()
            except OSError:
                lock.unlink(missing_ok=True)
                os.close(held)
                raise
            if self._held is not None:
                os.close(self._held)
            self._held = held
            return folder


def _remove_if_left(lock: Path) -> None:
    """Remove the folder whose process is gone. Others may be doing the same."""
    try:
        held = os.open(lock, os.O_RDWR)
    except OSError:
        return
    try:
        if _take(held):
            shutil.rmtree(lock.with_suffix(""), ignore_errors=True)
            lock.unlink(missing_ok=True)
    finally:
        os.close(held)


def _take(held: int) -> bool | None:
    """Lock it, if nobody else has; None on a file system that can't: there nothing is cleared."""
    try:
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        return None
    return True


def _age(path: Path) -> float:
    try:
        return time.time() - path.stat().st_mtime
    except OSError:
        return 0
