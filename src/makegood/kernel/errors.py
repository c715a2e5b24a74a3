"""Errors are types with a stable code, a sentence for the customer and one for the operator."""

from __future__ import annotations

from typing import Any, ClassVar


class MakegoodError(Exception):
    """Base of every error that Makegood raises on purpose.

    `code` is stable and part of the API; `status` is the HTTP status it is answered with; `customer` is a
    plain sentence that may be shown to anyone; `operator` says what happened and what to do; `can_heal` tells
    whether trying again later can help. The sentences are `str.format` templates over `facts`.
    """

    code: ClassVar[str] = "INTERNAL"
    status: ClassVar[int] = 500
    customer: ClassVar[str] = "Something went wrong on our side. Nothing is lost; please try again."
    operator: ClassVar[str] = "An unexpected condition: {facts}"
    can_heal: ClassVar[bool] = False

    def __init__(self, **facts: Any) -> None:
        self.facts = facts
        super().__init__(f"{self.code}: {self.for_operator()}")

    def for_customer(self) -> str:
        """The sentence for the customer, with this occurrence's facts filled in."""
        return self.customer.format(facts=self.facts, **self.facts)

    def for_operator(self) -> str:
        """The sentence for the operator, with this occurrence's facts filled in."""
        return self.operator.format(facts=self.facts, **self.facts)

    def __reduce__(self) -> tuple[Any, ...]:
        # Errors cross process borders (isolated work), so they must survive pickling.
        return _rebuild, (type(self), self.facts)


def _rebuild(kind: type[MakegoodError], facts: dict[str, Any]) -> MakegoodError:
    return kind(**facts)


class Rejected(MakegoodError):
    """Base of errors that are the caller's to mend: bad input, wrong state, not theirs."""

    code = "REJECTED"
    status = 422
    customer = "We could not accept that."
    operator = "A request was rejected: {facts}"


class NotFound(Rejected):
    """The thing does not exist, or is not the caller's: the two are answered alike."""

    code = "NOT_FOUND"
    status = 404
    customer = "We could not find that. Please check the address."
    operator = "Not found, or not the caller's: {facts}"


class Temporary(MakegoodError):
    """Base of errors that may heal by themselves; work is retried with backoff."""

    code = "TEMPORARY"
    status = 503
    customer = "This is taking longer than usual. Nothing is lost; please try again in a moment."
    operator = "A temporary failure: {facts}"
    can_heal = True


class Misconfigured(MakegoodError):
    """Something the shop needs is absent: a template, font, key, table. Heals when the operator mends it."""

    code = "MISCONFIGURED"
    status = 503
    customer = "The shop is being looked after. Nothing is lost; please try again later."
    operator = "Missing or wrong: {facts}"
    can_heal = True


class Unmakeable(MakegoodError):
    """A paid unit can't be made, now or later: its money goes back at once."""

    code = "UNMAKEABLE"
    status = 500
    customer = "We could not make your order, so we are giving your money back."
    operator = "Can't be made: {facts}"
