"""What a job made before its draft was paid for, as the fulfilment of the order finds it."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from sqlalchemy.orm import Session

from makegood.fulfillment.contexts import Making, Recorder
from makegood.fulfillment.models import Job
from makegood.kernel import logs
from makegood.kernel.database import Database
from makegood.kernel.errors import Misconfigured
from makegood.product_api import Artefact, Product
from makegood.storage.assets import Asset
from makegood.storage.objects import ObjectDamaged, ObjectMissing, ObjectStore

log = logs.get("fulfillment")


class NothingGenerated(Misconfigured):
    code = "NOTHING_GENERATED"
    operator = "The unit {unit} was not made from a finished job, so there is nothing generated to take."


def outputs_of(session: Session, job: Job) -> list[tuple[Artefact, bool]]:
    """What the job made, in order, and whether its asset still stands."""
    found = []
    for output in job.outputs:
        asset = session.get_one(Asset, output.asset_id)
        artefact = Artefact(
            output.name, asset.key, asset.sha256, asset.size, asset.media_type, asset.file_name, dict(output.facts)
        )
        found.append((artefact, asset.deleting_at is None))
    return found


def bring(
    database: Database, objects: ObjectStore, engine: Recorder, product: Product, job_id: str | None
) -> Callable[[Making], Sequence[Artefact]]:
    """What `MakeContext.generated` does for a line that was made from this job."""

    def sound() -> list[Artefact] | None:
        with database.read() as session:
            job = session.get_one(Job, job_id)
            found = outputs_of(session, job)
        for artefact, stands in found:
            if not stands:
                return None
            try:
                objects.verify(artefact.key, artefact.sha256, artefact.size)
            except (ObjectMissing, ObjectDamaged) as error:
                log.warning("generated.lost", job=job_id, artefact=artefact.name, problem=error.for_operator())
                return None
        return [artefact for artefact, _ in found] or None

    def generated(making: Making) -> Sequence[Artefact]:
        if job_id is None:
            raise NothingGenerated(unit=making.unit.id)
        known = engine.step(f"{product.manifest.id}.generated", sound)
        return known if known is not None else product.generate(making.generating(making.unit.seed))

    return generated
