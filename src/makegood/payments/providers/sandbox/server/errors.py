"""What the sandbox answers when it refuses; on the wire the code is in lower case, as its customers expect."""

from __future__ import annotations

from makegood.kernel.errors import NotFound, Rejected


class Unauthorized(Rejected):
    """No API key, or a wrong one."""

    code = "UNAUTHORIZED"
    status = 401
    customer = "A valid API key is needed: Authorization: Bearer <key>."
    operator = "A request came without a valid API key."


class MalformedBody(Rejected):
    """The body can't be read at all."""

    code = "MALFORMED_BODY"
    status = 400
    customer = "The body could not be read: {problem}."
    operator = "A malformed body: {problem}"


class BodyTooLarge(Rejected):
    """The body is longer than the sandbox reads."""

    code = "BODY_TOO_LARGE"
    status = 413
    customer = "The body may have at most {limit} bytes."
    operator = "A body of more than {limit} bytes."


class InvalidField(Rejected):
    """A field is missing, of the wrong type or out of its range."""

    code = "INVALID_FIELD"
    status = 422
    customer = "{field} {problem}."
    operator = "Field {field}: {problem}"


class NoSuchObject(NotFound):
    """The payment, refund, dispute or delivery isn't here."""

    code = "NOT_FOUND"
    customer = "There is no such {kind}."
    operator = "No {kind} {id}"


class IdempotencyConflict(Rejected):
    """The key was used within a day on this path with another body."""

    code = "IDEMPOTENCY_CONFLICT"
    status = 409
    customer = "This Idempotency-Key was used with a different body."
    operator = "Idempotency-Key {key} came again with another body."


class PaymentNotOpen(Rejected):
    """The payment can't be paid, cancelled or expired in the state it is in."""

    code = "PAYMENT_NOT_OPEN"
    status = 409
    customer = "The payment is {state}."
    operator = "Payment {id} is {state}."


class OverRefund(Rejected):
    """More would be given back than was captured and isn't returned yet."""

    code = "OVER_REFUND"
    status = 409
    customer = "At most {left} can be refunded."
    operator = "A refund of {amount} on payment {id}, of which {left} is left."


class PaymentDisputed(Rejected):
    """The amount is held back by an open dispute."""

    code = "PAYMENT_DISPUTED"
    status = 409
    customer = "The payment is disputed; it can't be refunded meanwhile."
    operator = "A refund on the disputed payment {id}."


class DisputeConflict(Rejected):
    """There is nothing to dispute, or no open dispute to close."""

    code = "DISPUTE_CONFLICT"
    status = 409
    customer = "The dispute can't be changed: {problem}."
    operator = "Dispute on payment {id}: {problem}"


class Forbidden(Rejected):
    """A form of the console came without its token."""

    code = "FORBIDDEN"
    status = 403
    customer = "Please open the page again and repeat that."
    operator = "A console form came without its token."
