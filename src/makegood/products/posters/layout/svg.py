"""Numbers as SVG wants them."""

from __future__ import annotations


def number(value: float) -> str:
    """Thousandths at most and no idle zeros, so that the same drawing is the same text everywhere."""
    text = f"{value:.3f}".rstrip("0").rstrip(".")
    return "0" if text in ("-0", "") else text
