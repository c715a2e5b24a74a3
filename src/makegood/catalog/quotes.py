"""Quotes: a price of one version of a draft, frozen and signed, so that no amount ever comes from a browser."""

from __future__ import annotations

import base64
import binascii
import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from makegood.catalog.pricing import Price
from makegood.kernel.clock import Clock
from makegood.kernel.errors import Rejected
from makegood.kernel.signing import Signer, canonical
from makegood.product_api import PriceLine


class QuoteInvalid(Rejected):
    code = "QUOTE_INVALID"
    status = 400
    customer = "This price was not made by us. Please reload the page; nothing was charged."
    operator = "A quote's signature does not match its content."


class QuoteExpired(Rejected):
    code = "QUOTE_EXPIRED"
    status = 409
    customer = "This price has expired. Please look at the new one; nothing was charged."
    operator = "The quote expired at {expired}."


class QuoteOutdated(Rejected):
    code = "QUOTE_OUTDATED"
    status = 409
    customer = "You changed something since this price was made. Please look at the new one; nothing was charged."
    operator = "The quote is for draft {quoted}, the order is of {present}."


@dataclass(frozen=True, slots=True)
class Quote:
    """The price of `quantity` units of one version of one draft."""

    draft_id: str
    version: int
    promotion: str | None
    price: Price
    expires_at: datetime


class Quotes:
    """Makes and reads quote tokens."""

    def __init__(self, signer: Signer, clock: Clock, lasts: timedelta) -> None:
        self._signer, self._clock, self._lasts = signer, clock, lasts

    def make(self, draft_id: str, version: int, promotion: str | None, price: Price) -> tuple[Quote, str]:
        """A quote and its signed token."""
        expires = self._clock.now() + self._lasts
        quote = Quote(draft_id, version, promotion, price, expires)
        body = canonical(
            {
                "draft": draft_id,
                "version": version,
                "promotion": promotion,
                "price": price.as_json(),
                "expires": int(expires.timestamp()),
            }
        )
        packed = base64.urlsafe_b64encode(body.encode()).decode()
        return quote, f"{packed}.{self._signer.signature('quote', body)}"

    def read(self, token: str) -> Quote:
        """The quote, or `QuoteInvalid` or `QuoteExpired`."""
        packed, _, signature = token.partition(".")
        try:
            body = base64.urlsafe_b64decode(packed.encode()).decode()
        except (ValueError, binascii.Error):
            raise QuoteInvalid from None
        if not self._signer.is_valid("quote", body, signature):
            raise QuoteInvalid
        data: dict[str, Any] = json.loads(body)
        expires = datetime.fromtimestamp(data["expires"], UTC)
        if expires <= self._clock.now():
            raise QuoteExpired(expired=expires.isoformat())
        found = dict(data["price"])
        lines = tuple(PriceLine(**line) for line in found.pop("lines"))
        return Quote(data["draft"], data["version"], data["promotion"], Price(lines=lines, **found), expires)
