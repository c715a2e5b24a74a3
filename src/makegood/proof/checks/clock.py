"""The host's clock, compared with what the payment providers say that time it is."""

from __future__ import annotations

from collections.abc import Mapping

from makegood.kernel.clock import Clock
from makegood.kernel.errors import MakegoodError
from makegood.payments.provider import Examinable, PaymentProvider
from makegood.product_api import Check
from makegood.proof.findings import Findings, found

MOST_SECONDS = 10.0
MEND = "Set the host's clock right (for example `timedatectl set-ntp true`): signatures and deadlines go by it."


class ClockIsRight:
    name = "clock"
    keeps: float | None = None
    needs_database = False

    def __init__(self, providers: Mapping[str, PaymentProvider], clock: Clock) -> None:
        self._providers, self._clock = providers, clock

    def look(self) -> Findings:
        for provider in self._providers.values():
            if not isinstance(provider, Examinable):
                continue
            try:
                theirs = provider.examine().server_time
            except MakegoodError:
                # The examination of payments says so.
                continue
            if theirs is not None:
                off = (self._clock.now() - theirs).total_seconds()
                problem = f"it is {off:+.0f} s off {provider.name}'s" if abs(off) > MOST_SECONDS else ""
                return found("clock", [Check(f"clock, beside {provider.name}'s", problem, MEND if problem else "")])
        return found("clock", [Check("clock: there is no provider to compare it with")])
