"""Structured logs with order, obligation and request ids: to stderr, and the recent ones into the home."""

from __future__ import annotations

import contextlib
import fcntl
import json as jsonlib
import logging
import os
import sys
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import structlog

FILE = "makegood.log"
FILES = 3


class RecentLog:
    """The last lines as JSON, in `FILES` files of at most `limit` bytes, the newest in `makegood.log`. Any number of
    processes may write into one folder."""

    def __init__(self, folder: Path, limit: int) -> None:
        self._folder, self._limit = folder, limit
        self._lock = threading.Lock()

    def __call__(self, _logger: Any, _method: str, event: Mapping[str, Any]) -> Mapping[str, Any]:
        """A step of structlog's that keeps the event and passes it on unchanged."""
        line = dict(event)
        if line.get("exc_info"):
            line = dict(structlog.processors.format_exc_info(None, "", line))
        # A disk that is full must not keep anybody from delivering: the line still goes to stderr.
        with contextlib.suppress(OSError), self._lock:
            self._write((jsonlib.dumps(line, default=str) + "\n").encode())
        return event

    def _write(self, line: bytes) -> None:
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        path = self._folder / FILE
        if self._is_full(path, len(line)):
            self._rotate(path, len(line))
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        try:
            os.write(handle, line)
        finally:
            os.close(handle)

    def _is_full(self, path: Path, more: int) -> bool:
        try:
            size = path.stat().st_size
        except FileNotFoundError:
            return False
        return size > 0 and size + more > self._limit

    def _rotate(self, path: Path, more: int) -> None:
        with (self._folder / ".rotating").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not self._is_full(path, more):
                return  # another process has just done it
            for number in range(FILES - 1, 0, -1):
                older = self._folder / f"{FILE}.{number}"
                newer = path if number == 1 else self._folder / f"{FILE}.{number - 1}"
                if newer.exists():
                    newer.rename(older)


class ConsoleLines(structlog.dev.ConsoleRenderer):
    """Coloured columns, whose tracebacks don't show what the variables hold: a password, or a customer's address."""

    def __init__(self) -> None:
        super().__init__(exception_formatter=structlog.dev.plain_traceback)


class Stderr(structlog.PrintLogger):
    """Writes lines to stderr. A full disk below it, or a reader that is gone, must not end whoever has something to
    say, who is often just dealing with that."""

    def msg(self, message: str) -> None:
        with contextlib.suppress(OSError, ValueError):
            super().msg(message)

    log = debug = info = warn = warning = fatal = failure = err = error = critical = exception = msg


def recent_files(folder: Path) -> list[Path]:
    """The files that are kept, oldest first."""
    paths = [folder / f"{FILE}.{number}" for number in range(FILES - 1, 0, -1)]
    return [path for path in (*paths, folder / FILE) if path.is_file()]


def configure(*, json: bool, level: str = "INFO", folder: Path | None = None, keep_mb: int = 0) -> None:
    """One line per event: JSON for machines, or coloured columns for a terminal. With a `folder`, the recent ones are
    kept there too, in files of `keep_mb` MB."""
    keep = [RecentLog(folder, keep_mb << 20)] if folder is not None and keep_mb else []
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            *keep,
            structlog.processors.format_exc_info if json else structlog.processors.StackInfoRenderer(),
            structlog.processors.JSONRenderer() if json else ConsoleLines(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level]),
        logger_factory=lambda *_: Stderr(sys.stderr),
    )


@contextlib.contextmanager
def contained(logger: structlog.stdlib.BoundLogger, event: str, **about: object) -> Iterator[None]:
    """What goes wrong with one of many is logged, and keeps nobody from the others: for sweeps, which come to it again
    at their next turn."""
    try:
        yield
    except Exception:
        logger.exception(event, **about)


def get(name: str) -> structlog.stdlib.BoundLogger:
    """A logger that says which part of Makegood speaks."""
    logger: structlog.stdlib.BoundLogger = structlog.get_logger(part=name)
    return logger
