"""What a command says when the shop is so broken that it can't do its work."""

from __future__ import annotations

from pydantic import ValidationError
from sqlalchemy.exc import SQLAlchemyError

from makegood.kernel.errors import MakegoodError


def sentence(error: Exception) -> str | None:
    """One line for who typed the command; None where it is the command itself that is wrong."""
    if isinstance(error, MakegoodError):
        return error.for_operator().splitlines()[0]
    if isinstance(error, SQLAlchemyError):
        return f"The database can't be used: {str(error).splitlines()[0]}"
    if isinstance(error, ValidationError) and error.title == "Settings":
        # What was given is not repeated: it may be a secret.
        wrong = (f"MAKEGOOD_{'_'.join(map(str, each['loc'])).upper()}: {each['msg']}" for each in error.errors())
        return f"The settings can't be used. {'; '.join(wrong)}"
    return None
