"""The shop's side of the sandbox provider."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import wraps
from typing import Any, Concatenate, ParamSpec, TypeVar

import httpx

from makegood.kernel.clock import Clock
from makegood.payments.provider import (
    Examined,
    Page,
    PaymentOrder,
    ProviderDispute,
    ProviderEvent,
    ProviderHasNone,
    ProviderPayment,
    ProviderRefund,
    ProviderRefused,
    ProviderReversals,
    ProviderUnavailable,
    SignatureInvalid,
    Stream,
)

Asked = ParamSpec("Asked")
Answer = TypeVar("Answer")
SIGNATURE_HEADER = "makegood-sandbox-signature"
TOLERANCE_SECONDS = 300
PAGE = 100
LATELY = 3600
MOST_PAGES = 5
LONGEST_TEXT = 500
STATES = {"open": "pending", "processing": "pending", "succeeded": "paid"}


def _of_its_shape(ask: Callable[Concatenate[SandboxProvider, Asked], Answer]) -> Callable[..., Answer]:
    """An answer that is no answer of this provider's, from a proxy for example, is none."""

    @wraps(ask)
    def asking(self: SandboxProvider, *args: Asked.args, **kwargs: Asked.kwargs) -> Answer:
        try:
            return ask(self, *args, **kwargs)
        except (LookupError, TypeError, AttributeError, ValueError) as error:
            problem = f"{type(error).__name__} in what it says: {error}"
            raise ProviderUnavailable(provider=self.name, problem=problem) from error

    return asking


class SandboxProvider:
    """Speaks to the sandbox server at `url` (which ends in its base path)."""

    name = "sandbox"
    test = True

    def __init__(self, url: str, api_key: str, webhook_secret: str, clock: Clock) -> None:
        self._secret = webhook_secret.encode()
        self._clock = clock
        self._http = httpx.Client(
            base_url=f"{url.rstrip('/')}/v1",
            headers={"Authorization": f"Bearer {api_key}"},
            timeout=httpx.Timeout(10, connect=5),
        )

    @_of_its_shape
    def find(self, reference: str) -> ProviderPayment | None:
        found = self._call("GET", "/payments", params={"reference": reference})["data"]
        return _payment(found[0]) if found else None

    @_of_its_shape
    def request(self, order: PaymentOrder) -> ProviderPayment:
        body = {
            "reference": order.reference, "amount": order.amount_minor, "currency": order.currency,
            "description": _plain(order.description), "return_url": order.return_url, "cancel_url": order.cancel_url,
            "email": order.email, "metadata": dict(order.metadata), "expires_in": order.expires_in,
        }  # fmt: skip
        return _payment(self._call("POST", "/payments", json=body, key=order.reference))

    @_of_its_shape
    def retrieve(self, ref: str) -> ProviderPayment:
        return _payment(self._call("GET", f"/payments/{ref}"))

    @_of_its_shape
    def expire(self, ref: str) -> ProviderPayment:
        try:
            return _payment(self._call("POST", f"/payments/{ref}/expire", key=f"expire-{ref}"))
        except ProviderRefused:
            # It was paid meanwhile, or is being processed: what it is now decides.
            return self.retrieve(ref)

    @_of_its_shape
    def list_recent(self, stream: Stream, since: datetime | None, cursor: str | None) -> Page:
        wanted: dict[str, str | int] = {"limit": PAGE}
        if since is not None:
            wanted["created_after"] = int(since.timestamp())
        if cursor is not None:
            wanted["cursor"] = cursor
        found = self._call("GET", f"/{stream}", params=wanted)
        data = found["data"]
        if stream is Stream.PAYMENTS:
            return Page(tuple(map(_payment, data)), found["next_cursor"])
        if stream is Stream.REFUNDS:
            return Page(tuple(map(_refund, data)), found["next_cursor"])
        return Page(tuple(map(_dispute, data)), found["next_cursor"])

    @_of_its_shape
    def reversals(self, ref: str) -> ProviderReversals:
        return ProviderReversals(
            tuple(map(_refund, self._all("/refunds", ref))), tuple(map(_dispute, self._all("/disputes", ref)))
        )

    def _all(self, path: str, ref: str) -> list[Any]:
        """Every page of a payment's list."""
        found: list[Any] = []
        cursor: dict[str, str] = {}
        while True:
            page = self._call("GET", path, params={"payment": ref, "limit": PAGE, **cursor})
            found += page["data"]
            if page["next_cursor"] is None:
                return found
            cursor = {"cursor": page["next_cursor"]}

    @_of_its_shape
    def find_refund(self, reference: str) -> ProviderRefund | None:
        found = self._call("GET", "/refunds", params={"reference": reference})["data"]
        return _refund(found[0]) if found else None

    @_of_its_shape
    def refund(self, ref: str, reference: str, amount_minor: int, reason: str) -> ProviderRefund:
        body = {"reference": reference, "amount": amount_minor, "reason": _plain(reason)}
        # The amount is part of the key: after a try without effect it may have to be another one.
        key = f"{reference}:{amount_minor}"
        return _refund(self._call("POST", f"/payments/{ref}/refunds", json=body, key=key))

    def verify_event(self, headers: Mapping[str, str], raw: bytes) -> ProviderEvent:
        parts = dict(part.partition("=")[::2] for part in headers.get(SIGNATURE_HEADER, "").split(","))
        stamp, signature = parts.get("t", ""), parts.get("v1", "")
        expected = hmac.new(self._secret, f"{stamp}.".encode() + raw, hashlib.sha256).hexdigest()
        if not hmac.compare_digest(expected.encode(), signature.encode()):
            raise SignatureInvalid(provider=self.name, problem="it does not match the body")
        if not stamp.isdecimal() or abs(self._clock.now().timestamp() - int(stamp)) > TOLERANCE_SECONDS:
            raise SignatureInvalid(provider=self.name, problem="it is too old")
        try:
            event = json.loads(raw)
            ((kind, about),) = event["data"].items()
            ref = about["id"] if kind == "payment" else about["payment"]
            return ProviderEvent(str(event["id"]), str(event["type"]), str(ref))
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise SignatureInvalid(provider=self.name, problem=f"signed, but not a notification: {error}") from None

    @_of_its_shape
    def examine(self) -> Examined:
        path, since = "/deliveries", {"created_after": str(int(self._clock.now().timestamp()) - LATELY), "limit": "100"}
        cursor, tried, date = None, [], None
        for _ in range(MOST_PAGES):
            response = self._ask("GET", path, params={**since, **({"cursor": cursor} if cursor else {})})
            body, date = _read(self.name, response, f"GET {path}"), response.headers.get("date")
            tried += [each for each in body["data"] if each["tries"] and each["behaviour"] != "bad_signature"]
            cursor = body["next_cursor"]
            if cursor is None:
                break
        last = tried[-1]["tries"][-1] if tried and tried[-1]["status"] == "pending" else None
        refused = "" if last is None else str(last["status"] or last["error"])
        return Examined(parsedate_to_datetime(date) if date else None, refused)

    def _call(self, method: str, path: str, *, key: str | None = None, **request: Any) -> Any:
        headers = {"Idempotency-Key": key} if key else {}
        return _read(self.name, self._ask(method, path, headers=headers, **request), f"{method} {path}")

    def _ask(self, method: str, path: str, **request: Any) -> httpx.Response:
        try:
            return self._http.request(method, path, **request)
        except httpx.HTTPError as error:
            problem = f"{type(error).__name__} at {method} {path}"
            raise ProviderUnavailable(provider=self.name, problem=problem) from error


