"""What is verified is kept: rows, holds and the customer's right to it, in the caller's transaction."""

from __future__ import annotations

from collections.abc import Iterable

import sqlalchemy as sa
from sqlalchemy.orm import Session

from makegood.fulfillment.models import ArtefactRow, Job, JobOutput
from makegood.kernel.clock import Clock
from makegood.kernel.ids import new_id
from makegood.orders.models import Obligation
from makegood.orders.states import OPEN_DELIVERY
from makegood.product_api import Artefact, UnitView
from makegood.storage import assets
from makegood.storage.assets import Asset, HoldKind


def keep_artefact(session: Session, clock: Clock, obligation_id: str, attempt: int, artefact: Artefact) -> None:
    """A verified artefact of this attempt: its asset, the delivery's hold on it, and its row."""
    asset_id = keep_asset(session, clock, artefact, HoldKind.DELIVERY, obligation_id)
    session.add(
        ArtefactRow(
            id=new_id(), obligation_id=obligation_id, attempt=attempt, name=artefact.name, asset_id=asset_id,
            facts=dict(artefact.facts), verified_at=clock.now(),
        )
    )  # fmt: skip


def keep_asset(session: Session, clock: Clock, artefact: Artefact, kind: HoldKind, holder: str) -> str:
    """The asset of an artefact that is in the store, and a hold on it."""
    return assets.add(
        session, clock, asset_id=new_id(), key=artefact.key, sha256=artefact.sha256, size=artefact.size,
        media_type=artefact.media_type, file_name=artefact.file_name, kind=kind, holder=holder,
    )  # fmt: skip


def keep_inputs(session: Session, clock: Clock, obligation_id: str, unit: UnitView) -> None:
    """What the unit was made from is kept with it, so that it can be made again."""
    assets.hold(session, clock, sorted(input_assets(unit)), HoldKind.DELIVERY, obligation_id)


def keep_outputs(session: Session, clock: Clock, job_id: str, obligation_ids: Iterable[str]) -> None:
    """What a job made before payment is kept with what was delivered from it, as far as it still stands."""
    outputs = standing_outputs(session, job_id)
    for obligation_id in obligation_ids:
        assets.hold(session, clock, outputs, HoldKind.DELIVERY, obligation_id)


def release_earlier(session: Session, obligation_id: str, attempt: int) -> None:
    """What other attempts made and this one, which takes their place, doesn't use is not needed any more."""
    made = sa.select(ArtefactRow.asset_id).where(ArtefactRow.obligation_id == obligation_id)
    used = made.where(ArtefactRow.attempt == attempt)
    for asset_id in session.scalars(made.where(ArtefactRow.asset_id.not_in(used)).distinct()).all():
        assets.release(session, HoldKind.DELIVERY, obligation_id, asset_id)


def release_order(session: Session, order_id: str) -> int:
    """Order holds end when the last unit is at rest; deliveries hold what they need themselves. Returns how many units
    are not."""
    open_ones = session.scalar(
        sa.select(sa.func.count()).select_from(Obligation)
        .where(Obligation.order_id == order_id, Obligation.delivery.in_(OPEN_DELIVERY))
    )  # fmt: skip
    if not open_ones:
        assets.release(session, HoldKind.ORDER, order_id)
    return open_ones or 0


def input_assets(unit: UnitView) -> set[str]:
    """Every asset that the unit is made from."""
    files = list(unit.inputs.values())
    return {file.asset_id for file in files} | {inner.asset_id for file in files for inner in file.derived.values()}


def standing_outputs(session: Session, job_id: str) -> list[str]:
    """The assets that the job made and that have not been deleted since."""
    query = (
        sa.select(Asset.id).join(JobOutput, JobOutput.asset_id == Asset.id).join(Job, Job.id == JobOutput.job_id)
        .where(Job.id == job_id, Asset.deleting_at.is_(None))
    )  # fmt: skip
    return list(session.scalars(query))
