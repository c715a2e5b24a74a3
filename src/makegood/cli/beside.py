"""The shop's parts for one command: beside a running shop, whose work they only ask for, or alone."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from makegood.app import Running, build
from makegood.cli.home import address_of
from makegood.kernel import logs
from makegood.kernel.settings import Settings


@contextmanager
def beside() -> Iterator[Running]:
    """Everything put together and nothing running. An embedded sandbox is asked in the shop that runs it."""
    logs.configure(json=False, level="ERROR")
    settings = Settings()
    address = address_of(settings.home)
    if address and not settings.sandbox_url:
        settings = settings.model_copy(update={"sandbox_url": f"{address}/sandbox"})
    running = build(settings, hosts_sandbox=False)
    shop = running.services
    shop.engine.prepare()
    shop.engine.attach()
    try:
        yield running
    finally:
        shop.engine.stop()
        running.isolated.stop()
        shop.database.close()
