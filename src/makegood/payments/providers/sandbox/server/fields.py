"""Reading what others send: every field is checked for presence, type and range, and unknown ones are refused."""

from __future__ import annotations

import json
from enum import StrEnum
from typing import Any, Final, TypeVar, cast
from urllib.parse import urlsplit

from makegood.payments.providers.sandbox.server.errors import InvalidField, MalformedBody

MAX_AMOUNT: Final = 999_999_999_999
"""In minor units."""

_CURRENCIES = """
AED ARS AUD BDT BGN BHD BRL CAD CHF CLP CNY COP CZK DKK EGP EUR GBP GEL HKD HUF IDR ILS INR ISK JOD JPY KES
KRW KWD KZT LKR MAD MXN MYR NGN NOK NPR NZD OMR PEN PHP PKR PLN QAR RON RSD SAR SEK SGD THB TND TRY TWD UAH
USD UYU VND ZAR
"""

CURRENCIES: Final = frozenset(_CURRENCIES.split())
"""ISO 4217 codes that can be paid in."""

Choice = TypeVar("Choice", bound=StrEnum)


def parse_object(raw: bytes) -> dict[str, Any]:
    """The JSON object in `raw`, strictly: UTF-8, no NaN, no repeated names. `MalformedBody` otherwise."""
    try:
        value = json.loads(raw.decode("utf-8"), parse_constant=_no_constant, object_pairs_hook=_no_repeats)
    except RecursionError as problem:
        raise MalformedBody(problem="it is nested too deeply") from problem
    except ValueError as problem:
        raise MalformedBody(problem=f"it is not JSON ({type(problem).__name__})") from problem
    if not isinstance(value, dict):
        raise MalformedBody(problem="it is not a JSON object")
    return cast("dict[str, Any]", value)


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


def _no_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name is repeated")
    return found


class Fields:
    """The fields of a request, taken one by one; `done()` refuses what nobody asked for."""

    def __init__(self, values: dict[str, Any]) -> None:
        self._left = dict(values)

    def done(self) -> None:
        """Refuse fields that were not read: most are misspelt, and silence would cost somebody money."""
        for name in self._left:
            raise InvalidField(field=name[:60], problem="is not a field of this request")

    def _take(self, name: str) -> Any:
        return self._left.pop(name, None)

    def optional_text(self, name: str, longest: int) -> str | None:
        """A string of at most `longest` characters without control characters, or None if absent or null."""
        value = self._take(name)
        return None if value is None else _checked_text(name, value, longest)

    def text(self, name: str, longest: int) -> str:
        """A string of 1 to `longest` characters."""
        value = self.optional_text(name, longest)
        if not value:
            raise InvalidField(field=name, problem="is required")
        return value

    def optional_integer(self, name: str, least: int, most: int) -> int | None:
        """A JSON integer in the range, or None if absent or null. Strings, floats and booleans are not integers."""
        value = self._take(name)
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, int):
            raise InvalidField(field=name, problem="must be an integer")
        if not least <= value <= most:
            raise InvalidField(field=name, problem=f"must be from {least} to {most}")
        return value

    def integer(self, name: str, least: int, most: int) -> int:
        """A JSON integer in the range."""
        value = self.optional_integer(name, least, most)
        if value is None:
            raise InvalidField(field=name, problem="is required")
        return value

    def seconds(self, name: str, default: float, most: float) -> float:
        """A JSON number of seconds from 0 to `most`; `default` if absent."""
        value = self._take(name)
        if value is None:
            return default
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= most:
            raise InvalidField(field=name, problem=f"must be a number of seconds from 0 to {most:g}")
        return float(value)

    def choice(self, name: str, choices: type[Choice], default: Choice | None = None) -> Choice:
        """One of the choices."""
        value = self._take(name)
        if value is None and default is not None:
            return default
        if not isinstance(value, str) or value not in set(choices):
            raise InvalidField(field=name, problem="must be one of " + ", ".join(choices))
        return choices(value)

    def currency(self, name: str) -> str:
        """An ISO 4217 code in upper case that the sandbox can take."""
        value = self.text(name, 3)
        if value not in CURRENCIES:
            raise InvalidField(field=name, problem="is not a currency that can be paid in")
        return value

    def url(self, name: str) -> str:
        """An absolute http or https address without credentials."""
        value = self.text(name, 2048)
        try:
            parts = urlsplit(value)
            web = parts.scheme in ("http", "https")
            usable = web and parts.hostname and parts.port != 0 and "@" not in parts.netloc
        except ValueError:
            usable = False
        if not usable or not value.isascii() or any(character in value for character in " \"'<>;\\"):
            raise InvalidField(field=name, problem="must be an http or https address")
        return value

    def optional_email(self, name: str) -> str | None:
        """Something with an @ between other characters, or None."""
        value = self.optional_text(name, 320)
        if value is None:
            return None
        before, at, after = value.rpartition("@")
        if not (before and at and after) or " " in value:
            raise InvalidField(field=name, problem="must be an e-mail address")
        return value

    def metadata(self, name: str) -> dict[str, str]:
        """An object of at most 50 strings of at most 500 characters under names of at most 40."""
        value = self._take(name)
        if value is None:
            return {}
        if not isinstance(value, dict) or len(value) > 50:
            raise InvalidField(field=name, problem="must be an object with at most 50 names")
        return {_checked_text(name, key, 40): _checked_text(name, item, 500) for key, item in value.items()}


def _checked_text(name: str, value: Any, longest: int) -> str:
    if not isinstance(value, str):
        raise InvalidField(field=name, problem="must be a string")
    if len(value) > longest:
        raise InvalidField(field=name, problem=f"may have at most {longest} characters")
    # Lone surrogates can be written in JSON, but can't be stored or sent.
    if any(character < " " or character == "\x7f" or "\ud800" <= character <= "\udfff" for character in value):
        raise InvalidField(field=name, problem="holds a character that can't be kept")
    return value
