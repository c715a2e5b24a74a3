"""A real shop and a real payment provider, each a process of its own, and a customer at the other end of HTTP."""

from makegood.testing import Customer, MailServer, Provider, Server, Shop, free_port, until
from makegood.testing.shop import KEY, SECRET

SAMPLES = ("tests.samples.notes", "tests.samples.stickers", "tests.samples.tunes", "tests.samples.mailboxes")
"""One product of each kind; `Shop(folder, sells=SAMPLES)` sells them."""

__all__ = [
    "KEY", "SAMPLES", "SECRET", "Customer", "MailServer", "Provider", "Server", "Shop", "free_port", "until",
]  # fmt: skip
