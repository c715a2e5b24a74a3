"""A real shop and a real payment provider, each a process of its own, and a customer at the other end of HTTP."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any, Self

import httpx

KEY, SECRET = "sandbox-key-for-tests-only", "sandbox-secret-for-tests-only"
READY_SECONDS = 60
REST_SECONDS = 60


def free_port() -> int:
    """A port of the loopback that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def until(what: Callable[[], Any], seconds: float, why: str) -> Any:
    """What `what` returns once it is true; fails with `why` after `seconds`."""
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
                self.process.wait(20)
            except subprocess.TimeoutExpired:
                self.kill()


class Provider(Server):
    """The sandbox, alone: what it says is the outsider's word on money."""

    def __init__(self, folder: Path, shop_port: int) -> None:
        port = free_port()
        command = [
            sys.executable, "-m", "makegood.payments.providers.sandbox.server",
            "--database", str(folder / "provider.db"),
            "--webhook-url", f"http://127.0.0.1:{shop_port}/api/v1/payments/sandbox/webhook", "--port", str(port),
        ]  # fmt: skip
        env = {**os.environ, "MAKEGOOD_SANDBOX_API_KEY": KEY, "MAKEGOOD_SANDBOX_WEBHOOK_SECRET": SECRET}
        super().__init__(command, env, f"http://127.0.0.1:{port}", "/v1/ledger", folder / "provider.log")
        self.http = httpx.Client(base_url=self.url, headers={"Authorization": f"Bearer {KEY}"}, timeout=30)

    def act(self, ref: str, outcome: str = "success", webhook: str = "normal", **more: Any) -> dict[str, Any]:
        """Do what the customer, the bank or a broken line does to a payment."""
        answer = self.http.post(f"/v1/test/payments/{ref}/act", json={"outcome": outcome, "webhook": webhook, **more})
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    def payments(self, reference: str) -> list[dict[str, Any]]:
        """The payments that it has under our reference."""
        return list(self.http.get("/v1/payments", params={"reference": reference}).json()["data"])

    def kept(self, reference: str) -> int:
        """Minor units that it captured under our reference and did not give back."""
        return sum(p["amount_captured"] - p["amount_refunded"] for p in self.payments(reference))

    def captures(self, reference: str) -> int:
        """How many of our reference's payments were captured."""
        return sum(p["amount_captured"] > 0 for p in self.payments(reference))


class Shop(Server):
    """A shop with a home of its own, whose provider is another process."""

    def __init__(self, folder: Path, **env: str) -> None:
        self.home = folder / "home"
        self.home.mkdir(parents=True, exist_ok=True)
        port = free_port()
        self.provider = Provider(folder, port)
        settings = {
            "MAKEGOOD_HOME": str(self.home), "MAKEGOOD_ENV": "test", "MAKEGOOD_SANDBOX_URL": self.provider.url,
            "MAKEGOOD_SANDBOX_KEY": KEY, "MAKEGOOD_SANDBOX_WEBHOOK_SECRET": SECRET, "MAKEGOOD_SWEEP_SECONDS": "0.5",
            "MAKEGOOD_RETRY_SECONDS": "0.2", "MAKEGOOD_POLL_SECONDS": "0.1", "MAKEGOOD_ISOLATED_PROCESSES": "1",
            "MAKEGOOD_DISK_FLOOR_MB": "1",
        }  # fmt: skip
        command = [sys.executable, "-m", "makegood.cli", "serve", "--port", str(port)]
        base = {k: v for k, v in os.environ.items() if not k.startswith("MAKEGOOD_")}
        super().__init__(
            command, {**base, **settings, **env}, f"http://127.0.0.1:{port}", "/health/live", folder / "shop.log"
        )

    def __enter__(self) -> Self:
        self.provider.start()
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
        self.provider.stop()

    def restart(self, **env: str) -> None:
        """Kill it and start it again."""
        self.kill()
        self.start(**env)

    def die_at(self, place: str) -> None:
        """Have it die, once, where `kernel.faults.reach` is called with this name."""
        (self.home / "die-at").write_text(place)

    def customer(self) -> Customer:
        """A new visitor."""
        return Customer(self)


class Customer:
    """Buys posters over HTTP, with a cookie of its own."""

    def __init__(self, shop: Shop) -> None:
        self.shop = shop
        self.http = httpx.Client(base_url=shop.url, timeout=60)

    def draft(self, files: dict[str, Path], product: str = "posters", **options: Any) -> str:
        """A draft with these files."""
        draft = self.expect(201, "POST", "/api/v1/drafts", json={"product": product, "options": options})
        for slot, path in files.items():
            self.expect(
                200, "PUT", f"/api/v1/drafts/{draft['id']}/files/{slot}", params={"name": path.name},
                content=path.read_bytes(),
            )  # fmt: skip
        return str(draft["id"])

    def quote(self, draft_id: str, **wanted: Any) -> str:
        """A quote's token."""
        return str(self.expect(200, "POST", f"/api/v1/drafts/{draft_id}/quote", json=wanted)["token"])

    def checkout(self, draft_id: str, key: str = "", email: str = "kim@example.com", **wanted: Any) -> dict[str, Any]:
        """Order the draft."""
        order: dict[str, Any] = self.expect(
            201, "POST", f"/api/v1/drafts/{draft_id}/checkout",
            json={"email": email, "quote": self.quote(draft_id, **wanted)},
            headers={"Idempotency-Key": key or str(uuid.uuid4())},
        )  # fmt: skip
        return order

    def payable(self, number: str) -> dict[str, Any]:
        """The order once its payment can be paid at the provider, and the provider's id of it."""

        def found() -> dict[str, Any] | None:
            order = self.order(number)
            seen = self.shop.provider.payments(order["payment"]["id"])
            return {**order, "ref": seen[0]["id"]} if order["payment"]["state"] == "pending" and seen else None

        return dict(until(found, REST_SECONDS, f"the payment page of {number}"))

    def order(self, number: str) -> dict[str, Any]:
        """The order as the shop says it."""
        order: dict[str, Any] = self.expect(200, "GET", f"/api/v1/orders/{number}")
        return order

    def at_rest(self, number: str, seconds: float = REST_SECONDS) -> dict[str, Any]:
        """The order once nothing of it moves any more."""

        def rests() -> dict[str, Any] | None:
            order = self.order(number)
            return order if order["at_rest"] else None

        return dict(until(rests, seconds, f"{number} coming to rest"))

    def expect(self, status: int, method: str, where: str, **request: Any) -> Any:
        """The JSON of an answer that has this status."""
        answer = self.http.request(method, where, **request)
        assert answer.status_code == status, f"{method} {where}: {answer.status_code} {answer.text[:500]}"
        return answer.json() if answer.content else None

    def refused(self, status: int, code: str, method: str, where: str, **request: Any) -> dict[str, Any]:
        """The problem of an answer that is refused with this status and code."""
        answer = self.http.request(method, where, **request)
        problem = answer.json()
        assert (answer.status_code, problem.get("code")) == (status, code), f"{method} {where}: {answer.text[:500]}"
        return dict(problem)
