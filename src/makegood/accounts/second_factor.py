"""The second factor: six digits from an app (RFC 6238, SHA-1, 30 s, as every app has it), or a code kept on paper."""

from __future__ import annotations

import base64
import hmac
from datetime import datetime

import pyotp

from makegood.kernel.ids import crockford, read_crockford
from makegood.kernel.signing import Signer

STEP_SECONDS = 30
DRIFT_STEPS = 1
"""How many steps a clock may be off, either way."""
RECOVERY_CODES = 10


class SecondFactor:
    """Derives secrets from seeds with the shop's key, and looks at codes."""

    def __init__(self, signer: Signer, issuer: str) -> None:
        self._signer, self._issuer = signer, issuer

    def secret(self, seed: str) -> str:
        """The secret that the app is given: 160 bits in base32."""
        return base64.b32encode(bytes.fromhex(self._signer.signature("operator-factor", seed))[:20]).decode()

    def address(self, seed: str, email: str) -> str:
        """The `otpauth:` address that goes into the QR code."""
        return pyotp.TOTP(self.secret(seed)).provisioning_uri(name=email, issuer_name=self._issuer)

    def step_of(self, seed: str, code: str, now: datetime) -> int | None:
        """The step that `code` belongs to, if it belongs to one near `now`. A code counts once: the caller records
        the step, and takes only later ones."""
        digits = "".join(code.split())
        if len(digits) != 6 or not digits.isascii() or not digits.isdigit():
            return None
        factor, present = pyotp.HOTP(self.secret(seed)), int(now.timestamp()) // STEP_SECONDS
        for step in range(present - DRIFT_STEPS, present + DRIFT_STEPS + 1):
            if hmac.compare_digest(factor.at(step), digits):
                return step
        return None

    def recovery_hash(self, operator_id: str, code: str) -> str:
        """What is kept of a recovery code; useless without the shop's key."""
        return self._signer.signature("operator-recovery", f"{operator_id}\0{read_crockford(code)}")


def new_recovery_codes() -> list[str]:
    """Ten codes of 50 random bits, written in two groups."""
    return [f"{code[:5]}-{code[5:]}" for code in (crockford(10) for _ in range(RECOVERY_CODES))]
