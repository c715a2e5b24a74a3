"""What can be wrong with a draft or its checkout."""

from __future__ import annotations

from makegood.kernel.errors import Misconfigured, NotFound, Rejected, Temporary


class DraftNotFound(NotFound):
    code = "DRAFT_NOT_FOUND"
    customer = "We could not find that draft. Please start a new one."
    operator = "No draft {draft}, or it is not the caller's."


class DraftExpired(Rejected):
    code = "DRAFT_EXPIRED"
    status = 410
    customer = "This draft has expired and its files have been deleted. Please start again; nothing was charged."
    operator = "The draft {draft} expired at {expired}."


class DraftIncomplete(Rejected):
    code = "DRAFT_INCOMPLETE"
    status = 409
    customer = "Something is still missing: {missing}."
    operator = "The draft {draft} lacks {missing}."


class OptionInvalid(Rejected):
    code = "OPTION_INVALID"
    customer = "“{option}” can't be used like that: {problem}"
    operator = "The option {option} was refused: {problem}"


class SlotUnknown(NotFound):
    code = "SLOT_UNKNOWN"
    customer = "This product takes no such file."
    operator = "The product {product} has no slot {slot}."


class FileTooBig(Rejected):
    code = "FILE_TOO_BIG"
    status = 413
    customer = "This file is too big. At most {megabytes} MB can be used here; nothing was charged."
    operator = "An upload for {slot} went over {megabytes} MB and was cut off."


class FileEmpty(Rejected):
    code = "FILE_EMPTY"
    customer = "This file is empty."
    operator = "An upload for {slot} had no bytes."


class UploadBroken(Rejected):
    code = "UPLOAD_BROKEN"
    status = 400
    customer = "The upload was interrupted. Please try again."
    operator = "An upload for {slot} ended after {received} bytes."


class UploadStalled(Rejected):
    code = "UPLOAD_STALLED"
    status = 408
    customer = "The upload has come to a halt. Please check your connection and try again; nothing was charged."
    operator = "An upload for {slot} did not get on for {seconds:g} s after {received} bytes and was ended."


class UploadsBusy(Temporary):
    """`retry_after` is in whole seconds."""

    code = "UPLOADS_BUSY"
    customer = "Many files are arriving just now. Please try again in a moment; nothing was charged."
    operator = "{most} uploads are under way, which is all that MAKEGOOD_UPLOADS_AT_ONCE lets in; one more was refused."


class NoJob(NotFound):
    code = "NO_JOB"
    customer = "This product is made after it is ordered; there is nothing to make before."
    operator = "The product {product} makes nothing before payment."


class JobNotFinished(Rejected):
    code = "JOB_NOT_FINISHED"
    status = 409
    customer = "This has not been made yet as it stands now. Please have it made first; nothing was charged."
    operator = "The draft {draft} has no finished job for its version {version}."


class RenewalRefused(Rejected):
    code = "RENEWAL_REFUSED"
    status = 409
    customer = "This can't be renewed: {problem} Nothing was charged."
    operator = "The unit {unit} can't be renewed: {problem}"


class OrderOpen(Rejected):
    """`order` is the number of the order that is open."""

    code = "ORDER_OPEN"
    status = 409
    customer = (
        "You have ordered this already, as {order}, and its payment is under way. Please look at that order, or try "
        "again in a moment; nothing was ordered or charged now."
    )
    operator = (
        "The order {order} of the draft {draft} asks for something else than this checkout, and its payment is not "
        "over at its provider."
    )


class QuantityInvalid(Rejected):
    code = "QUANTITY_INVALID"
    customer = "You can order between 1 and {most} at a time."
    operator = "A quantity of {quantity} was refused."


class IdempotencyKeyReused(Rejected):
    code = "IDEMPOTENCY_KEY_REUSED"
    status = 409
    customer = "This request was already made with other content. Please reload the page; nothing was charged."
    operator = "The Idempotency-Key {key} was used before for another request."


class IdempotencyKeyMissing(Rejected):
    code = "IDEMPOTENCY_KEY_MISSING"
    status = 400
    customer = "This request can't be placed safely. Please reload the page; nothing was charged."
    operator = "A POST that spends came without an Idempotency-Key of 8 to 200 characters."


class NoPaymentProvider(Misconfigured):
    code = "NO_PAYMENT_PROVIDER"
    customer = "The shop can't take payments just now. Nothing was charged; please try again later."
    operator = "No payment provider is set up: set the keys of one, or MAKEGOOD_SANDBOX_IN_PRODUCTION for a rehearsal."
