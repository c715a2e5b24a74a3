"""Puts the sandbox together: books, courier, API, hosted pages and console."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.routing import Route

from makegood.kernel.clock import Clock, SystemClock
from makegood.payments.providers.sandbox.server import api, control
from makegood.payments.providers.sandbox.server.config import SandboxConfig
from makegood.payments.providers.sandbox.server.console import Console
from makegood.payments.providers.sandbox.server.courier import Courier
from makegood.payments.providers.sandbox.server.database import Books
from makegood.payments.providers.sandbox.server.door import Door
from makegood.payments.providers.sandbox.server.hosted import HostedPages
from makegood.payments.providers.sandbox.server.rendering import Pages, asset


class Sandbox:
    """One sandbox. `app` answers HTTP; between `start()` and `stop()` webhooks are delivered and time passes.

    A server that runs `app` by itself starts and stops it through the lifespan; who mounts `app` must call
    `start()` and `stop()`, because a mounted app's lifespan isn't run. Both may be called again.
    """

    def __init__(self, config: SandboxConfig, clock: Clock | None = None) -> None:
        self._books = Books(config.database, clock or SystemClock(), config.root)
        self.courier = Courier(self._books, config)
        pages = Pages(config.base_path)
        door = Door(self._books, self.courier, config.api_key)
        self._console = Console(self._books, config, pages)
        self.app = Starlette(
            routes=[
                *api.routes(door),
                *control.routes(door),
                *HostedPages(self._books, self.courier, config, pages).routes(),
                *self._console.routes(),
                Route("/assets/{name}", asset, methods=["GET"]),
            ],
            lifespan=self._lifespan,
        )
        self.app.state.courier = self.courier

    @asynccontextmanager
    async def _lifespan(self, app: Starlette) -> AsyncIterator[None]:
        self.start()
        try:
            yield
        finally:
            # In a thread: a try under way may wait for an answer from this very process.
            await run_in_threadpool(self.stop)

    def start(self) -> None:
        """Begin to deliver webhooks and to let time pass; what was left undone comes first."""
        self.courier.start()

    def stop(self) -> None:
        """Stop delivering after the tries under way (at most about 10 s); the rest waits for the next start."""
        self.courier.stop()

    def close(self) -> None:
        """Stop, and close the database file; the sandbox is done for."""
        self.stop()
        self._books.close()

    def console_url(self) -> str:
        """An address that opens the console in a browser without asking for the key; as secret as the key."""
        return self._console.link()


def create_app(config: SandboxConfig) -> Starlette:
    """The sandbox as an app for a server of its own; `base_path` should be empty then."""
    return Sandbox(config).app
