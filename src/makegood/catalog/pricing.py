"""The one pricing function. What it says is shown, charged, receipted and refunded."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from makegood.product_api import PriceLine


@dataclass(frozen=True, slots=True)
class Price:
    """A price in minor units of `currency`: `total = sum(lines) * quantity - discount + tax`."""

    currency: str
    quantity: int
    lines: tuple[PriceLine, ...]
    discount_minor: int
    tax_minor: int
    total_minor: int

    def as_json(self) -> dict[str, Any]:
        """Plain data, for signing and freezing."""
        return asdict(self)


def _share(amount: int, percent: float) -> int:
    return int((Decimal(amount) * Decimal(str(percent)) / 100).quantize(Decimal(1), ROUND_HALF_UP))


def price(
    lines: Sequence[PriceLine], quantity: int, *, currency: str, discount_percent: int = 0, tax_percent: float = 0
) -> Price:
    """Price `quantity` units. Discounts come off before tax; both are rounded half up, once, on the whole order."""
    if quantity < 1 or any(line.unit_minor < 0 for line in lines) or not 0 <= discount_percent <= 100:
        raise ValueError("a price has at least one unit, no negative line and a discount of 0 to 100 %")
    subtotal = sum(line.unit_minor for line in lines) * quantity
    discount = _share(subtotal, discount_percent)
    tax = _share(subtotal - discount, tax_percent)
    return Price(currency, quantity, tuple(lines), discount, tax, subtotal - discount + tax)
