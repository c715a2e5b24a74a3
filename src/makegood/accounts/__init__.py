"""Who is calling: visitors, customers, sign-in by link or password, sessions and API keys."""

from makegood.accounts.callers import NOBODY, Caller, Scope, owns
from makegood.accounts.emails import read_email
from makegood.accounts.sign_in import Accounts

__all__ = ["NOBODY", "Accounts", "Caller", "Scope", "owns", "read_email"]
