"""What an order's page says on top: what is happening, what comes next, and what happened to the money."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any


@dataclass(frozen=True, slots=True)
class Words:
    """The headline, the sentences below it, and whether the payment is in the bank's hands."""

    headline: str
    explanation: str
    bank_is_working: bool = False


def words_for(order: Mapping[str, Any], *, came_from_paying: bool, mailed: bool) -> Words:
    """The words for an order as the API shows it. Money that can't buy it is part of them in every state."""
    payment = order["payment"]
    if order["state"] == "cancelled" or (order["state"] == "awaiting_payment" and payment and not payment["open"]):
        return _unpaid(order)
    words = _words(order, came_from_paying, mailed)
    if not order["surplus"]:
        return words
    return replace(words, explanation=f"{words.explanation} {_surplus(order)}")


def _words(order: Mapping[str, Any], came_from_paying: bool, mailed: bool) -> Words:
    total, email = order["total"]["text"], order["email"]
    match order["state"]:
        case "awaiting_payment":
            return _awaiting(order, came_from_paying)
        case "in_progress":
            return _in_progress(order, total, email)
        case "delivered":
            also = "We have mailed you the links, too" if mailed else "We are mailing you the links, too"
            return Words("Here it is", f"Made, checked and ready to download. {also}, to {email}.")
        case "partly_delivered":
            return Words("Partly delivered", "What could be made is here. The money for the rest goes back to you.")
        case "refunded" if any(unit["money"] == "charged_back" for unit in order["units"]):
            said = f"Your bank has given you back {total}, so this order has ended and its downloads are closed."
            return Words("Your bank took the payment back", said)
        case "refunded" if all(unit["delivery"] == "delivered" for unit in order["units"]):
            return Words("Your money goes back", f"{total} is given back to you, and the downloads are closed.")
        case _:
            return Words("Your money goes back", f"We could not deliver this order, so {total} is given back to you.")


def _unpaid(order: Mapping[str, Any]) -> Words:
    """For an order that has ended, or can't be paid any more, though money may have come for it."""
    if not order["surplus"]:
        return Words("This order was not paid", "It has ended, and nothing was charged. You can order again.")
    is_back = all(each["money"] == "refunded" for each in order["surplus"])
    headline = "Your money has gone back" if is_back else "Your money goes back"
    return Words(headline, f"{_surplus(order)} The order has ended; you can order again.")


def _surplus(order: Mapping[str, Any]) -> str:
    """What arrived and can't buy the order, and where it is."""
    another = "Another " if order["units"][0]["money"] else ""
    said = []
    for money, fate in (("refunding", "is going back to you"), ("refunded", "has gone back to you")):
        amounts = " and ".join(each["amount"]["text"] for each in order["surplus"] if each["money"] == money)
        if amounts:
            said.append(f"{another}{amounts} arrived that could not buy this order, and {fate}.")
    return " ".join(said)


def _awaiting(order: Mapping[str, Any], came_from_paying: bool) -> Words:
    payment, nothing = order["payment"] or {}, "" if order["surplus"] else "Nothing was charged. "
    if payment.get("state") in ("failed", "cancelled", "expired"):
        reason = "Your bank declined it." if payment.get("problem") else "It was not completed."
        said = f"{reason} {nothing}Your order is still here: you can try again, or with another card."
        return Words("The payment did not go through", said)
    if came_from_paying:
        said = "The payment is with your bank. As soon as it confirms, your order is made; nothing else is needed."
        return Words("Nearly there", said, bank_is_working=True)
    said = "Your order is kept safe." if order["surplus"] else "Your order is kept safe. Nothing has been charged yet."
    return Words("Waiting for your payment", said)


def _in_progress(order: Mapping[str, Any], total: str, email: str) -> Words:
    paid = "Your order is in." if order["total"]["minor"] == 0 else f"Your payment of {total} has arrived."
    if any(unit["money"] == "disputed" for unit in order["units"]):
        return Words("On hold", f"{paid} Your bank is looking into it, so we wait for its answer before we go on.")
    if any(unit["problem"] and unit["delivery"] != "delivered" for unit in order["units"]):
        said = (
            f"{paid} Making it takes longer than usual; we go on by ourselves, and write to {email} when it is ready."
        )
        return Words("Still being made", said)
    said = f"{paid} It is being made now, and usually ready within seconds. We also write to {email} when it is."
    return Words("Being made", said)