def _read(name: str, response: httpx.Response, what: str) -> Any:
    try:
        body = response.json()
    except ValueError as error:
        raise ProviderUnavailable(provider=name, problem=f"{type(error).__name__} at {what}") from error
    if response.status_code >= 500 or response.status_code == 429:
        raise ProviderUnavailable(provider=name, problem=f"{response.status_code} at {what}")
    if response.status_code in (404, 410):
        raise ProviderHasNone(provider=name, problem=f"{response.status_code} at {what}")
    if response.status_code >= 400:
        raise ProviderRefused(provider=name, problem=f"{response.status_code} at {what}: {body}")
    return body


def _plain(text: str) -> str:
    """What is said beside the money, as this provider takes it: no word keeps a payment or a refund from being made."""
    kept = (sign if sign.isprintable() else " " for sign in text)
    return " ".join("".join(kept).split())[:LONGEST_TEXT]


def _payment(data: Mapping[str, Any]) -> ProviderPayment:
    return ProviderPayment(
        ref=data["id"], reference=data["reference"], state=STATES.get(data["status"], data["status"]),
        amount_minor=data["amount"], captured_minor=data["amount_captured"], refunded_minor=data["amount_refunded"],
        currency=data["currency"], url=data["url"], final=data["final"],
        details={"status": data["status"], "decline_code": data.get("decline_code")},
        charged_back_minor=data["amount_charged_back"], disputed=data["disputed"], created_at=_moment(data["created"]),
        returning_minor=data["amount_refund_pending"],
    )  # fmt: skip


def _refund(data: Mapping[str, Any]) -> ProviderRefund:
    return ProviderRefund(
        data["id"], data["reference"], data["status"], data["amount"], data["currency"], data["payment"],
        _moment(data["created"]),
    )  # fmt: skip


def _dispute(data: Mapping[str, Any]) -> ProviderDispute:
    return ProviderDispute(
        data["id"], data["payment"], data["status"], data["amount"], data["currency"], data["reason"],
        _moment(data["created"]),
    )  # fmt: skip


def _moment(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
