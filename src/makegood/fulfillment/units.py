"""From stored rows to what a product reads: units with their inputs and artefacts."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from makegood.catalog.products import Products
from makegood.fulfillment.models import ArtefactRow, Commitment, Grant, Outside
from makegood.fulfillment.states import CommitmentState
from makegood.kernel.errors import NotFound
from makegood.orders.models import Obligation, Order, OrderInput, OrderLine, Unit
from makegood.orders.reading import unit_with_line
from makegood.orders.states import OPEN_DELIVERY, Delivery, Money
from makegood.product_api import Artefact, InputFile, UnitView
from makegood.storage import assets
from makegood.storage.assets import Asset
from makegood.storage.objects import ObjectStore


def asset_file(
    session: Session, objects: ObjectStore, asset_id: str, facts: dict[str, Any], derived: dict[str, str]
) -> InputFile:
    """A stored asset as a product reads it. `derived` maps names to asset ids."""
    asset = assets.get(session, asset_id)
    return InputFile(
        asset_id=asset.id, path=objects.path(asset.key, asset.size), sha256=asset.sha256, size=asset.size,
        media_type=asset.media_type, file_name=asset.file_name, facts=facts,
        derived={name: asset_file(session, objects, inner, {}, {}) for name, inner in derived.items()},
    )  # fmt: skip


def stored_file(objects: ObjectStore, artefact: Artefact) -> InputFile:
    """An artefact that is in the store, as a product reads it; `asset_id` names its object."""
    return InputFile(
        artefact.key, objects.root / artefact.key, artefact.sha256, artefact.size, artefact.media_type,
        artefact.file_name, artefact.facts,
    )  # fmt: skip


def current_obligation(session: Session, unit_id: str) -> Obligation | None:
    """The obligation that stands for the unit now: the newest."""
    query = sa.select(Obligation).where(Obligation.unit_id == unit_id).order_by(Obligation.number.desc()).limit(1)
    return session.scalar(query)


def files_of(session: Session, obligation_id: str, attempt: int) -> list[tuple[ArtefactRow, Asset]]:
    """The verified artefacts of one attempt with what is stored of them, by name."""
    query = (
        sa.select(ArtefactRow, Asset).join(Asset, Asset.id == ArtefactRow.asset_id)
        .where(ArtefactRow.obligation_id == obligation_id, ArtefactRow.attempt == attempt).order_by(ArtefactRow.name)
    )  # fmt: skip
    return [(row, asset) for row, asset in session.execute(query)]


def artefacts_of(session: Session, obligation_id: str, attempt: int) -> list[ArtefactRow]:
    """The verified artefacts of one attempt."""
    query = sa.select(ArtefactRow).where(ArtefactRow.obligation_id == obligation_id, ArtefactRow.attempt == attempt)
    return list(session.scalars(query.order_by(ArtefactRow.name)))


class UnitErased(NotFound):
    code = "UNIT_ERASED"
    status = 410
    customer = "This was taken away at its owner's wish."
    operator = "The order {number} was erased at {at}, so nothing of it can be read or made again."


class UnitEnded(NotFound):
    code = "UNIT_ENDED"
    status = 410
    customer = "This has ended: its files were kept for as long as was promised."
    operator = "A file of the unit {unit} was deleted when its time was over: {asset}."


def view_unit(
    session: Session, objects: ObjectStore, products: Products, unit_id: str, *, given: bool = True, made: bool = True,
    known: tuple[Unit, OrderLine, Order] | None = None, owed: Obligation | None = None,
) -> UnitView:  # fmt: skip
    """The unit with everything that its product may read: what was `given` for it and what was `made`, which whoever
    doesn't need them doesn't ask for. `known` is what the caller has read of it, `owed` an obligation of it. Raises
    `UnitErased` once its customer's data were taken out."""
    unit, line, order = known or unit_with_line(session, unit_id)
    if order.erased_at is not None:
        raise UnitErased(number=order.number, at=order.erased_at.isoformat())
    # What is still open is the newest, and nothing of its unit has been granted or promised yet.
    is_open = owed is not None and owed.delivery in OPEN_DELIVERY
    obligation = owed if is_open else current_obligation(session, unit_id)
    grant = None
    if obligation is not None and not is_open:
        grant = session.scalar(sa.select(Grant).where(Grant.obligation_id == obligation.id))
    stands = sa.func.max(sa.case((Commitment.state == CommitmentState.STANDING, Commitment.until)))
    promised = sa.select(sa.func.coalesce(stands, sa.func.max(Commitment.until))).where(Commitment.unit_id == unit_id)
    rows = artefacts_of(session, grant.obligation_id, grant.attempt) if grant and made else []
    renewed = line.renews_unit_id
    return UnitView(
        id=unit.id,
        order_number=order.number,
        unit_no=unit.unit_no,
        options=products.get(line.product_id).options.model_validate(line.options),
        inputs={file.slot: _input(session, objects, file) for file in (line.inputs if given else ())},
        codes={code.purpose: code.code for code in unit.codes},
        seed=unit.seed,
        ordered_at=order.created_at,
        delivered=bool(obligation and obligation.delivery == Delivery.DELIVERED),
        refunded=bool(obligation and obligation.money not in (Money.KEPT, Money.DISPUTED)),
        artefacts={row.name: asset_file(session, objects, row.asset_id, dict(row.facts), {}) for row in rows},
        references=references_of(session, grant.obligation_id, grant.attempt) if grant else {},
        until=None if is_open else session.scalar(promised),
        renews=view_unit(session, objects, products, renewed, given=given, made=False) if renewed else None,
    )


def references_of(session: Session, obligation_id: str, attempt: int) -> dict[str, str]:
    """What this attempt has outside, by name."""
    query = sa.select(Outside.name, Outside.reference).where(
        Outside.obligation_id == obligation_id, Outside.attempt == attempt
    )
    return {row.name: row.reference for row in session.execute(query)}


def _input(session: Session, objects: ObjectStore, file: OrderInput) -> InputFile:
    return asset_file(session, objects, file.asset_id, dict(file.facts), dict(file.derived))
