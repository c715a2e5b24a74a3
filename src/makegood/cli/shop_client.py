"""A customer at the other end of HTTP: what `makegood buy` does, for any shop that it can reach."""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx

from makegood.kernel.errors import MakegoodError

CHUNK = 1 << 18
TEST_CARD = {"number": "4242 4242 4242 4242", "expiry": "12/34", "cvc": "123", "name": "Test Customer"}


class PurchaseFailed(MakegoodError):
    code = "PURCHASE_FAILED"
    customer = "{what}"
    operator = "{what}"


class ShopClient:
    """One visitor of a shop, with a cookie of its own."""

    def __init__(self, url: str) -> None:
        self._http = httpx.Client(base_url=url.rstrip("/"), timeout=httpx.Timeout(120, connect=10))

    def typed(self, product: str, options: dict[str, str]) -> dict[str, Any]:
        """Options as typed on a command line, as the product's schema types them: text stays text."""
        found = [p for p in self._answer("GET", "/api/v1/products") if p["id"] == product]
        if not found:
            raise PurchaseFailed(what=f"This shop does not sell {product!r}.")
        fields = found[0]["options_schema"]["properties"]
        return {name: _typed(text, fields.get(name, {})) for name, text in options.items()}

    def start(self, product: str, options: dict[str, Any]) -> dict[str, Any]:
        """A new draft."""
        return self._json("POST", "/api/v1/drafts", json={"product": product, "options": options})

    def upload(self, draft_id: str, slot: str, path: Path, on_bytes: Any) -> dict[str, Any]:
        """Upload a file, streamed; `on_bytes` hears of each chunk's size."""

        def chunks() -> Iterator[bytes]:
            with path.open("rb") as file:
                while chunk := file.read(CHUNK):
                    yield chunk
                    on_bytes(len(chunk))

        where = f"/api/v1/drafts/{draft_id}/files/{slot}"
        headers = {"Content-Length": str(path.stat().st_size)}
        return self._json("PUT", where, params={"name": path.name}, content=chunks(), headers=headers)

    def order(self, draft_id: str, email: str, quantity: int, promotion: str) -> dict[str, Any]:
        """Quote and check out."""
        wanted = {"quantity": quantity, "promotion": promotion or None}
        quote = self._json("POST", f"/api/v1/drafts/{draft_id}/quote", json=wanted)
        return self._json(
            "POST", f"/api/v1/drafts/{draft_id}/checkout", json={"email": email, "quote": quote["token"]},
            headers={"Idempotency-Key": str(uuid.uuid4())},
        )  # fmt: skip

    def pay(self, number: str, patience: float) -> None:
        """Wait for the payment page and pay there as a browser would, with the sandbox's test card."""
        for order in self.watch(number, patience):
            payment = order["payment"]
            if payment["state"] == "paid":
                return
            if payment["provider"] != "sandbox":
                raise PurchaseFailed(
                    what=f"This shop takes money by {payment['provider']}; only the sandbox can be paid here."
                )
            if payment["url"]:
                answer = self._http.post(payment["url"], data=TEST_CARD)
                if answer.status_code >= 400:
                    raise PurchaseFailed(what=f"The payment page answered {answer.status_code}.")
                self._json("POST", f"/api/v1/orders/{number}/settle")
                return

    def watch(self, number: str, patience: float) -> Iterator[dict[str, Any]]:
        """The order again and again, until it is at rest or patience (seconds) ends."""
        until = time.monotonic() + patience
        while time.monotonic() < until:
            order = self._json("GET", f"/api/v1/orders/{number}")
            yield order
            if order["at_rest"]:
                return
            time.sleep(0.15)
        raise PurchaseFailed(what=f"Nothing came within {patience:.0f} s. Order {number} stays owed; look again later.")

    def download(self, url: str, target: Path) -> None:
        """Save an artefact; a broken download leaves no file behind."""
        part = target.with_name(target.name + ".part")
        with self._http.stream("GET", url) as response, part.open("wb") as file:
            if response.status_code != 200:
                raise PurchaseFailed(what=f"The download of {target.name} answered {response.status_code}.")
            for chunk in response.iter_bytes(CHUNK):
                file.write(chunk)
        part.replace(target)

    def _json(self, method: str, where: str, **request: Any) -> dict[str, Any]:
        answer = self._answer(method, where, **request)
        if not isinstance(answer, dict):
            raise PurchaseFailed(what=f"The shop answered {method} {where} with something else than expected.")
        return answer

    def _answer(self, method: str, where: str, **request: Any) -> Any:
        try:
            response = self._http.request(method, where, **request)
        except httpx.HTTPError as error:
            raise PurchaseFailed(what=f"The shop at {self._http.base_url} can't be reached ({error}).") from error
        if response.status_code >= 400:
            try:
                problem = response.json()
                what = f"{problem['detail']} ({problem['code']})"
            except (ValueError, KeyError):
                what = f"The shop answered {response.status_code} to {method} {where}."
            raise PurchaseFailed(what=what)
        return response.json()


def _typed(text: str, field: dict[str, Any]) -> Any:
    kinds = {field.get("type"), *(one.get("type") for one in field.get("anyOf", ()))}
    if "string" in kinds or not kinds & {"integer", "number", "boolean"}:
        return text
    try:
        return json.loads(text)
    except ValueError:
        return text
