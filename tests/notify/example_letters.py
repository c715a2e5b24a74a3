"""One example of each letter, and with hostile words in every field that a customer can reach."""

from __future__ import annotations

from datetime import UTC, datetime

from makegood.kernel.money import Money
from makegood.notify import (
    Apology,
    Delivered,
    DeliveredUnit,
    Download,
    Letter,
    Line,
    OrderLink,
    Page,
    Receipt,
    Refunded,
    SignIn,
)

SHOP = "https://shop.example"
ORDER = "ORD-7K2M9QXW4D"
ORDER_URL = f"{SHOP}/orders/{ORDER}?key=abc&from=mail"
HOSTILE = (
    "</td></mj-text><mj-include path='/etc/passwd'/><script>alert(1)</script>{{ 7*7 }}\r\nBcc: x@evil.example\0"
    "\ufffe\uffff"
)


def letters(words: str = "Our first dance") -> list[Letter]:
    return [
        SignIn(link=f"{SHOP}/sign-in/abcDEF", minutes=30),
        Receipt(
            ORDER, ORDER_URL, (Line(words, 2, Money(798, "USD")), Line("Sound poster, A4", 1, Money(299, "USD"))),
            total=Money(987, "USD"), discount=Money(110, "USD"), tax=Money(0, "USD"),
        ),
        Delivered(
            ORDER, ORDER_URL,
            (
                DeliveredUnit(
                    words, (Download("PDF for print", 2_450_000, f"{SHOP}/d/tok1/poster.pdf"),),
                    (Page("Listening page", f"{SHOP}/L/ABCDEFGH12"),), datetime(2027, 11, 21, tzinfo=UTC),
                ),
                DeliveredUnit("Second one", (Download("PDF for print", 9_000, f"{SHOP}/d/tok2/poster.pdf"),)),
            ),
        ),
        Refunded(ORDER, ORDER_URL, Money(299, "USD"), (words, words), parts=3),
        OrderLink(ORDER, ORDER_URL),
        Apology(ORDER, ORDER_URL, words, "We could not make this in time.", Money(299, "USD"), others=True, test=True),
        Apology(ORDER, ORDER_URL, words, "We could not make this in time.", Money(0, "USD")),
        Delivered(
            ORDER, ORDER_URL,
            (DeliveredUnit(words, (Download("PDF for print", 2_450_000, f"{SHOP}/d/tok3/poster.pdf"),)),), again=True,
        ),
    ]  # fmt: skip
