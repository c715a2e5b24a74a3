"""Identifiers: UUIDv7 inside, short Crockford base32 outside, secrets from the system's generator."""

from __future__ import annotations

import os
import secrets
import time
import uuid

CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"


def new_id() -> str:
    """A UUIDv7 as text: sorts by creation (milliseconds) and carries 74 random bits. Source: RFC 9562, 5.7."""
    value = (time.time_ns() // 1_000_000) << 80 | int.from_bytes(os.urandom(10), "big")
    value = value & ~(0xF << 76) | 0x7 << 76
    value = value & ~(0x3 << 62) | 0x2 << 62
    return str(uuid.UUID(int=value))


def crockford(length: int) -> str:
    """`length` random Crockford base32 characters, five bits each."""
    return "".join(secrets.choice(CROCKFORD) for _ in range(length))


def read_crockford(text: str) -> str:
    """What a person typed, as Crockford base32 means it: case, O, I, L and hyphens are forgiven."""
    return text.strip().upper().replace("-", "").replace("\0", "").translate(str.maketrans("OIL", "011"))


def new_order_number() -> str:
    """`ORD-` and ten Crockford characters: 50 random bits, short enough to read over the telephone."""
    return f"ORD-{crockford(10)}"


def new_secret() -> str:
    """256 random bits, URL-safe: for session cookies, links and API keys."""
    return secrets.token_urlsafe(32)
