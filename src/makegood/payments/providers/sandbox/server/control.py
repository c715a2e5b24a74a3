"""Controls for tests, behind the same API key: what a person, a bank or a broken line would do."""

from __future__ import annotations

from enum import StrEnum

from starlette.routing import Route

from makegood.payments.providers.sandbox.server import acting, disputes, faults, payments, refunds
from makegood.payments.providers.sandbox.server.acting import Attempt, Outcome
from makegood.payments.providers.sandbox.server.database import Tx
from makegood.payments.providers.sandbox.server.door import Answer, Call, Door
from makegood.payments.providers.sandbox.server.events import Plan, Webhook
from makegood.payments.providers.sandbox.server.fields import MAX_AMOUNT, Fields

LONGEST_DELAY = 24 * 3600.0
"""Seconds."""


class DisputeStep(StrEnum):
    """Whether a dispute is opened or ended."""

    OPEN = "open"
    CLOSE = "close"


class DisputeEnd(StrEnum):
    """Who keeps the money: the shop when `won`."""

    WON = "won"
    LOST = "lost"


class RefundEnd(StrEnum):
    """What becomes of a refund."""

    SUCCEEDED = "succeeded"
    FAILED = "failed"


def routes(door: Door) -> list[Route]:
    """The tests' endpoints, all under /v1/test; faults never touch them."""
    handles = {
        "/v1/test/payments/{id}/act": act,
        "/v1/test/payments/{id}/refund_from_dashboard": refund_from_dashboard,
        "/v1/test/payments/{id}/dispute": dispute,
        "/v1/test/faults": order_faults,
        "/v1/test/refund_outcomes": order_refund_outcomes,
    }
    return [
        *(Route(path, door.endpoint(handle, faulty=False), methods=["POST"]) for path, handle in handles.items()),
        Route("/v1/test/faults", door.endpoint(show_faults, faulty=False), methods=["GET"]),
        Route("/v1/test/faults", door.endpoint(clear_faults, faulty=False), methods=["DELETE"]),
    ]


def _plan(fields: Fields) -> Plan:
    webhook = fields.choice("webhook", Webhook, Webhook.NORMAL)
    return Plan(webhook, fields.seconds("webhook_delay", 3.0, LONGEST_DELAY))


def act(tx: Tx, call: Call) -> Answer:
    """POST /v1/test/payments/{id}/act {outcome, webhook?, delay?, webhook_delay?}"""
    outcome = call.fields.choice("outcome", Outcome)
    attempt = Attempt(outcome, _plan(call.fields), call.fields.seconds("delay", 3.0, LONGEST_DELAY))
    call.fields.done()
    acted = acting.act(tx, call.path["id"], attempt)
    return Answer(payments.show(tx, acted.payment), wait_for=acted.wait_for)


def refund_from_dashboard(tx: Tx, call: Call) -> Answer:
    """POST /v1/test/payments/{id}/refund_from_dashboard {amount?, reason?, webhook?, webhook_delay?}"""
    amount = call.fields.optional_integer("amount", 1, MAX_AMOUNT)
    reason = call.fields.optional_text("reason", 500)
    plan = _plan(call.fields)
    call.fields.done()
    row = refunds.create(
        tx, call.path["id"], amount=amount, reference=None, reason=reason, source="dashboard", plan=plan
    )
    return Answer(refunds.show(tx, row), status=201)


def dispute(tx: Tx, call: Call) -> Answer:
    """POST /v1/test/payments/{id}/dispute {action: open|close, amount?, reason?, outcome?: won|lost, webhook?}"""
    step = call.fields.choice("action", DisputeStep, DisputeStep.OPEN)
    plan = _plan(call.fields)
    if step is DisputeStep.OPEN:
        amount = call.fields.optional_integer("amount", 1, MAX_AMOUNT)
        reason = call.fields.optional_text("reason", 100) or "fraudulent"
        call.fields.done()
        row = disputes.open_dispute(tx, call.path["id"], amount, reason, plan)
        return Answer(disputes.show(tx, row), status=201)
    end = call.fields.choice("outcome", DisputeEnd)
    call.fields.done()
    return Answer(disputes.show(tx, disputes.close_dispute(tx, call.path["id"], end, plan)))


def order_faults(tx: Tx, call: Call) -> Answer:
    """POST /v1/test/faults {next, kind, path_prefix?, method?, when?: before|after, seconds?}"""
    fields = call.fields
    calls = fields.integer("next", 1, 10_000)
    kind = fields.choice("kind", faults.Kind)
    moment = fields.choice("when", faults.Moment, faults.Moment.BEFORE)
    path_prefix = fields.optional_text("path_prefix", 255) or "/v1/"
    method = fields.optional_text("method", 10)
    seconds = fields.seconds("seconds", 30.0, 600.0)
    fields.done()
    faults.order(tx, kind=kind, moment=moment, method=method, path_prefix=path_prefix, seconds=seconds, calls=calls)
    return Answer(faults.show(tx), status=201)


def show_faults(tx: Tx, call: Call) -> Answer:
    """GET /v1/test/faults"""
    call.fields.done()
    return Answer(faults.show(tx))


def clear_faults(tx: Tx, call: Call) -> Answer:
    """DELETE /v1/test/faults"""
    call.fields.done()
    faults.clear(tx)
    return Answer(faults.show(tx))


def order_refund_outcomes(tx: Tx, call: Call) -> Answer:
    """POST /v1/test/refund_outcomes {next, outcome: succeeded|failed, delay?}: pending for `delay` seconds first."""
    calls = call.fields.integer("next", 1, 10_000)
    outcome = call.fields.choice("outcome", RefundEnd)
    delay = call.fields.seconds("delay", 0.0, LONGEST_DELAY)
    call.fields.done()
    tx.sql.execute("INSERT INTO refund_outcomes (outcome, delay, remaining) VALUES (?, ?, ?)", (outcome, delay, calls))
    return Answer({"outcome": outcome, "delay": delay, "next": calls}, status=201)
