"""A real shop and a real payment provider, each a process of its own, and a customer at the other end of HTTP."""

from contextlib import suppress
from pathlib import Path

from makegood.testing import Customer, MailServer, Provider, Server, Shop, free_port, until
from makegood.testing.shop import KEY, SECRET

SAMPLES = ("tests.samples.notes", "tests.samples.stickers", "tests.samples.tunes", "tests.samples.mailboxes")
"""One product of each kind; `Shop(folder, sells=SAMPLES)` sells them."""

__all__ = [
    "KEY", "SAMPLES", "SECRET", "Customer", "MailServer", "Provider", "Server", "Shop", "free_port", "objects", "until",
]  # fmt: skip


def objects(home: Path) -> dict[Path, bytes]:
    """The stored objects of a shop, without those that come and go while they are looked at."""
    found = {}
    for path in (home / "objects").rglob("*"):
        with suppress(FileNotFoundError, IsADirectoryError):
            found[path] = path.read_bytes()
    return found
