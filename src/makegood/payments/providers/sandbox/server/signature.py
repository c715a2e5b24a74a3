"""How the sandbox signs its webhooks."""

from __future__ import annotations

import hashlib
import hmac

HEADER = "Makegood-Sandbox-Signature"


def sign(secret: str, body: bytes, timestamp: int) -> str:
    """The header's value: `t=<unix>,v1=<hex HMAC-SHA256 of "{t}." + the raw body>`."""
    mac = hmac.new(secret.encode(), f"{timestamp}.".encode() + body, hashlib.sha256)
    return f"t={timestamp},v1={mac.hexdigest()}"


def missign(secret: str, body: bytes, timestamp: int) -> str:
    """A header that looks right and isn't: signed with a secret that nobody has."""
    return sign(f"not {secret}", body, timestamp)
