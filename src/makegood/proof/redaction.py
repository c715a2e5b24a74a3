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
STOOD_IN = r"\[(?:text of \d+|name \d+|secret)\]"
"""What stands in somebody's words' place already."""
SHORTEST = 4
"""Characters: what is shorter can't be told from ordinary text, and is no secret."""
SURE = 8
"""Characters from which on a customer's words are known within other words as well."""

OUR_WORDS = frozenset({
    "amount", "asset", "at", "at_step", "attempt", "code", "currency", "delivery", "draft", "due_at", "error_code",
    "event", "executor", "holder", "id", "job", "key", "kind", "level", "live_for", "mail", "media_type", "money",
    "number", "obligation", "open_for", "order", "outcome", "part", "payment", "product", "provider", "provider_ref",
    "purpose", "ref", "reference", "refund", "sha256", "since", "slot", "state", "step", "subject", "surplus_of",
    "timestamp", "unit", "until", "via", "work", "workflow",
})  # fmt: skip
"""Names whose values are ids, states, moments and the like: never in a customer's words, whatever these are."""

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


def is_our_word(name: str) -> bool:
    """Whether what has this name is the shop's own word: an id, a state, a moment."""
    return name in OUR_WORDS or name.endswith(("_id", "_at"))


def stand_in(text: str) -> str:
    """What is shown instead of something that a customer wrote."""
    return f"[text of {len(text)}]" if text else text


class Redactor:
    """Knows the secrets of one shop. What it returns contains none of them."""

    def __init__(self, secrets: Iterable[str], *, personal: Iterable[str] = (), personal_data: bool = False) -> None:
        """`personal` is what customers wrote; it goes too, unless `personal_data` may stay."""
        writings = {writing for secret in secrets if len(secret) >= SHORTEST for writing in writings_of(secret)}
        self._writings = sorted(writings, key=len, reverse=True)
        self._personal_data = personal_data
        self._words = _Words(() if personal_data else personal)

    def text(self, text: str) -> str:
        """The text without secrets, and without e-mail addresses and customers' words unless personal data may stay."""
        return self.plain(self._words.out_of(self._without_secrets(text)))

    def plain(self, text: str) -> str:
        """The same for a text in which no customer has a say: their words may be ours there."""
        text = self._words.addresses_out_of(self._without_secrets(text))
        for pattern, instead in PATTERNS:
            text = pattern.sub(instead, text)
        text = RUN.sub(_unless_plain, text)
        return text if self._personal_data else EMAIL.sub(r"\1***@\3", text)

    def data(self, value: Any, name: str = "") -> Any:
        """The same for data: whatever has a sensitive name, and every text in it."""
        if value is not None and SENSITIVE.search(name):
            return SECRET
        if isinstance(value, Mapping):
            return {self.plain(str(key)): self.data(inner, str(key)) for key, inner in value.items()}
        if isinstance(value, list | tuple):
            return [self.data(inner, name) for inner in value]
        if isinstance(value, bytes | bytearray | memoryview):
            return self.data(_decoded(bytes(value)), name)
        if isinstance(value, str):
            shown = _without_path(value) if ADDRESSES.search(name) else value
            return self.plain(shown) if is_our_word(name) else self.text(shown)
        return value

    def _without_secrets(self, text: str) -> str:
        for writing in self._writings:
            if writing in text:
                text = text.replace(writing, SECRET)
        return text


class _Words:
    """What customers wrote, in every writing that it may have within something that others say. An address is masked
    like every other where it stands as it is, and taken out in its other writings."""

    def __init__(self, words: Iterable[str]) -> None:
        texts = {word for word in words if any(character.isalnum() for character in word)}
        addresses = {text for text in texts if EMAIL.fullmatch(text)}
        known: dict[str, bool] = {}
        for text in texts - addresses:
            whole = len(text) < SURE
            known |= dict.fromkeys(_spelt(text) if whole else writings_of(text), whole)
        self._known = _patterns(known)
        self._addresses = _patterns({w: False for text in addresses for w in writings_of(text) - {text}})

    def out_of(self, text: str) -> str:
        return _replaced(self.addresses_out_of(text), self._known)

    def addresses_out_of(self, text: str) -> str:
        return _replaced(text, self._addresses)


Patterns = list[tuple[str, str]]
"""Each writing in small letters, and the expression that finds it."""


def _patterns(writings: Mapping[str, bool]) -> Patterns:
    """How each is found, the longest first; a whole one only where no letter or digit touches it, but for one that ends
    an escape."""
    found = []
    for writing in sorted(writings, key=len, reverse=True):
        pattern = re.escape(writing)
        if writings[writing]:
            pattern = rf"(?:(?<![^\W_])|(?<=%[0-9A-Fa-f]{{2}})|(?<=\\[nrt])){pattern}(?![^\W_])"
        found.append((writing.lower(), pattern))
    return found


def _replaced(text: str, patterns: Patterns) -> str:
    lowered = text.lower()
    # Looking for each first is much faster than looking for all of them at once.
    there = [pattern for writing, pattern in patterns if writing in lowered]
    if not there:
        return text
    return re.sub("|".join((STOOD_IN, *there)), _instead, text, flags=re.IGNORECASE)


def _instead(found: re.Match[str]) -> str:
    return found[0] if re.fullmatch(STOOD_IN, found[0]) else stand_in(found[0])


def writings_of(secret: str) -> set[str]:
    """How the secret may be written within a text: as it is, in addresses, JSON, HTML, hexadecimal, and as part of
    something in base64 (a header, a basic log-in), where it looks different at each of three offsets."""
    raw = secret.encode()
    found = {*_spelt(secret), raw.hex(), raw.hex().upper()}
    for encode in (base64.b64encode, base64.urlsafe_b64encode):
        for offset in range(3):
            # Only the characters that the secret's own bits decide, whatever stands before and after it.
            whole = encode(b"\0" * offset + raw).decode().rstrip("=")
            skipped = -(-offset * 8 // 6)
            decided = (offset + len(raw)) * 8 // 6
            found.add(whole[skipped:decided])
    return {writing for writing in found if len(writing) >= SHORTEST}


def _spelt(text: str) -> set[str]:
    """The text as it is, in addresses, JSON and HTML."""
    found = {
        text, quote(text, safe=""), quote(text), quote_plus(text), html.escape(text), json.dumps(text)[1:-1],
        json.dumps(text, ensure_ascii=False)[1:-1], repr(text)[1:-1], json.dumps(json.dumps(text)[1:-1])[1:-1],
    }  # fmt: skip
    return found | {writing.replace("%", "%25") for writing in found if "%" in writing}


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
