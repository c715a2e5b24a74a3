"""One attempt to pay, as the hosted page or a test makes it: the outcome, and how its webhooks behave."""

from __future__ import annotations

import json
import sqlite3
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from makegood.payments.providers.sandbox.server import payments, refunds, timers
from makegood.payments.providers.sandbox.server.database import Tx
from makegood.payments.providers.sandbox.server.errors import PaymentNotOpen
from makegood.payments.providers.sandbox.server.events import NORMALLY, Plan, Webhook


class Outcome(StrEnum):
    """How an attempt to pay ends. `three_d_secure` is authenticated; its failure is `authentication_failed`."""

    SUCCESS = "success"
    DECLINE = "decline"
    INSUFFICIENT_FUNDS = "insufficient_funds"
    THREE_D_SECURE = "three_d_secure"
    AUTHENTICATION_FAILED = "authentication_failed"
    DELAYED_SUCCESS = "delayed_success"
    DELAYED_FAILURE = "delayed_failure"
    ABANDON = "abandon"
    EXPIRE = "expire"
    CANCEL = "cancel"


DECLINE_CODES: Final = {
    Outcome.DECLINE: "card_declined",
    Outcome.INSUFFICIENT_FUNDS: "insufficient_funds",
    Outcome.AUTHENTICATION_FAILED: "authentication_failed",
}


@dataclass(frozen=True, slots=True)
class Attempt:
    """What is tried. `delay` is in seconds, for the delayed outcomes; `card` is what may be kept of the card."""

    outcome: Outcome
    plan: Plan = NORMALLY
    delay: float = 3.0
    card: str | None = None


@dataclass(frozen=True, slots=True)
class Acted:
    """What came of it: the payment, and the deliveries that the browser's redirect has to wait for."""

    payment: sqlite3.Row
    wait_for: list[str]


def act(tx: Tx, payment: str, attempt: Attempt) -> Acted:
    """Make the attempt; `PaymentNotOpen` if the payment can't be paid any more, or is being paid."""
    row = payments.find(tx, payment)
    if not payments.is_payable(tx, row):
        raise PaymentNotOpen(id=payment, state="expired" if row["status"] in ("open", "failed") else row["status"])
    tx.sql.execute("UPDATE payments SET attempts = attempts + 1 WHERE id = ?", (payment,))
    deliveries = _carry_out(tx, payment, attempt)
    waits = attempt.plan.webhook is Webhook.BEFORE_REDIRECT
    return Acted(payments.find(tx, payment), deliveries if waits else [])


def _carry_out(tx: Tx, payment: str, attempt: Attempt) -> list[str]:
    outcome, plan, card = attempt.outcome, attempt.plan, attempt.card
    if outcome is Outcome.ABANDON:
        return []
    if outcome is Outcome.EXPIRE:
        return payments.expire(tx, payment, plan)
    if outcome is Outcome.CANCEL:
        return payments.cancel(tx, payment, plan)
    out_of_order = plan.webhook is Webhook.OUT_OF_ORDER
    if outcome in (Outcome.DELAYED_SUCCESS, Outcome.DELAYED_FAILURE):
        payments.begin_processing(tx, payment, card)
        timers.set_timer(
            tx,
            tx.now + attempt.delay,
            "settle_payment",
            payment,
            outcome=outcome,
            webhook=plan.webhook,
            webhook_delay=plan.delay,
        )
        say = payments.announce_late_processing if out_of_order else payments.announce_processing
        return say(tx, payment, plan)
    held = payments.announce_late_processing(tx, payment, plan) if out_of_order else []
    if outcome in DECLINE_CODES:
        return held + payments.decline(tx, payment, DECLINE_CODES[outcome], card, plan, final=False)
    return held + payments.capture(tx, payment, card, plan)


def begin_authentication(tx: Tx, payment: str, attempt: Attempt) -> None:
    """Send the customer to their bank first; the attempt is kept until they come back."""
    row = payments.find(tx, payment)
    if not payments.is_payable(tx, row):
        raise PaymentNotOpen(id=payment, state=row["status"])
    kept = {"webhook": attempt.plan.webhook, "webhook_delay": attempt.plan.delay, "card": attempt.card}
    tx.sql.execute(
        "UPDATE payments SET attempts = attempts + 1, authenticating = ? WHERE id = ?", (json.dumps(kept), payment)
    )


def authenticated(tx: Tx, payment: str, *, passed: bool) -> Acted:
    """The customer is back from the bank, with or without its consent."""
    row = payments.find(tx, payment)
    if row["authenticating"] is None:
        raise PaymentNotOpen(id=payment, state="not being authenticated")
    kept = json.loads(row["authenticating"])
    outcome = Outcome.THREE_D_SECURE if passed else Outcome.AUTHENTICATION_FAILED
    return act(tx, payment, Attempt(outcome, _plan(kept), card=kept["card"]))


def fire(tx: Tx, timer: sqlite3.Row) -> None:
    """Do what a timer was set for."""
    detail = json.loads(timer["detail"])
    if timer["kind"] == "expire":
        payments.expire_if_overdue(tx, timer["subject"])
    elif timer["kind"] == "settle_payment":
        _settle(tx, timer["subject"], Outcome(detail["outcome"]), _plan(detail))
    elif timer["kind"] == "settle_refund":
        refunds.settle(tx, timer["subject"], detail["outcome"], Plan(Webhook(detail["webhook"])))
    else:
        raise ValueError(f"an unknown timer: {timer['kind']}")


def _settle(tx: Tx, payment: str, outcome: Outcome, plan: Plan) -> None:
    if outcome is Outcome.DELAYED_SUCCESS:
        payments.capture(tx, payment, None, plan)
    else:
        payments.decline(tx, payment, "debit_failed", None, plan, final=True)


def _plan(kept: dict[str, Any]) -> Plan:
    return Plan(Webhook(kept["webhook"]), kept["webhook_delay"])
