"""Test cards: what the card form accepts, and what each card does."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from makegood.payments.providers.sandbox.server.acting import Outcome

TEST_CARDS: Final = {
    "4242424242424242": (Outcome.SUCCESS, "Succeeds"),
    "4000000000003220": (Outcome.THREE_D_SECURE, "Asks for 3-D Secure"),
    "4000000000000002": (Outcome.DECLINE, "Is declined"),
    "4000000000009995": (Outcome.INSUFFICIENT_FUNDS, "Has insufficient funds"),
}
"""Number → what happens, and how the page puts it."""


@dataclass(frozen=True, slots=True)
class CardForm:
    """What was typed into the card form."""

    number: str = ""
    expiry: str = ""
    cvc: str = ""
    name: str = ""

    @property
    def blank(self) -> bool:
        """Whether nothing was typed at all."""
        return not (self.number or self.expiry or self.cvc or self.name)

    @property
    def digits(self) -> str:
        """The number without spaces and hyphens."""
        return self.number.replace(" ", "").replace("-", "").replace("\u00a0", "")

    @property
    def label(self) -> str:
        """All that is kept of a card."""
        return f"Visa •••• {self.digits[-4:]}"

    def redacted(self) -> CardForm:
        """The form as it may be shown again: a number that isn't a test card's may be somebody's own."""
        return CardForm(self.number if self.digits in TEST_CARDS else "", self.expiry[:9], "", self.name[:100])


def problems(form: CardForm, now: float) -> dict[str, str]:
    """What is wrong with the form, by field, in words for the customer; empty if it can be charged."""
    found = {}
    if problem := _number_problem(form.digits):
        found["number"] = problem
    if problem := _expiry_problem(form.expiry, now):
        found["expiry"] = problem
    if not (form.cvc.isascii() and form.cvc.isdecimal() and len(form.cvc) == 3):
        found["cvc"] = "Enter the three digits on the back of the card."
    if not 1 <= len(form.name) <= 100 or not form.name.isprintable():
        found["name"] = "Enter the name on the card."
    return found


def _number_problem(digits: str) -> str | None:
    if not digits:
        return "Enter a card number."
    if not (digits.isascii() and digits.isdecimal() and 12 <= len(digits) <= 19 and passes_luhn(digits)):
        return "This is not a card number. Check the digits."
    if digits not in TEST_CARDS:
        return "Use a test card. This page never charges a real one."
    return None


def _expiry_problem(text: str, now: float) -> str | None:
    month_text, _, year_text = text.replace(" ", "").partition("/")
    if not (text.isascii() and month_text.isdecimal() and year_text.isdecimal() and len(year_text) in (2, 4)):
        return "Enter month and year as MM / YY."
    month, year = int(month_text[:3]), int(year_text) + (2000 if len(year_text) == 2 else 0)
    if not 1 <= month <= 12:
        return "The month goes from 01 to 12."
    today = datetime.fromtimestamp(now, UTC)
    if (year, month) < (today.year, today.month):
        return "This card has expired."
    return None


def passes_luhn(digits: str) -> bool:
    """Whether the last digit is the checksum that the others ask for (ISO/IEC 7812-1, annex B)."""
    total = 0
    for place, digit in enumerate(reversed(digits)):
        value = int(digit) * (2 if place % 2 else 1)
        total += value - 9 if value > 9 else value
    return total % 10 == 0
