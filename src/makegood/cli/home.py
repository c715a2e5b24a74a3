"""The home's lock: at most one process serves a home, and others find its address."""

from __future__ import annotations

import fcntl
import os
import socket
from pathlib import Path
from types import TracebackType
from typing import Self

from makegood.kernel.errors import MakegoodError


class HomeInUse(MakegoodError):
    code = "HOME_IN_USE"
    operator = "The home {home} is served already, at {address}."


class HomeLock:
    """Held while a process serves the home; the file holds the address of the shop."""

    def __init__(self, home: Path) -> None:
        home.mkdir(parents=True, exist_ok=True)
        self._path = home / "shop.lock"
        self._handle: int | None = None

    def acquire(self, address: str) -> None:
        """Take the lock, or raise `HomeInUse`. The system frees it when the process ends, however it ends."""
        handle = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(handle)
            raise HomeInUse(home=self._path.parent, address=self._path.read_text() or "an unknown address") from None
        os.ftruncate(handle, 0)
        os.pwrite(handle, address.encode(), 0)
        self._handle = handle

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._handle is not None:
            os.ftruncate(self._handle, 0)
            os.close(self._handle)


def free_port() -> int:
    """A port of the loopback that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def address_of(home: Path) -> str | None:
    """Where the home is served now, if it is."""
    path = home / "shop.lock"
    if not path.exists():
        return None
    with path.open() as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return file.read() or None
        return None
