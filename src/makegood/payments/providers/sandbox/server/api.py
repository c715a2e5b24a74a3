"""The API that a shop uses: payments, refunds, disputes, the ledger, and webhook deliveries."""

from __future__ import annotations

from starlette.routing import Route

from makegood.payments.providers.sandbox.server import disputes, events, ledger, listing, payments, refunds
from makegood.payments.providers.sandbox.server.database import Tx
from makegood.payments.providers.sandbox.server.door import Answer, Call, Door
from makegood.payments.providers.sandbox.server.errors import InvalidField
from makegood.payments.providers.sandbox.server.events import NORMALLY
from makegood.payments.providers.sandbox.server.fields import MAX_AMOUNT, Fields

LONGEST_OPEN = 30 * 24 * 3600
"""Seconds for which a payment may stay open at most."""

_SHOWS = {
    "payments": payments.show,
    "refunds": refunds.show,
    "disputes": disputes.show,
    "deliveries": events.show_delivery,
}


def routes(door: Door) -> list[Route]:
    """The shop's endpoints, all under /v1."""
    end = door.endpoint
    return [
        Route("/v1/payments", end(create_payment, keyed=True), methods=["POST"]),
        Route("/v1/payments", end(list_payments), methods=["GET"]),
        Route("/v1/payments/{id}", end(get_payment), methods=["GET"]),
        Route("/v1/payments/{id}/expire", end(expire_payment, keyed=True), methods=["POST"]),
        Route("/v1/payments/{id}/refunds", end(create_refund, keyed=True), methods=["POST"]),
        Route("/v1/refunds", end(list_refunds), methods=["GET"]),
        Route("/v1/refunds/{id}", end(get_refund), methods=["GET"]),
        Route("/v1/disputes", end(list_disputes), methods=["GET"]),
        Route("/v1/disputes/{id}", end(get_dispute), methods=["GET"]),
        Route("/v1/ledger", end(show_ledger), methods=["GET"]),
        Route("/v1/deliveries", end(list_deliveries), methods=["GET"]),
        Route("/v1/deliveries/{id}/replay", end(replay_delivery), methods=["POST"]),
    ]


def create_payment(tx: Tx, call: Call) -> Answer:
    """POST /v1/payments"""
    fields = call.fields
    request = payments.PaymentRequest(
        reference=fields.text("reference", 255),
        amount=fields.integer("amount", 1, MAX_AMOUNT),
        currency=fields.currency("currency"),
        description=fields.text("description", 500),
        return_url=fields.url("return_url"),
        cancel_url=fields.url("cancel_url"),
        email=fields.optional_email("email"),
        metadata=fields.metadata("metadata"),
        expires_in=fields.optional_integer("expires_in", 1, LONGEST_OPEN) or 24 * 3600,
    )
    fields.done()
    return Answer(payments.show(tx, payments.create(tx, request)), status=201)


def get_payment(tx: Tx, call: Call) -> Answer:
    """GET /v1/payments/{id}"""
    return Answer(payments.show(tx, payments.find(tx, call.path["id"])))


def expire_payment(tx: Tx, call: Call) -> Answer:
    """POST /v1/payments/{id}/expire"""
    call.fields.done()
    payments.expire(tx, call.path["id"])
    return get_payment(tx, call)


def create_refund(tx: Tx, call: Call) -> Answer:
    """POST /v1/payments/{id}/refunds"""
    reference = call.fields.text("reference", 255)
    amount = call.fields.integer("amount", 1, MAX_AMOUNT)
    reason = call.fields.optional_text("reason", 500)
    call.fields.done()
    row = refunds.create(
        tx, call.path["id"], amount=amount, reference=reference, reason=reason, source="api", plan=NORMALLY
    )
    return Answer(refunds.show(tx, row), status=201)


def get_refund(tx: Tx, call: Call) -> Answer:
    """GET /v1/refunds/{id}"""
    return Answer(refunds.show(tx, refunds.find(tx, call.path["id"])))


def get_dispute(tx: Tx, call: Call) -> Answer:
    """GET /v1/disputes/{id}"""
    return Answer(disputes.show(tx, disputes.find(tx, call.path["id"])))


def list_payments(tx: Tx, call: Call) -> Answer:
    """GET /v1/payments"""
    return _list(tx, "payments", call.fields, reference=call.fields.optional_text("reference", 255))


def list_refunds(tx: Tx, call: Call) -> Answer:
    """GET /v1/refunds"""
    reference = call.fields.optional_text("reference", 255)
    return _list(tx, "refunds", call.fields, reference, call.fields.optional_text("payment", 255))


def list_disputes(tx: Tx, call: Call) -> Answer:
    """GET /v1/disputes"""
    return _list(tx, "disputes", call.fields, payment=call.fields.optional_text("payment", 255))


def list_deliveries(tx: Tx, call: Call) -> Answer:
    """GET /v1/deliveries"""
    return _list(tx, "deliveries", call.fields, payment=call.fields.optional_text("payment", 255))


def _list(tx: Tx, kind: str, fields: Fields, reference: str | None = None, payment: str | None = None) -> Answer:
    created_after = _query_integer(fields, "created_after", 0, 2**53)
    limit = _query_integer(fields, "limit", 1, 100) or 50
    cursor = fields.optional_text("cursor", 255)
    fields.done()
    rows, next_cursor = listing.page(
        tx, kind, limit=limit, reference=reference, payment=payment, created_after=created_after, cursor=cursor
    )
    return Answer({"data": [_SHOWS[kind](tx, row) for row in rows], "next_cursor": next_cursor})


def _query_integer(fields: Fields, name: str, least: int, most: int) -> int | None:
    text = fields.optional_text(name, 20)
    if text is None:
        return None
    if not (text.isascii() and text.isdecimal() and least <= int(text) <= most):
        raise InvalidField(field=name, problem=f"must be an integer from {least} to {most}")
    return int(text)


def show_ledger(tx: Tx, call: Call) -> Answer:
    """GET /v1/ledger"""
    call.fields.done()
    return Answer(ledger.show(tx))


def replay_delivery(tx: Tx, call: Call) -> Answer:
    """POST /v1/deliveries/{id}/replay"""
    call.fields.done()
    return Answer(events.show_delivery(tx, events.replay(tx, call.path["id"])), status=201)
