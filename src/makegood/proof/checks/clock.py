"""The clock by which the shop goes, and this host's, compared with what others say that time it is."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

from makegood.kernel.clock import Clock
from makegood.kernel.errors import MakegoodError
from makegood.kernel.shared_clock import SharedClock
from makegood.payments.provider import Examinable, PaymentProvider
from makegood.product_api import Check
from makegood.proof.findings import Findings, found

MOST = timedelta(seconds=10)
SET_IT = "Set the clock of {whose} right (for example `timedatectl set-ntp true`): {because}."


class ClockIsRight:
    name = "clock"
    keeps: float | None = None
    needs_database = False

    def __init__(self, providers: Mapping[str, PaymentProvider], clock: Clock) -> None:
        self._providers, self._clock = providers, clock

    def look(self) -> Findings:
        lines = [*self._beside_a_provider(), *self._beside_the_database()]
        return found("clock", lines or [Check("clock: there is nobody to compare it with")])

    def _beside_a_provider(self) -> list[Check]:
        whose = "the database's host" if isinstance(self._clock, SharedClock) else "this host"
        for provider in self._providers.values():
            if not isinstance(provider, Examinable):
                continue
            try:
                theirs = provider.examine().server_time
            except MakegoodError:
                # The examination of payments says so.
                continue
            if theirs is not None:
                off = self._clock.now() - theirs
                because = "signatures and deadlines go by it"
                return [_check(f"clock, beside {provider.name}'s", off, f"{provider.name}'s", whose, because)]
        return []

    def _beside_the_database(self) -> list[Check]:
        if not isinstance(self._clock, SharedClock):
            return []
        because = "its logs go by it; the shop goes by the database's"
        return [_check("clock, beside the database's", self._clock.host_is_off, "the database's", "this host", because)]


def _check(name: str, off: timedelta, theirs: str, whose: str, because: str) -> Check:
    if abs(off) <= MOST:
        return Check(name)
    return Check(name, f"it is {off.total_seconds():+.0f} s off {theirs}", SET_IT.format(whose=whose, because=because))
