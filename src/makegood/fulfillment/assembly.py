"""The parts of fulfilment, put together for the composition root."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

from makegood.catalog.products import Products
from makegood.engine import Engine
from makegood.fulfillment.commitments import Commitments
from makegood.fulfillment.contexts import Workshop
from makegood.fulfillment.jobs import Jobs
from makegood.fulfillment.operating import Operating
from makegood.fulfillment.outside import Discarding
from makegood.fulfillment.probing import CommitmentSweep
from makegood.fulfillment.redelivering import Redelivering
from makegood.fulfillment.restoring import Restoring
from makegood.fulfillment.sweep import FulfillmentSweep
from makegood.fulfillment.targets import Bench
from makegood.fulfillment.telling import Telling
from makegood.fulfillment.workflow import Fulfillment
from makegood.kernel.clock import Clock
from makegood.kernel.database import Database
from makegood.kernel.settings import Settings
from makegood.orders.obligations import Obligations


@dataclass(frozen=True, slots=True)
class FulfillmentParts:
    """What the shop runs and uses of it."""

    jobs: Jobs
    operating: Operating
    sweeps: tuple[Callable[[], object], ...]
    """Look after what is owed, and what isn't yet."""
    commitment_sweeps: tuple[Callable[[], object], ...]
    """Look after what stays owed."""


def assemble(
    settings: Settings, database: Database, engine: Engine, clock: Clock, products: Products, workshop: Workshop,
    obligations: Obligations, telling: Telling, deadline: Callable[[str], timedelta],
) -> FulfillmentParts:  # fmt: skip
    """Put the parts together and make their workflows known to the engine."""
    retry, days = settings.retry_seconds, settings.delivery_days
    downloads_last = None if days is None else timedelta(days=days)
    bench = Bench(database, engine, clock, products, workshop)
    discarding = Discarding(database, engine, clock, products, workshop, retry)
    commitments = Commitments(clock, products, obligations, telling, settings.probe_seconds)
    fulfillment = Fulfillment(bench, obligations, commitments, discarding, telling, retry, downloads_last)
    restoring = Restoring(bench, obligations, commitments, telling)
    jobs = Jobs(database, engine, clock, products, workshop, retry)
    redelivering = Redelivering(bench, fulfillment, commitments, telling, retry, downloads_last)
    for part in (fulfillment, discarding, restoring, jobs, redelivering):
        part.register(engine)
    sweep = FulfillmentSweep(database, engine, clock, obligations, telling)
    return FulfillmentParts(
        jobs=jobs,
        operating=Operating(bench, obligations, fulfillment, redelivering, telling, deadline),
        sweeps=(sweep.run, sweep.tell_lines, redelivering.sweep, discarding.sweep, jobs.sweep),
        commitment_sweeps=CommitmentSweep(bench, commitments, settings.probe_seconds).parts,
    )
