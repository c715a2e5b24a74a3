"""What an operator can do about an obligation, to what it applies, and what it does to the money."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from makegood.kernel.money import Money
from makegood.orders.models import Obligation, Order
from makegood.orders.states import OPEN_DELIVERY, Delivery
from makegood.orders.states import Money as MoneyState


@dataclass(frozen=True, slots=True)
class Act:
    """One thing to do. `consequences` are the sentences of the confirm page, those about money first."""

    name: str
    label: str
    question: str
    button: str
    done: str
    applies: Callable[[Obligation], bool]
    consequences: Callable[[Order, Money], Sequence[str]]
    reason_hint: str = "For your colleagues: it stands in the audit log."
    takes_files: bool = False
    one_unit: bool = False


def _is_open(owed: Obligation) -> bool:
    return owed.delivery in OPEN_DELIVERY and owed.money == MoneyState.KEPT


def _is_delivered(owed: Obligation) -> bool:
    return owed.delivery == Delivery.DELIVERED and owed.money == MoneyState.KEPT


def _retry(order: Order, amount: Money) -> Sequence[str]:
    return (
        f"No money moves: {amount.format()} stays paid and owed.",
        "A new attempt begins now, from the order's own inputs.",
        "If it isn't delivered by its deadline, the money goes back by itself.",
    )


def _refund(order: Order, amount: Money) -> Sequence[str]:
    if amount.minor == 0:
        return (
            "Nothing was paid for it, so no money moves. This can't be undone.",
            "What is not delivered yet is not made any more. Downloads of what was delivered end.",
            f"{order.email} gets a mail about what is not made any more.",
        )
    return (
        f"{amount.format()} goes back to {order.email}, the way it came. This can't be undone.",
        "What is not delivered yet is not made any more. Downloads of what was delivered end.",
        f"{order.email} gets a mail about it.",
    )


def _redeliver(order: Order, amount: Money) -> Sequence[str]:
    return (
        f"No money moves: {amount.format()} stays paid.",
        "The files are read back; one that is lost or damaged is made again from the order's inputs.",
        f"{order.email} gets the mail about the delivery again, with a fresh link.",
    )


def _complete(order: Order, amount: Money) -> Sequence[str]:
    return (
        f"No money moves: {amount.format()} is kept, because the customer gets what was paid for.",
        "Your files are checked, stored and become the delivery. Nothing else is made for this unit.",
        f"{order.email} gets the mail about the delivery.",
    )


def _goodwill(order: Order, amount: Money) -> Sequence[str]:
    return (
        f"No money moves: {amount.format()} that went back, or is on its way, stays the customer's.",
        "It is made and delivered all the same, for nothing.",
    )


ACTS = {
    act.name: act
    for act in (
        Act(
            "retry", "Retry", "Try again now?", "Try again", "A new attempt has been asked for.", _is_open, _retry,
        ),
        Act(
            "redeliver", "Redeliver", "Deliver again?", "Deliver again", "It is being delivered again.",
            _is_delivered, _redeliver,
        ),
        Act(
            "refund", "Refund", "Give the money back?", "Give it back", "The money is on its way back.",
            lambda owed: owed.money == MoneyState.KEPT, _refund,
            "The customer reads it in the mail about the refund.",
        ),
        Act(
            "complete", "Complete by hand", "Complete by hand?", "Deliver these files", "Delivered by hand.",
            _is_open, _complete, takes_files=True, one_unit=True,
        ),
        Act(
            "goodwill", "Goodwill", "Make it all the same?", "Make it", "It is being made, as goodwill.",
            lambda owed: owed.delivery == Delivery.ABANDONED, _goodwill,
        ),
    )
}  # fmt: skip


UNPAID_REFUND = replace(
    ACTS["refund"], question="End it?", button="End it", done="It has ended, and no money moves.",
    reason_hint="The customer reads it in the mail.",
)  # fmt: skip
"""How refunding is spoken of where nothing was paid."""


def spoken_of(act: Act, amount: Money) -> Act:
    """The act in the words that fit what is still ours of the money."""
    if act.name != "refund":
        return act
    return UNPAID_REFUND if amount.minor == 0 else replace(act, button=f"{act.button} ({amount.format()})")


def newest(obligations: Sequence[Obligation]) -> list[Obligation]:
    """The newest obligation of each unit: older ones are history, and nothing is done about them any more."""
    by_unit: dict[str, Obligation] = {}
    for owed in obligations:
        if owed.unit_id not in by_unit or by_unit[owed.unit_id].number < owed.number:
            by_unit[owed.unit_id] = owed
    return list(by_unit.values())


def left_of(obligations: Sequence[Obligation], currency: str) -> Money:
    """What is still ours of these obligations' money."""
    return Money(sum(owed.allocated_minor - owed.returned_minor for owed in obligations), currency)
