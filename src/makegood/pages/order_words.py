"""What an order's page says on top: what is happening, what comes next, and what happened to the money."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Words:
    """The headline, the sentences below it, and whether the payment is in the bank's hands."""

    headline: str
    explanation: str
    bank_is_working: bool = False


def words_for(order: Mapping[str, Any], *, came_from_paying: bool, mailed: bool) -> Words:
    """The words for an order as the API shows it."""
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
        case "refunded":
            return Words("Your money goes back", f"We could not deliver this order, so {total} is given back to you.")
        case _:
            return Words("This order was not paid", "It has ended, and nothing was charged. You can order again.")


def _awaiting(order: Mapping[str, Any], came_from_paying: bool) -> Words:
    payment = order["payment"] or {}
    if payment.get("state") in ("failed", "cancelled", "expired"):
        reason = "Your bank declined it." if payment.get("problem") else "It was not completed."
        said = f"{reason} Nothing was charged, and your order is still here: you can try again, or with another card."
        return Words("The payment did not go through", said)
    if came_from_paying:
        said = "The payment is with your bank. As soon as it confirms, your order is made; nothing else is needed."
        return Words("Nearly there", said, bank_is_working=True)
    return Words("Waiting for your payment", "Your order is kept safe. Nothing has been charged yet.")


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
