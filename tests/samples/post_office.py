"""Who keeps the mailboxes: a process of its own, which counts what was made and undone by reference."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import httpx

from makegood.testing import Server, free_port


class PostOffice(Server):
    """The process, and what a test may say to it."""

    def __init__(self, folder: Path) -> None:
        port = free_port()
        command = [
            sys.executable,
            str(Path(__file__).with_name("post_office_server.py")),
            str(folder / "post-office.db"),
            str(port),
        ]
        super().__init__(command, {}, f"http://127.0.0.1:{port}", "/ledger", folder / "post-office.log")

    def ledger(self) -> dict[str, dict[str, int]]:
        """By reference: whether it is there now, how often it was made, how often it was undone."""
        return dict(httpx.get(f"{self.url}/ledger", timeout=30).json())

    def counts(self) -> Mapping[str, tuple[int, int]]:
        """By reference: how often it was made and undone."""
        return {reference: (row["created"], row["destroyed"]) for reference, row in self.ledger().items()}

    def looks(self) -> dict[str, list[tuple[float, int]]]:
        """By reference: when somebody looked at it, in seconds since 1970, and the status they got, oldest first."""
        found = httpx.get(f"{self.url}/looks", timeout=30).json()
        return {reference: [(at, status) for at, status in looks] for reference, looks in found.items()}

    def terms(self) -> dict[str, tuple[float, float | None]]:
        """By reference: when it was first made and when it was last undone, in seconds since 1970."""
        found = httpx.get(f"{self.url}/terms", timeout=30).json()
        return {reference: (since, ended) for reference, (since, ended) in found.items()}

    def lose(self, reference: str) -> None:
        """Have a mailbox vanish, as if its disk had died: nobody undid it."""
        self._say(lose=reference)

    def be(self, *, slow: float = 0, fails: str = "") -> None:
        """Take so many seconds for each answer; answer 503 to these methods, e.g. `PUT DELETE`."""
        self._say(slow=slow, fails=fails)

    def _say(self, **words: Any) -> None:
        httpx.post(f"{self.url}/control", json=words, timeout=30).raise_for_status()
