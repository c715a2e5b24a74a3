"""The shop that the state machine plays with: the real one, with a scripted engine and the real sandbox."""

from __future__ import annotations

import shutil
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from unittest.mock import patch

from anyio.from_thread import start_blocking_portal
from starlette.testclient import TestClient

from makegood import app
from makegood.catalog.products import Products
from makegood.kernel.clock import MovedClock
from makegood.kernel.settings import Settings
from makegood.payments.providers.sandbox.adapter import SandboxProvider
from makegood.payments.providers.sandbox.server import Sandbox, SandboxConfig
from tests.property.engravings import product as engravings
from tests.property.scripted import ScriptedEngine
from tests.samples.notes import product as notes
from tests.samples.stickers import product as stickers

KEY, SECRET = "sandbox-key-for-tests-only", "sandbox-secret-for-tests-only"
EXAMPLES_OF_A_WORLD = 30
"""Then there is a new one: sweeps look at all that ever was."""


class World:
    """A shop with a scripted engine and the real sandbox, both in this process, on a disk of memory where there is
    one. It serves every example; each has orders of its own."""

    def __init__(self) -> None:
        self.examples = 0
        memory = Path("/dev/shm")
        self.folder = Path(tempfile.mkdtemp(prefix="makegood-machine-", dir=memory if memory.is_dir() else None))
        self.clock = MovedClock()
        self.sandbox = Sandbox(
            SandboxConfig(
                database=self.folder / "sandbox.db", api_key=KEY, webhook_secret=SECRET,
                webhook_url="http://127.0.0.1:9/nobody", public_url="http://sandbox", open_console=False,
            ),
            self.clock,
        )  # fmt: skip
        self._stack = ExitStack()
        self._portal = self._stack.enter_context(start_blocking_portal())
        self.provider = self.client(
            self.sandbox.app, base_url="http://sandbox/v1", headers={"Authorization": f"Bearer {KEY}"}
        )
        settings = Settings(
            home=self.folder / "home", env="test", sandbox_url="http://sandbox", sandbox_key=KEY,
            sandbox_webhook_secret=SECRET, retry_seconds=0.01, stray_hours=0, disk_floor_mb=0, draft_hours=0.25,
            unheld_hours=0.1, payment_minutes=12 * 60, isolated_processes=1,
        )  # fmt: skip
        with patch.object(app, "Engine", ScriptedEngine), patch.object(app, "SandboxProvider", self._adapter):
            self.running = app.build(
                settings, self.clock, Products({p.manifest.id: p for p in (notes, stickers, engravings)}),
                hosts_sandbox=False,
            )  # fmt: skip
        self.shop = app.create_app(self.running)
        engine = self.running.services.engine
        assert isinstance(engine, ScriptedEngine)
        self.engine = engine
        self.engine.install()

    def client(self, of: Any, base_url: str, **more: Any) -> TestClient:
        """Somebody at the other end of HTTP; they share one event loop, since a new one each time costs most."""
        client = TestClient(of, base_url=base_url, **more)
        client.portal = self._portal
        return client

    def close(self) -> None:
        """Leave nothing behind."""
        self._stack.close()
        self.running.isolated.stop()
        self.running.services.database.close()
        shutil.rmtree(self.folder)

    def _adapter(self, *args: Any) -> SandboxProvider:
        adapter = SandboxProvider(*args)
        adapter._http = self.provider
        return adapter

    def sweep(self) -> None:
        """One turn of everything that a shop does by itself."""
        for periodic in self.running.periodics:
            periodic.turn()

    def ledger(self, reference: str) -> dict[str, int]:
        """What the provider captured, refunded and charged back under our reference."""
        sums = {"capture": 0, "refund": 0, "chargeback": 0}
        for entry in self.provider.get("ledger").json()["entries"]:
            if entry["reference"] == reference:
                sums[entry["kind"]] += entry["amount"]
        return sums


class Worlds:
    """Worlds for examples, one after the other."""

    def __init__(self) -> None:
        self.current: World | None = None

    def next(self) -> World:
        """The world of this example."""
        if self.current is None or self.current.examples == EXAMPLES_OF_A_WORLD:
            self.close()
            self.current = World()
        self.current.examples += 1
        return self.current

    def close(self) -> None:
        if self.current is not None:
            self.current.close()
