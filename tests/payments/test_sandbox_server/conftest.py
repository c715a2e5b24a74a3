"""A sandbox served over real HTTP, and a shop's end that receives its webhooks."""

from __future__ import annotations

import hashlib
import hmac
import json
import re
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest
import uvicorn

from makegood.kernel.clock import MovedClock
from makegood.payments.providers.sandbox.server import Sandbox, SandboxConfig, courier

API_KEY = "sk_test_of_the_tests_only"
SECRET = "whsec_of_the_tests_only"
FORM = {"number": "4242 4242 4242 4242", "expiry": "12 / 39", "cvc": "123", "name": "Ada"}


@dataclass
class Webhook:
    """One POST as the shop's end saw it."""

    event: dict[str, Any]
    well_signed: bool
    began: float
    ended: float = 0.0
    answered: int = 0


@dataclass
class Shop:
    """The receiving end: answers `status` after `pause` seconds; only well-signed events count as heard."""

    url: str = ""
    status: int = 200
    pause: float = 0.0
    posts: list[Webhook] = field(default_factory=list)

    def heard(self, kind: str | None = None) -> list[str]:
        """Types of the events that came well signed, in their order."""
        types = [str(post.event["type"]) for post in self.posts if post.well_signed]
        return [a_type for a_type in types if kind in (None, a_type)]


def well_signed(header: str, body: bytes) -> bool:
    """The signature computed independently of the code under test, from the documented format."""
    found = re.fullmatch(r"t=(\d+),v1=([0-9a-f]{64})", header)
    if found is None or abs(int(found[1]) - time.time()) > 300:
        return False
    expected = hmac.digest(SECRET.encode(), found[1].encode() + b"." + body, hashlib.sha256).hex()
    return expected == found[2]


@contextmanager
def receiving() -> Iterator[Shop]:
    shop = Shop()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            good = well_signed(self.headers.get("Makegood-Sandbox-Signature", ""), body)
            post = Webhook(json.loads(body), good, time.monotonic())
            shop.posts.append(post)
            time.sleep(shop.pause)
            post.answered = shop.status if good else 400
            self.send_response(post.answered)
            self.send_header("Content-Length", "0")
            self.end_headers()
            post.ended = time.monotonic()

        def log_message(self, *args: object) -> None:
            """Quiet: the tests look at the posts instead."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    shop.url = f"http://127.0.0.1:{server.server_port}/hook"
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield shop
    finally:
        server.shutdown()
        server.server_close()


def until(true: Callable[[], Any], seconds: float = 60.0) -> Any:
    """Wait until `true()` is; fails loudly instead of hanging."""
    end = time.monotonic() + seconds
    while not (value := true()):
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.02)
    return value


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class House:
    """A client of one sandbox: as the shop with the key, and as the customer's browser without."""

    def __init__(self, base: str, shop: Shop, clock: MovedClock, console: str) -> None:
        self.base = base
        self.shop = shop
        self.clock = clock
        self.console = console
        self.api = httpx.Client(base_url=base, headers={"Authorization": f"Bearer {API_KEY}"}, timeout=30)
        self.browser = httpx.Client(timeout=30)

    def body(self, **changes: Any) -> dict[str, Any]:
        return {
            "reference": "ORD-1/1",
            "amount": 2900,
            "currency": "EUR",
            "description": "A sound poster",
            "return_url": "https://shop.example/paid?order=1",
            "cancel_url": "https://shop.example/cart",
            "email": "ada@example.com",
            "metadata": {"order": "ORD-1"},
            "expires_in": 3600,
            **changes,
        }

    def create(self, **changes: Any) -> dict[str, Any]:
        answer = self.api.post("/v1/payments", json=self.body(**changes))
        assert answer.status_code == 201, answer.text
        return dict(answer.json())

    def get(self, path: str, **query: Any) -> dict[str, Any]:
        answer = self.api.get(path, params=query)
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    def payment(self, payment: dict[str, Any]) -> dict[str, Any]:
        return self.get(f"/v1/payments/{payment['id']}")

    def post(self, path: str, body: dict[str, Any] | None = None, **headers: str) -> httpx.Response:
        return self.api.post(path, json=body or {}, headers=headers)

    def act(self, payment: dict[str, Any], outcome: str, webhook: str = "normal", **more: Any) -> httpx.Response:
        path = f"/v1/test/payments/{payment['id']}/act"
        return self.post(path, {"outcome": outcome, "webhook": webhook, **more})

    def paid(self, **changes: Any) -> dict[str, Any]:
        payment = self.create(**changes)
        assert self.act(payment, "success").status_code == 200
        return self.payment(payment)

    def refund(self, payment: dict[str, Any], amount: int, reference: str = "RF-1", **headers: str) -> httpx.Response:
        path = f"/v1/payments/{payment['id']}/refunds"
        return self.post(path, {"reference": reference, "amount": amount, "reason": "asked for"}, **headers)

    def deliveries(self, payment: dict[str, Any]) -> list[dict[str, Any]]:
        return list(self.get("/v1/deliveries", payment=payment["id"])["data"])

    def entries(self, payment: dict[str, Any]) -> list[tuple[str, int]]:
        entries = self.get("/v1/ledger")["entries"]
        return [(entry["kind"], entry["amount"]) for entry in entries if entry["payment"] == payment["id"]]

    def submit(self, payment: dict[str, Any], **changes: str) -> httpx.Response:
        """Open the hosted page as a browser does and post its form."""
        page = self.browser.get(payment["url"])
        assert page.status_code == 200, page.text
        seen = re.search(r'name="attempts" value="(\d+)"', page.text)
        assert seen is not None, page.text
        return self.browser.post(payment["url"], data={**FORM, "attempts": seen[1], **changes})


@contextmanager
def serving(config: SandboxConfig, port: int, clock: MovedClock) -> Iterator[Sandbox]:
    sandbox = Sandbox(config, clock)
    server = uvicorn.Server(uvicorn.Config(sandbox.app, host="127.0.0.1", port=port, log_level="critical"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    try:
        until(lambda: server.started)
        yield sandbox
    finally:
        server.should_exit = True
        thread.join()
        sandbox.close()


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Name it before `house`: the sandbox then waits half a second for the shop's answer."""
    monkeypatch.setattr(courier, "ANSWER_WITHIN", 0.5)


@pytest.fixture
def shop() -> Iterator[Shop]:
    with receiving() as receiver:
        yield receiver


@pytest.fixture
def house(tmp_path: Path, shop: Shop) -> Iterator[House]:
    port = free_port()
    base = f"http://127.0.0.1:{port}"
    config = SandboxConfig(
        database=tmp_path / "sandbox.sqlite",
        api_key=API_KEY,
        webhook_secret=SECRET,
        webhook_url=shop.url,
        public_url=base,
        base_path="",
    )
    clock = MovedClock()
    with serving(config, port, clock) as sandbox:
        yield House(base, shop, clock, sandbox.console_url())


@pytest.fixture
def eventually() -> Callable[..., Any]:
    return until


@pytest.fixture
def unused_port() -> int:
    return free_port()
