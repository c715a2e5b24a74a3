"""Money is integer minor units and a currency; nothing else is ever added, compared or shown."""

from __future__ import annotations

from dataclasses import dataclass

from babel.numbers import format_currency

# ISO 4217 minor-unit exponents that differ from 2, for the currencies that shops here use.
EXPONENTS = {"JPY": 0, "KRW": 0, "VND": 0, "CLP": 0, "ISK": 0, "KWD": 3, "BHD": 3, "OMR": 3, "JOD": 3, "TND": 3}


def exponent(currency: str) -> int:
    """How many decimals the currency's minor unit has (ISO 4217)."""
    return EXPONENTS.get(currency, 2)


@dataclass(frozen=True, slots=True, order=False)
class Money:
    """An amount in `minor` units of `currency` (ISO 4217, upper case)."""

    minor: int
    currency: str

    def __post_init__(self) -> None:
        if not isinstance(self.minor, int) or isinstance(self.minor, bool):
            raise TypeError("money is counted in integer minor units")
        if len(self.currency) != 3 or not self.currency.isupper():
            raise ValueError(f"not a currency code: {self.currency!r}")

    def _same(self, other: Money) -> None:
        if self.currency != other.currency:
            raise ValueError(f"{self.currency} and {other.currency} don't add up")

    def __add__(self, other: Money) -> Money:
        self._same(other)
        return Money(self.minor + other.minor, self.currency)

    def __sub__(self, other: Money) -> Money:
        self._same(other)
        return Money(self.minor - other.minor, self.currency)

    def format(self, locale: str = "en_US") -> str:
        """As a person writes it, e.g. `$2.99`."""
        return str(format_currency(self.minor / 10 ** exponent(self.currency), self.currency, locale=locale))


def allocate(total: int, weights: list[int]) -> list[int]:
    """Split `total` minor units over `weights` so that the parts sum to it exactly (largest remainder)."""
    if not weights:
        raise ValueError("nothing to allocate over")
    whole = sum(weights)
    if whole == 0:
        weights, whole = [1] * len(weights), len(weights)
    parts = [total * weight // whole for weight in weights]
    by_remainder = sorted(range(len(weights)), key=lambda i: (-(total * weights[i] % whole), i))
    for i in by_remainder[: total - sum(parts)]:
        parts[i] += 1
    return parts
