"""What an order's page says on top: what is happening, what comes next, and what happened to the money."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

TAKEN_OUT = "Its data were taken out at its owner's wish, and nothing of it can be downloaded any more."
KEPT_AS_PROMISED = "Its files were kept for as long as was promised."


@dataclass(frozen=True, slots=True)
class Words:
    """The headline, the sentences below it, and whether the payment is in the bank's hands."""

    headline: str
    explanation: str
    bank_is_working: bool = False


def words_for(order: Mapping[str, Any], *, came_from_paying: bool, mailed: bool) -> Words:
    """The words for an order as the API shows it. That its data were taken out is part of them in every state."""
    words = _with_money(order, came_from_paying, mailed)
    return replace(words, explanation=f"{words.explanation} {TAKEN_OUT}") if order["erased"] else words


def _with_money(order: Mapping[str, Any], came_from_paying: bool, mailed: bool) -> Words:
    """Money that can't buy the order is part of the words in every state."""
    payment = order["payment"]
    if order["state"] == "cancelled" or (order["state"] == "awaiting_payment" and payment and not payment["open"]):
        return _unpaid(order)
    words = _words(order, came_from_paying, mailed)
    if goodwill := _goodwill(order):
        headline = words.headline if order["state"] == "in_progress" else goodwill.headline
        words = replace(words, headline=headline, explanation=f"{words.explanation} {goodwill.explanation}")
    if order["surplus"]:
        words = replace(words, explanation=f"{words.explanation} {_surplus(order)}")
    return words


def _words(order: Mapping[str, Any], came_from_paying: bool, mailed: bool) -> Words:
    total, email = order["total"]["text"], order["email"]
    match order["state"]:
        case "awaiting_payment":
            return _awaiting(order, came_from_paying)
        case "in_progress":
            return _in_progress(order, total, email)
        case "delivered" if order["erased"]:
            return Words("This order has ended", "It was made and delivered.")
        case "delivered" if _is_over(order["units"]):
            return Words("Its downloads have ended", f"It was made and delivered. {KEPT_AS_PROMISED}")
        case "delivered":
            also = "We have mailed you the links, too" if mailed else "We are mailing you the links, too"
            return Words("Here it is", f"Made, checked and ready to download. {also}, to {email}.")
        case "partly_delivered" if order["total"]["minor"] == 0:
            return Words("Partly delivered", f"{_made(order)} Nothing was charged for the rest.")
        case "partly_delivered":
            return Words("Partly delivered", f"{_made(order)} The money for the rest {_fate(order)}.")
        case _:
            return _given_back(order)


def _is_over(units: Sequence[Mapping[str, Any]]) -> bool:
    """Whether there were downloads, and all of them have ended."""
    return any(unit["expired"] for unit in units) and not any(unit["artefacts"] for unit in units)


def _made(order: Mapping[str, Any]) -> str:
    """What has become of what could be made."""
    if order["erased"]:
        return "What could be made was delivered."
    if _is_over(order["units"]):
        return f"What could be made was delivered. {KEPT_AS_PROMISED}"
    return "What could be made is here."


def _given_back(order: Mapping[str, Any]) -> Words:
    """For an order of which nothing that was paid for is kept, whoever gave its money back."""
    total, by_bank = order["total"], order["charged_back"]
    was_delivered = all(unit["delivery"] == "delivered" and unit["withdrawn"] for unit in order["units"])
    closed = " This order has ended, and its downloads are closed." if was_delivered else ""
    if total["minor"] == 0:
        said = "" if was_delivered or _given(order) else " We could not make it."
        return Words("This order has ended", f"Nothing was charged, so no money has to move.{said}{closed}")
    if by_bank["minor"] == total["minor"]:
        return Words("Your bank took the payment back", f"Your bank has given you back {total['text']}.{closed}")
    headline = "Your money goes back" if _is_going(order) else "Your money has gone back"
    if by_bank["minor"]:
        said = f"Of {total['text']} your bank has given you back {by_bank['text']}; the rest {_fate(order)}."
        return Words(headline, f"{said}{closed}")
    if was_delivered:
        return Words(headline, f"{total['text']} {_fate(order)}.{closed}")
    return Words(headline, f"We could not deliver this order, so {total['text']} {_fate(order)}.")


def _is_going(order: Mapping[str, Any]) -> bool:
    return any(unit["money"] == "refunding" for unit in order["units"])


def _fate(order: Mapping[str, Any]) -> str:
    """Where the money is that goes back; the units say it one by one."""
    return "is going back to you" if _is_going(order) else "has gone back to you"


def _given(order: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The units that are, or were, made once more at no price."""
    return [unit for unit in order["units"] if unit["goodwill"] and not unit["withdrawn"]]


def _goodwill(order: Mapping[str, Any]) -> Words | None:
    """For an order of which something is made once more, at no price."""
    given = _given(order)
    if not given or order["erased"]:
        return None
    if any(unit["delivery"] != "delivered" for unit in given):
        return Words("Being made once more", "What could not be made at first is made once more, at no price.")
    if _is_over(given):
        said = f"We had made it once more, and it cost you nothing. {KEPT_AS_PROMISED}"
        return Words("Its downloads have ended", said)
    return Words("Here it is all the same", "We have made it once more, and it costs you nothing.")


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
