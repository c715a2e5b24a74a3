"""Passwords: argon2id, a few at a time, and as much work for an unknown account as for a known one."""

from __future__ import annotations

import threading
import unicodedata
from functools import cached_property

from argon2 import PasswordHasher
from argon2.exceptions import VerificationError

from makegood.accounts.errors import PasswordUnfit
from makegood.kernel.ids import new_secret

SHORTEST = 10
LONGEST = 200
# One hash takes 64 MiB: many at once must not take the shop's memory.
AT_ONCE = 2


class Passwords:
    """Hashes with the RFC 9106 low-memory profile of argon2-cffi."""

    def __init__(self) -> None:
        self._hasher = PasswordHasher()
        self._turn = threading.BoundedSemaphore(AT_ONCE)

    def hash(self, password: str, *, email: str) -> str:
        """The hash to keep; `PasswordUnfit` for one that is too short, too long, or the address itself."""
        plain = _normal(password)
        if len(plain) < SHORTEST:
            raise PasswordUnfit(reason=f"Please choose a password of at least {SHORTEST} characters.")
        if len(plain) > LONGEST:
            raise PasswordUnfit(reason=f"Please choose a password of at most {LONGEST} characters.")
        if plain.lower() == email or len(set(plain)) == 1:
            raise PasswordUnfit(reason="This password is too easy to guess. Please choose another.")
        with self._turn:
            return self._hasher.hash(plain)

    def is_right(self, password: str, known: str | None) -> bool:
        """Whether the password belongs to the hash. Without a hash it is wrong after the same work."""
        with self._turn:
            try:
                self._hasher.verify(known or self._of_nobody, _normal(password)[:LONGEST])
            except VerificationError:
                return False
        return known is not None

    @cached_property
    def _of_nobody(self) -> str:
        return self._hasher.hash(new_secret())


def _normal(password: str) -> str:
    # The same password typed on another keyboard may arrive composed differently.
    return unicodedata.normalize("NFKC", password)
