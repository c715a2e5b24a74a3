"""A real shop and a real payment provider, each a process of its own, and a customer at the other end of HTTP."""

from __future__ import annotations

import os
import sys
import uuid
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self

import httpx

from makegood.testing.mails import MailServer
from makegood.testing.selling import installed
from makegood.testing.servers import REST_SECONDS, Server, free_port, until

KEY, SECRET = "sandbox-key-for-tests-only", "sandbox-secret-for-tests-only"


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
    """A shop with a home of its own, whose provider is another process. `sells` are modules whose `product` it has on
    sale beside the installed ones; `mail` is the server that takes its mails, else they stay in its outbox."""

    def __init__(self, folder: Path, *, sells: Sequence[str] = (), mail: MailServer | None = None, **env: str) -> None:
        self.mail = mail
        if mail is not None:
            env |= {
                "MAKEGOOD_SMTP_HOST": "127.0.0.1",
                "MAKEGOOD_SMTP_PORT": str(mail.port),
                "MAKEGOOD_SMTP_TLS": "none",
            }
        if sells:
            roots = [str(path) for path in installed(folder / "site", sells)]
            known = env.get("PYTHONPATH") or os.environ.get("PYTHONPATH")
            env["PYTHONPATH"] = os.pathsep.join(filter(None, [*roots, known]))
        self.home = folder / "home"
        self.home.mkdir(parents=True, exist_ok=True)
        port = free_port()
        self.provider = Provider(folder, port)
        settings = {
            "MAKEGOOD_HOME": str(self.home), "MAKEGOOD_ENV": "test", "MAKEGOOD_SANDBOX_URL": self.provider.url,
            "MAKEGOOD_SANDBOX_KEY": KEY, "MAKEGOOD_SANDBOX_WEBHOOK_SECRET": SECRET, "MAKEGOOD_SWEEP_SECONDS": "0.5",
            "MAKEGOOD_RETRY_SECONDS": "0.2", "MAKEGOOD_POLL_SECONDS": "0.4", "MAKEGOOD_ISOLATED_PROCESSES": "1",
            "MAKEGOOD_DISK_FLOOR_MB": "1",
        }  # fmt: skip
        command = [sys.executable, "-m", "makegood.cli", "serve", "--port", str(port)]
        base = {k: v for k, v in os.environ.items() if not k.startswith("MAKEGOOD_")}
        super().__init__(
            command, {**base, **settings, **env}, f"http://127.0.0.1:{port}", "/health/live", folder / "shop.log"
        )
        # A customer costs a cookie, not a set of trusted certificates and a connection kept open.
        self.line = httpx.HTTPTransport(limits=httpx.Limits(max_connections=None, max_keepalive_connections=20))

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
    """Buys over HTTP, with a cookie of its own."""

    def __init__(self, shop: Shop) -> None:
        self.shop = shop
        self.http = httpx.Client(base_url=shop.url, timeout=60, transport=shop.line)

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

    def checkout(
        self,
        draft_id: str,
        key: str = "",
        email: str = "kim@example.com",
        renews: str | None = None,
        quote: str = "",
        **wanted: Any,
    ) -> dict[str, Any]:
        """Order the draft. The same `key` and `quote` again are the same request."""
        order: dict[str, Any] = self.expect(
            201, "POST", f"/api/v1/drafts/{draft_id}/checkout",
            json={"email": email, "quote": quote or self.quote(draft_id, **wanted), "renews": renews},
            headers={"Idempotency-Key": key or str(uuid.uuid4())},
        )  # fmt: skip
        return order

    def made(self, draft_id: str, seconds: float = REST_SECONDS) -> dict[str, Any]:
        """Have the draft's result made before it is paid for, and wait for it."""
        where = f"/api/v1/drafts/{draft_id}/job"
        self.expect(202, "POST", where)

        def ended() -> dict[str, Any] | None:
            job: dict[str, Any] = self.expect(200, "GET", where)
            return job if job["ended_at"] else None

        job = dict(until(ended, seconds, f"the job of {draft_id}"))
        assert job["state"] == "completed", job
        return job

    def buy(self, product: str, files: dict[str, Path] | None = None, quantity: int = 1, **options: Any) -> str:
        """Order it and pay for it; returns the order's number."""
        number = str(self.checkout(self.draft(files or {}, product, **options), quantity=quantity)["number"])
        self.shop.provider.act(self.payable(number)["ref"])
        return number

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
