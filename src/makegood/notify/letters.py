"""What each mail says, as data. A letter's fields are exactly what its two templates may use.

Text in the fields is one line of plain text; whatever a customer wrote is escaped when it is rendered.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import ClassVar

from makegood.kernel.money import Money


@dataclass(frozen=True, slots=True)
class Letter:
    """Base of all mails. `template` names two files below `templates/`; sending is given up after `useful_for`."""

    template: ClassVar[str]
    useful_for: ClassVar[timedelta] = timedelta(days=3)

    @property
    def subject(self) -> str:
        """The mail's subject: one line, without anything that a customer wrote."""
        raise NotImplementedError


@dataclass(frozen=True, slots=True)
class SignIn(Letter):
    """A one-time link. `link` is the page where it is confirmed; `minutes` is how long it works."""

    template = "sign_in"
    useful_for = timedelta(hours=1)

    link: str
    minutes: int

    @property
    def subject(self) -> str:
        return "Your sign-in link"


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a receipt; `amount` is for the whole quantity."""

    description: str
    quantity: int
    amount: Money


@dataclass(frozen=True, slots=True)
class Receipt(Letter):
    """Sent when the payment arrived. `discount` and `tax` are shown when not zero; `test`: no real money moved."""

    template = "receipt"

    order_number: str
    order_url: str
    lines: tuple[Line, ...]
    total: Money
    discount: Money | None = None
    tax: Money | None = None
    test: bool = False

    @property
    def subject(self) -> str:
        return f"We have your order {self.order_number}"


@dataclass(frozen=True, slots=True)
class Download:
    """A file that can be downloaded: what it is called, its size in bytes, and its link."""

    label: str
    size: int
    url: str


@dataclass(frozen=True, slots=True)
class Page:
    """A page that came with the unit, such as the listening page."""

    label: str
    url: str


@dataclass(frozen=True, slots=True)
class DeliveredUnit:
    """One unit that is done. `expires_at`: until when its downloads work, if they ever stop."""

    title: str
    downloads: tuple[Download, ...]
    pages: tuple[Page, ...] = ()
    expires_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Delivered(Letter):
    """Sent with each delivery. `remaining` is how many units of the order are still being made. Of a line of several
    units `ready` are, of which `units` lists the first, and `returned` could not be made: their money goes back. What
    became of `ended` ones, and of their money, is the order page's to say.
    `again`: it was delivered before, and these are fresh links to it."""

    template = "delivered"

    order_number: str
    order_url: str
    units: tuple[DeliveredUnit, ...]
    remaining: int = 0
    ready: int = 1
    returned: int = 0
    ended: int = 0
    again: bool = False

    @property
    def subject(self) -> str:
        if self.again:
            return f"Your order {self.order_number} once more"
        is_part = self.remaining or self.returned or self.ended
        return f"{'Part of your' if is_part else 'Your'} order {self.order_number} is ready"


@dataclass(frozen=True, slots=True)
class Restored(Letter):
    """Sent when something that had been delivered failed, and was made again with other files than before."""

    template = "restored"

    order_number: str
    order_url: str
    unit: DeliveredUnit

    @property
    def subject(self) -> str:
        return f"Something of your order {self.order_number} was renewed"


@dataclass(frozen=True, slots=True)
class Broken(Letter):
    """Sent when something that was paid for until a date can't be kept any longer. `amount` is what goes back for the
    time that was not used, across all that was paid for it; `test`: no real money moved."""

    template = "broken"

    order_number: str
    order_url: str
    what: str
    amount: Money
    test: bool = False

    @property
    def subject(self) -> str:
        return f"We could not keep a part of your order {self.order_number}"


def apology_key(obligation_id: str) -> str:
    """Under which key the apology for an obligation is told."""
    return f"apology/{obligation_id}"


@dataclass(frozen=True, slots=True)
class Apology(Letter):
    """Sent when something that was ordered is not made any more, before its money is back. `title` says what it is,
    `reason` is one or more whole sentences in plain words, or nothing; `amount` goes back and may be nothing;
    `others`: the order has more units, which stand; `goodwill`: it was to be made once more at no price, whatever
    happens to the money of before; `test`: no real money moves."""

    template = "apology"

    order_number: str
    order_url: str
    title: str
    reason: str
    amount: Money
    others: bool = False
    goodwill: bool = False
    test: bool = False

    @property
    def subject(self) -> str:
        return f"We are sorry: we could not make your order {self.order_number}"


@dataclass(frozen=True, slots=True)
class Refunded(Letter):
    """Sent when money goes back, in one or more `parts`, which a bank shows one by one. `reasons` are whole sentences
    in plain words; `our_fault` adds an apology; `test`: no real money moved."""

    template = "refunded"

    order_number: str
    order_url: str
    amount: Money
    reasons: tuple[str, ...]
    parts: int = 1
    our_fault: bool = True
    test: bool = False

    @property
    def subject(self) -> str:
        return f"Your money is on its way back ({self.order_number})"


@dataclass(frozen=True, slots=True)
class OrderLink(Letter):
    """Sent when somebody looked an order up by number and address."""

    template = "order_link"

    order_number: str
    order_url: str

    @property
    def subject(self) -> str:
        return f"The link to your order {self.order_number}"
