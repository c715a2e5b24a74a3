"""The sandbox inside the shop's own process, as `make run` has it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Mount, Route

from makegood.kernel.errors import Misconfigured
from makegood.payments.providers.sandbox.server import Sandbox, SandboxConfig

KEY, SECRET = "sk_test_of_the_tests_only", "whsec_of_the_tests_only"


@pytest.fixture
def mounted(tmp_path: Path, unused_port: int, eventually: Callable[..., Any]) -> Iterator[tuple[str, list[bytes]]]:
    heard: list[bytes] = []

    async def hook(request: Request) -> Response:
        heard.append(await request.body())
        return Response(status_code=204)

    base = f"http://127.0.0.1:{unused_port}"
    sandbox = Sandbox(
        SandboxConfig(
            database=tmp_path / "made" / "sandbox.sqlite",
            api_key=KEY,
            webhook_secret=SECRET,
            webhook_url=f"{base}/hook",
            public_url=base,
            open_console=True,
        )
    )
    shop = Starlette(routes=[Route("/hook", hook, methods=["POST"]), Mount("/sandbox", sandbox.app)])
    server = uvicorn.Server(uvicorn.Config(shop, host="127.0.0.1", port=unused_port, log_level="critical"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    eventually(lambda: server.started)
    sandbox.start()
    yield base, heard
    sandbox.stop()
    sandbox.start()
    sandbox.close()
    server.should_exit = True
    thread.join()


def test_paying_works_below_the_shop_and_the_webhook_reaches_the_same_process_before_the_redirect(
    mounted: tuple[str, list[bytes]],
) -> None:
    base, heard = mounted
    api = httpx.Client(base_url=f"{base}/sandbox", headers={"Authorization": f"Bearer {KEY}"}, timeout=30)
    request = {
        "reference": "R",
        "amount": 100,
        "currency": "USD",
        "description": "D",
        "return_url": f"{base}/back",
        "cancel_url": base,
    }
    payment = api.post("/v1/payments", json=request).json()
    assert payment["url"].startswith(f"{base}/sandbox/pay/")
    page = httpx.get(payment["url"]).text
    assert httpx.get(base + page.split('rel="stylesheet" href="')[1].split('"')[0]).status_code == 200
    paid = httpx.post(payment["url"], data={"outcome": "success", "webhook": "before_redirect"}, timeout=30)
    assert paid.headers["location"] == f"{base}/back?payment={payment['id']}"
    assert b'"payment.succeeded"' in heard[0]
    api.post("/v1/test/faults", json={"next": 1, "path_prefix": "/v1/ledger", "kind": "500"})
    assert [api.get(path).status_code for path in ("/v1/payments", "/v1/ledger", "/v1/ledger")] == [200, 500, 200]
    console = httpx.get(f"{base}/sandbox", follow_redirects=True)
    assert payment["id"] in console.text, "an open console needs no key"


@pytest.mark.parametrize(
    "wrong",
    [{"api_key": ""}, {"webhook_secret": "short"}, {"webhook_secret": KEY}, {"base_path": "sandbox/"},
     {"webhook_url": "/hook"}, {"public_url": ""}],
)  # fmt: skip
def test_a_sandbox_that_can_not_work_is_not_started(tmp_path: Path, wrong: dict[str, str]) -> None:
    right = {"api_key": KEY, "webhook_secret": SECRET, "webhook_url": "http://h/hook", "public_url": "http://h"}
    with pytest.raises(Misconfigured):
        SandboxConfig(database=tmp_path / "s.sqlite", **{**right, **wrong})  # type: ignore[arg-type]
