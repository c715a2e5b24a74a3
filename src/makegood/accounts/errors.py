"""What can go wrong when somebody says who they are."""

from __future__ import annotations

from makegood.kernel.errors import Rejected


class EmailInvalid(Rejected):
    code = "EMAIL_INVALID"
    customer = "This doesn't look like an e-mail address. Please check it for typing mistakes."
    operator = "Not an address that mail can be sent to: {reason}."


class TooManyTries(Rejected):
    """`retry_after` is in whole seconds."""

    code = "TOO_MANY_TRIES"
    status = 429
    customer = "That was tried too often. Please wait {minutes} min and try again."
    operator = "{purpose} was tried too often; it opens again in {retry_after} s."


class LinkInvalid(Rejected):
    code = "LINK_INVALID"
    status = 404
    customer = "This sign-in link isn't one of ours. Please copy the whole address, or ask for a new link."
    operator = "A sign-in token that was never given out."


class LinkUsed(Rejected):
    code = "LINK_USED"
    status = 410
    customer = "This sign-in link was already used. Please ask for a new one."
    operator = "The sign-in link {link} was used before."


class LinkExpired(Rejected):
    code = "LINK_EXPIRED"
    status = 410
    customer = "This sign-in link is too old. Please ask for a new one."
    operator = "The sign-in link {link} has expired."


class SignInFailed(Rejected):
    """The same for an unknown address, an account without a password and a wrong password."""

    code = "SIGN_IN_FAILED"
    status = 401
    customer = "E-mail address and password don't match. You can also sign in with a link that we mail you."
    operator = "A password sign-in failed."


class SignInNeeded(Rejected):
    code = "SIGN_IN_NEEDED"
    status = 401
    customer = "Please sign in first."
    operator = "A signed-in browser session is needed for this; the caller came by {via}."


class PasswordWrong(Rejected):
    code = "PASSWORD_WRONG"
    status = 403
    customer = "The present password isn't right. You can also sign in with a link and set a new one."
    operator = "The present password given by customer {customer} is wrong or missing."


class PasswordUnfit(Rejected):
    code = "PASSWORD_UNFIT"
    customer = "{reason}"
    operator = "A new password was not accepted: {reason}"


class ApiKeyInvalid(Rejected):
    code = "API_KEY_INVALID"
    status = 401
    customer = "This API key is unknown or revoked."
    operator = "An API key that is unknown or revoked."


class TooManyKeys(Rejected):
    code = "TOO_MANY_KEYS"
    status = 409
    customer = "You have {limit} API keys. Please revoke one first."
    operator = "Customer {customer} has {limit} API keys, the most that are allowed."


class ScopeMissing(Rejected):
    code = "SCOPE_MISSING"
    status = 403
    customer = "This API key may not do that."
    operator = "The API key lacks the scope {scope}."


class OperatorSignInFailed(Rejected):
    """The same for everything that can be wrong."""

    code = "OPERATOR_SIGN_IN_FAILED"
    status = 401
    customer = "Address, password and code don't match, or the code was used already. Please wait for the next code."
    operator = "A sign-in to the console failed."


class FactorWrong(Rejected):
    code = "FACTOR_WRONG"
    customer = "The six digits aren't right. Please check that the clock of your phone is, and take the newest code."
    operator = "The first code of a new second factor was wrong."


class OperatorUnknown(Rejected):
    code = "OPERATOR_UNKNOWN"
    status = 404
    customer = "There is no such operator."
    operator = "There is no operator {who}."


class LastOwner(Rejected):
    code = "LAST_OWNER"
    status = 409
    customer = "This is the last owner. Please make somebody else an owner first."
    operator = "{who} is the last owner who can sign in."


class SetUpLinkInvalid(Rejected):
    code = "SET_UP_LINK_INVALID"
    status = 404
    customer = "This link was used already, is too old, or isn't one of ours. Please ask an owner for a new one."
    operator = "A set-up link was not valid; `makegood operators add EMAIL` prints a new one."
