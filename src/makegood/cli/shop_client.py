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
CARD_HOLDER = {"expiry": "12/34", "cvc": "123", "name": "Test Customer"}


class PurchaseFailed(MakegoodError):
    code = "PURCHASE_FAILED"
    customer = "{what}"
    operator = "{what}"


class ShopClient:
    """One visitor of a shop, with a cookie of its own."""

    def __init__(self, url: str) -> None:
        try:
            self._http = httpx.Client(base_url=url.rstrip("/"), timeout=httpx.Timeout(120, connect=10))
        except httpx.InvalidURL as error:
            raise PurchaseFailed(what=f"{url} is not the address of a shop ({error}).") from error

    def typed(self, product: str, options: dict[str, str], files: list[str]) -> dict[str, Any]:
        """Options as typed on a command line, as the product's schema types them: text stays text. An option or one
        of `files` that the product does not know is refused here, where all that it knows can be named."""
        on_sale = self._answer("GET", "/api/v1/products")
        if not isinstance(on_sale, list):
            raise PurchaseFailed(what=f"{self._http.base_url} is not a shop of this kind.")
        found = [p for p in on_sale if p["id"] == product]
        if not found:
            names = ", ".join(p["id"] for p in on_sale) or "nothing"
            raise PurchaseFailed(what=f"This shop does not sell {product!r}; it sells {names}.")
        fields = found[0]["options_schema"]["properties"]
        _require_known("file", files, [slot["name"] for slot in found[0]["files"]])
        _require_known("option", list(options), list(fields))
        return {name: _typed(text, fields[name]) for name, text in options.items()}

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

    def pay(self, number: str, card: str, patience: float) -> None:
        """Wait for the payment page and pay there as a browser would, with a test card of the sandbox."""
        for order in self.watch(number, patience):
            payment = order["payment"]
            if payment["state"] == "paid":
                return
            if payment["provider"] == "free":
                continue
            if payment["provider"] != "sandbox":
                raise PurchaseFailed(
                    what=f"This shop takes money by {payment['provider']}; only the sandbox can be paid here."
                )
            if payment["url"]:
                answer = self._send("POST", payment["url"], data={"number": card, **CARD_HOLDER})
                if answer.status_code == 422:
                    raise PurchaseFailed(what=f"The payment page does not take the card {card!r}; nothing was charged.")
                if answer.status_code >= 400:
                    raise PurchaseFailed(what=f"The payment page answered {answer.status_code}.")
                payment = self._json("POST", f"/api/v1/orders/{number}/settle")["payment"]
                if payment["state"] == "failed":
                    raise PurchaseFailed(
                        what=f"The payment of {number} failed ({payment['problem']}); nothing was charged."
                    )
                return

    def watch(self, number: str, patience: float) -> Iterator[dict[str, Any]]:
        """The order again and again, until it is at rest or patience (seconds) ends."""
        until = time.monotonic() + patience
        while True:
            order = self._json("GET", f"/api/v1/orders/{number}")
            yield order
            if order["at_rest"]:
                return
            if time.monotonic() > until:
                state = order["state"].replace("_", " ")
                raise PurchaseFailed(
                    what=f"After {patience:g} s order {number} is still {state}; what is paid stays owed."
                )
            time.sleep(0.15)

    def download(self, url: str, target: Path) -> None:
        """Save an artefact; a broken download leaves no file behind."""
        part = target.with_name(target.name + ".part")
        try:
            with self._http.stream("GET", url) as response, part.open("wb") as file:
                if response.status_code != 200:
                    raise PurchaseFailed(what=f"The download of {target.name} answered {response.status_code}.")
                for chunk in response.iter_bytes(CHUNK):
                    file.write(chunk)
            part.replace(target)
        except (httpx.HTTPError, OSError) as error:
            what = f"{target.name} could not be saved ({error}); {url} has it still."
            raise PurchaseFailed(what=what) from error
        finally:
            part.unlink(missing_ok=True)

    def _json(self, method: str, where: str, **request: Any) -> dict[str, Any]:
        answer = self._answer(method, where, **request)
        if not isinstance(answer, dict):
            raise PurchaseFailed(what=f"The shop answered {method} {where} with something else than expected.")
        return answer

    def _answer(self, method: str, where: str, **request: Any) -> Any:
        response = self._send(method, where, **request)
        if response.status_code >= 400:
            try:
                problem = response.json()
                what = f"{problem['detail']} ({problem['code']})"
            except (ValueError, KeyError):
                what = f"The shop answered {response.status_code} to {method} {where}."
            raise PurchaseFailed(what=what)
        try:
            return response.json()
        except ValueError:
            raise PurchaseFailed(what=f"{self._http.base_url} is not a shop of this kind.") from None

    def _send(self, method: str, where: str, **request: Any) -> httpx.Response:
        try:
            return self._http.request(method, where, **request)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise PurchaseFailed(what=f"{self._http.base_url} can't be reached ({error}).") from error


def _require_known(kind: str, given: list[str], known: list[str]) -> None:
    for name in given:
        if name not in known:
            raise PurchaseFailed(what=f"This product has no {kind} {name!r}; it has {', '.join(known)}.")


def _typed(text: str, field: dict[str, Any]) -> Any:
    kinds = {field.get("type"), *(one.get("type") for one in field.get("anyOf", ()))}
    if "string" in kinds or not kinds & {"integer", "number", "boolean"}:
        return text
    try:
        return json.loads(text)
    except ValueError:
        return text
