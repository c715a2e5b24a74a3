"""What a look at the provider brought to light, in sentences that an operator reads."""

from __future__ import annotations

from dataclasses import dataclass

from makegood.kernel.money import Money


@dataclass(frozen=True, slots=True)
class Finding:
    """`kind` is stable, `ref` the provider's id of what it is about. `explained`: it is accounted for, and what it
    asks for is done or under way; otherwise a person has to look."""

    kind: str
    provider: str
    ref: str
    text: str
    payment_id: str | None = None
    order_id: str | None = None
    explained: bool = True


def amount(minor: int, currency: str) -> str:
    """Money as a sentence says it."""
    return Money(minor, currency).format()
