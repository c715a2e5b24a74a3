"""Taking secrets out of what leaves the house: by value, in every writing it may have, and by the look of things."""

from __future__ import annotations

import base64
import html
import json
import re
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import quote, quote_plus, urlsplit

SECRET = "[secret]"  # noqa: S105 - what stands in a secret's place
SHORTEST = 4
"""Characters: what is shorter can't be told from ordinary text, and is no secret."""

SENSITIVE = re.compile(
    r"passw|passphrase|secret|token|api_?key|authorization|cookie|signature|credential|private|hash$|"
    r"(^|_)(card|cvc|cvv|iban|otp|pin)(_|$)", re.IGNORECASE,
)  # fmt: skip
"""Names whose values are never shown."""
ADDRESSES = re.compile(r"(^|_)(url|link|href)s?$", re.IGNORECASE)
"""Names whose values are addresses: kept without their path, which may open something."""

HEADERS = (
    r"(?:proxy-)?authorization|cookie|set-cookie|x-api-key|api-key|[\w-]*signature|[\w-]*token|[\w-]*secret|"
    r"[\w-]*password|idempotency-key"
)
PATTERNS: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"-----BEGIN [A-Z ]+-----.*?-----END [A-Z ]+-----", re.DOTALL), SECRET),
    # Name and value as in a header, as in JSON (within JSON), as in a pair.
    (re.compile(rf"""\b({HEADERS})(\\*["']?\s*[:=]\s*\\*["']?|\\*["']\s*,\s*\\*["'])[^\r\n"'}}\\]+""", re.IGNORECASE),
     rf"\1\2{SECRET}"),
    (re.compile(r"\b(bearer|basic)\s+[\w.~+/=-]{6,}", re.IGNORECASE), rf"\1 {SECRET}"),
    (re.compile(r"(\w+://)[^/\s:@]*:[^/\s@]+@"), rf"\1{SECRET}@"),
    (re.compile(r"([?&;](?:key|token|code|sig|signature|secret|password|state|session)=)[^&\s\"'<>\\]+", re.IGNORECASE),
     rf"\1{SECRET}"),
    (re.compile(r"(/(?:d|L|l|pay|sign-in|account/sign-in|operators)/)(?!\[)[\w%~.-]{8,}(?:/[\w%~-]{8,})?"),
     rf"\1{SECRET}"),
    (re.compile(r"\b(?:mgk|sk|rk|whsec|xox[abp]|ghp|glpat|AKIA)[_-][\w-]{8,}"), SECRET),
    (re.compile(r"\beyJ[\w-]{8,}\.[\w-]+\.[\w-]*"), SECRET),
)  # fmt: skip
RUN = re.compile(r"(?<![\w/+-])[\w+/-]{22,}={0,2}(?![\w/+-])")
EMAIL = re.compile(r"([\w.+-])([\w.+-]*)@([\w-]+(?:\.[\w-]+)+)")
PLAIN_IDS = re.compile(r"ORD-|^[0-9a-f]{64}$|^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)


class Redactor:
    """Knows the secrets of one shop. What it returns contains none of them."""

    def __init__(self, secrets: Iterable[str], *, personal: Iterable[str] = (), personal_data: bool = False) -> None:
        """`personal` is what customers wrote; it goes too, unless `personal_data` may stay."""
        writings = {writing for secret in secrets if len(secret) >= SHORTEST for writing in writings_of(secret)}
        self._writings = sorted(writings, key=len, reverse=True)
        self._personal_data = personal_data
        words = {} if personal_data else {word: f"[text of {len(word)}]" for word in personal if len(word) >= SHORTEST}
        written = {writing: said for word, said in words.items() for writing in writings_of(word)}
        for word in [word for word in words if EMAIL.fullmatch(word)]:
            del written[word]  # as it is, it is masked like every address
        self._words = sorted(written.items(), key=lambda each: -len(each[0]))

    def text(self, text: str) -> str:
        """The text without secrets, and without e-mail addresses unless personal data may stay."""
        for writing in self._writings:
            if writing in text:
                text = text.replace(writing, SECRET)
        for word, said in self._words:
            text = text.replace(word, said)
        for pattern, instead in PATTERNS:
            text = pattern.sub(instead, text)
        text = RUN.sub(_unless_plain, text)
        return text if self._personal_data else EMAIL.sub(r"\1***@\3", text)

    def data(self, value: Any, name: str = "") -> Any:
        """The same for data: whatever has a sensitive name, and every text in it."""
        if value is not None and SENSITIVE.search(name):
            return SECRET
        if isinstance(value, Mapping):
            return {self.text(str(key)): self.data(inner, str(key)) for key, inner in value.items()}
        if isinstance(value, list | tuple):
            return [self.data(inner, name) for inner in value]
        if isinstance(value, bytes | bytearray | memoryview):
            return self.data(_decoded(bytes(value)), name)
        if isinstance(value, str):
            return self.text(_without_path(value) if ADDRESSES.search(name) else value)
        return value


def writings_of(secret: str) -> set[str]:
    """How the secret may be written within a text: as it is, in addresses, JSON, HTML, hexadecimal, and as part of
    something in base64 (a header, a basic log-in), where it looks different at each of three offsets."""
    raw = secret.encode()
    found = {
        secret, quote(secret, safe=""), quote(secret), quote_plus(secret), html.escape(secret),
        json.dumps(secret)[1:-1], json.dumps(secret, ensure_ascii=False)[1:-1], repr(secret)[1:-1], raw.hex(),
        raw.hex().upper(), json.dumps(json.dumps(secret)[1:-1])[1:-1],
    }  # fmt: skip
    found |= {writing.replace("%", "%25") for writing in found if "%" in writing}
    for encode in (base64.b64encode, base64.urlsafe_b64encode):
        for offset in range(3):
            # Only the characters that the secret's own bits decide, whatever stands before and after it.
            whole = encode(b"\0" * offset + raw).decode().rstrip("=")
            skipped = -(-offset * 8 // 6)
            decided = (offset + len(raw)) * 8 // 6
            found.add(whole[skipped:decided])
    return {writing for writing in found if len(writing) >= SHORTEST}


def _unless_plain(found: re.Match[str]) -> str:
    """A long run of signs in which capitals, small letters and digits are mixed is a key, unless it is a number of
    ours or a path."""
    run = found[0]
    mixed = any(c.isupper() for c in run) and any(c.islower() for c in run) and any(c.isdigit() for c in run)
    return run if not mixed or PLAIN_IDS.search(run) or ("/" in run.strip("/") and _is_path(run)) else SECRET


def _is_path(run: str) -> bool:
    return all(len(part) < 22 for part in run.split("/"))


def _decoded(raw: bytes) -> Any:
    """What the bytes say: JSON, else text, else how many they are."""
    try:
        text = raw.decode()
    except UnicodeDecodeError:
        return f"[{len(raw)} bytes]"
    try:
        return json.loads(text)
    except ValueError:
        return text


def _without_path(address: str) -> str:
    parts = urlsplit(address)
    return f"{parts.scheme}://{parts.hostname or ''}/…" if parts.scheme and parts.netloc else "[address]"
