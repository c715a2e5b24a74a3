"""Processes that a test talks to over HTTP, and waiting for what they do."""

from __future__ import annotations

import os
import secrets
import signal
import socket
import subprocess
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx

READY_SECONDS = 120
REST_SECONDS = 90
PATIENCE = float(os.environ.get("TESTING_PATIENCE", "3"))
"""Bounds are for a machine that has nothing else to do; everywhere so many times as long is waited."""


PORTS = range(20_000, 32_000)
"""Below those that the kernel gives to whoever calls out, who could take one between two starts of a server."""
_given: set[int] = set()


def free_port() -> int:
    """A port of the loopback that nobody listens on, and that was not given out here before."""
    while True:
        port = secrets.choice(PORTS)
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            if port not in _given:
                _given.add(port)
                return port


def until(what: Callable[[], Any], seconds: float, why: str) -> Any:
    """What `what` returns once it is true; fails with `why` after `seconds`, times `PATIENCE`."""
    seconds *= PATIENCE
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        found = what()
        if found:
            return found
        time.sleep(0.05)
    raise AssertionError(f"{why} did not happen within {seconds} s")


class Server:
    """A process that answers HTTP."""

    def __init__(self, command: list[str], env: dict[str, str], url: str, alive_at: str, log: Path) -> None:
        self.command, self.env, self.url, self._alive_at, self.log = command, env, url, alive_at, log
        self.process: subprocess.Popen[bytes] | None = None

    def start(self, **env: str) -> None:
        """Start it and wait until it answers, or until it has died (which a test may have asked for)."""
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(self.command, env={**self.env, **env}, stdout=log, stderr=log)

        def answers() -> bool:
            if self.process is None or self.process.poll() is not None:
                return True
            try:
                return httpx.get(self.url + self._alive_at, timeout=2).status_code < 500
            except httpx.HTTPError:
                return False

        until(answers, READY_SECONDS, f"{self.url} answering")

    @property
    def is_dead(self) -> bool:
        return self.process is None or self.process.poll() is not None

    def wait_for_death(self, seconds: float = REST_SECONDS) -> None:
        """Wait until it has ended, and insist that it was killed."""
        until(lambda: self.is_dead, seconds, "the death of the process")
        assert self.process is not None
        assert self.process.returncode == -signal.SIGKILL, self.log.read_text()[-3000:]

    def kill(self) -> None:
        """As a power cut would."""
        if self.process is not None and not self.is_dead:
            self.process.kill()
            self.process.wait(10)

    def stop(self) -> None:
        """Politely, then not."""
        if self.process is not None and not self.is_dead:
            self.process.terminate()
            try:
                self.process.wait(20 * PATIENCE)
            except subprocess.TimeoutExpired:
                self.kill()
