"""Signatures by the shop's own key, one purpose each, so that a token for one thing never opens another."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from typing import Any


class Signer:
    """HMAC-SHA256 over a purpose and a value."""

    def __init__(self, key: bytes) -> None:
        self._key = key

    def signature(self, purpose: str, value: str) -> str:
        """64 hexadecimal characters."""
        return hmac.new(self._key, f"{purpose}\0{value}".encode(), hashlib.sha256).hexdigest()

    def is_valid(self, purpose: str, value: str, signature: str) -> bool:
        """Whether `signature` was made by this key for this purpose and value (constant time)."""
        return hmac.compare_digest(self.signature(purpose, value).encode(), signature.encode())

    def token(self, purpose: str, value: str) -> str:
        """A short URL-safe token (144 bits) that proves knowledge of `value`, e.g. for an order's mail link."""
        raw = hmac.new(self._key, f"{purpose}\0{value}".encode(), hashlib.sha256).digest()[:18]
        return base64.urlsafe_b64encode(raw).decode()

    def opens(self, purpose: str, value: str, token: str) -> bool:
        """Whether `token` is the one for this purpose and value (constant time)."""
        return hmac.compare_digest(self.token(purpose, value).encode(), token.encode())


def canonical(value: Any) -> str:
    """The one way in which a JSON value is written for signing and comparing."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
