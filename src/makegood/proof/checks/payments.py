"""The payment providers: whether they know our key, and whether we take what they tell us."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from makegood.kernel.errors import MakegoodError
from makegood.payments.provider import Examinable, PaymentProvider, ProviderRefused
from makegood.product_api import Check
from makegood.proof.findings import Findings, found

SIGNED_OTHERWISE = (
    "The webhook secret here and at the provider differ: set it anew. Payments are found by asking meanwhile."
)
KEY = "Set the provider's key right and restart. Nothing can be paid meanwhile; what is owed is made all the same."
UNREACHED = (
    "Look whether the webhook address at the provider reaches this shop. Payments are found by asking meanwhile."
)


class ProvidersKnowUs:
    name = "payments"
    keeps: float | None = None
    needs_database = False

    def __init__(self, providers: Mapping[str, PaymentProvider]) -> None:
        self._providers = providers

    def look(self) -> Findings:
        return found("payments", [line for provider in self._providers.values() for line in self._lines(provider)])

    def _lines(self, provider: PaymentProvider) -> Iterator[Check]:
        if not isinstance(provider, Examinable):
            return
        try:
            seen = provider.examine()
        except ProviderRefused as error:
            yield Check(f"{provider.name}, key", error.for_operator(), KEY)
            return
        except MakegoodError as error:
            yield Check(f"{provider.name}, key", error.for_operator(), "Look whether it is up and reachable from here.")
            return
        yield Check(f"{provider.name}, key")
        name = f"{provider.name}, notifications"
        if seen.refused:
            refused = seen.refused.startswith("4")
            problem = f"its last one was answered {seen.refused}" if refused else f"its last one failed: {seen.refused}"
            yield Check(name, problem, SIGNED_OTHERWISE if refused else UNREACHED)
        else:
            yield Check(name)
