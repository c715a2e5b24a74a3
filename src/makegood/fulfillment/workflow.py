"""The durable workflow that works one obligation off. Disposable: the obligation's row decides what is true."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

import sqlalchemy as sa
from sqlalchemy.orm import Session

from makegood.catalog.products import Products
from makegood.engine import Engine
from makegood.fulfillment.contexts import Making, Workshop
from makegood.fulfillment.models import ArtefactRow, Commitment, Grant
from makegood.fulfillment.telling import Telling
from makegood.fulfillment.units import view_unit
from makegood.kernel import audit, logs
from makegood.kernel.clock import Clock
from makegood.kernel.database import Database
from makegood.kernel.errors import MakegoodError, Temporary, Unmakeable
from makegood.kernel.ids import new_id, new_secret
from makegood.orders.models import Obligation, Order
from makegood.orders.obligations import FULFIL, Obligations
from makegood.orders.reading import unit_with_line
from makegood.orders.states import OPEN_DELIVERY, Delivery
from makegood.product_api import Artefact, Product, UnitView
from makegood.storage import assets
from makegood.storage.assets import Asset, HoldKind

log = logs.get("fulfillment")
LONGEST_BACKOFF = 15 * 60.0


class MakingFailed(Temporary):
    code = "MAKING_FAILED"
    customer = "Making this took an unexpected turn; we are trying again."
    operator = "Making failed with {error}: {message}"


class NothingMade(Temporary):
    code = "NOTHING_MADE"
    customer = "Making this took an unexpected turn; we are trying again."
    operator = "The product {product} returned no artefact, which is never a delivery."


@dataclass(frozen=True, slots=True)
class Target:
    """What one attempt works on."""

    obligation_id: str
    attempt: int
    order_id: str
    unit: UnitView
    product: Product

    def of_attempt(self, attempt: int) -> Target:
        """The same, worked on by another attempt."""
        return replace(self, attempt=attempt)


class Fulfillment:
    """secure inputs → make → verify → grant → tell, each a recorded step."""

    def __init__(
        self, database: Database, engine: Engine, clock: Clock, obligations: Obligations, products: Products,
        workshop: Workshop, telling: Telling, retry_seconds: float, downloads_last: timedelta | None = None,
    ) -> None:  # fmt: skip
        self._downloads_last = downloads_last
        self._database, self._engine, self._clock = database, engine, clock
        self._obligations, self._products, self._workshop = obligations, products, workshop
        self._telling, self._retry_seconds = telling, retry_seconds

    def register(self, engine: Engine) -> None:
        """Make the workflow known to the engine."""
        engine.workflow(FULFIL, self.fulfil, queue="making")

    def fulfil(self, obligation_id: str, attempt: int) -> None:
        """One attempt. Ends with the obligation delivered, or with the next attempt enqueued, or given back."""
        if not self._engine.step("claim", lambda: self._claim(obligation_id, attempt)):
            return
        try:
            self._make(self.target(obligation_id, attempt))
        except Unmakeable as error:
            self._give_back(obligation_id, error)
        except MakegoodError as error:
            self._fail(obligation_id, attempt, error)
        except Exception as error:
            log.exception("making.failed", obligation=obligation_id, attempt=attempt)
            self._fail(obligation_id, attempt, MakingFailed(error=type(error).__name__, message=str(error)[:300]))

    def _claim(self, obligation_id: str, attempt: int) -> bool:
        with self._database.write() as session:
            return self._obligations.claim(session, obligation_id, attempt)

    def target(self, obligation_id: str, attempt: int, *, given: bool = True) -> Target:
        """What an attempt at the obligation works on, with the customer's files if they were `given` to be read."""
        with self._database.read() as session:
            obligation = session.get_one(Obligation, obligation_id)
            _, line, order = unit_with_line(session, obligation.unit_id)
            product = self._products.get(line.product_id)
            objects, unit_id = self._workshop.objects, obligation.unit_id
            unit = view_unit(session, objects, self._products, unit_id, given=given, made=False)
        return Target(obligation_id, attempt, order.id, unit, product)

    def _make(self, target: Target) -> None:
        def on_step(name: str) -> None:
            with self._database.write() as session:
                self._obligations.at_step(session, target.obligation_id, target.attempt, name)

        step, product = self._engine.step, target.product
        with self._workshop.making(
            product.manifest.id, target.obligation_id, target.attempt, target.unit, on_step
        ) as making:
            step("secure", lambda: self._secure(target, making))
            made = tuple(product.make(making))
            if not step("verify", lambda: self._verify(target, making, made)):
                product.discard(making, made)
                return
            if not step("grant", lambda: self._grant(target)):
                product.discard(making, made)

    def _secure(self, target: Target, making: Making) -> None:
        """Read every input back before anything is made from it."""
        making.announce("secure")
        secured = []
        with self._database.read() as session:
            found = [session.get_one(Asset, asset_id) for asset_id in sorted(_asset_ids(target.unit))]
        for asset in found:
            self._workshop.objects.verify(asset.key, asset.sha256, asset.size)
            secured.append({"asset": asset.id, "size": asset.size, "sha256": asset.sha256})
        with self._database.write() as session:
            audit.record(session, self._clock, "inputs.secured", target.obligation_id, target.order_id, inputs=secured)

    def _verify(self, target: Target, making: Making, made: Sequence[Artefact]) -> bool:
        """Only what was read back and convinces its product counts. Rows, holds and `made` are one transaction."""
        if not made:
            raise NothingMade(product=target.product.manifest.id)
        making.announce("verify")
        for artefact in made:
            self._workshop.objects.verify(artefact.key, artefact.sha256, artefact.size)
        target.product.verify(making, made)
        with self._database.write() as session:
            names = [{"name": a.name, "size": a.size, "sha256": a.sha256} for a in made]
            if not self._obligations.made(session, target.obligation_id, target.attempt, names):
                return self._was_ours(session, target, Delivery.MADE)
            for artefact in made:
                self.keep(session, target, artefact)
        return True

    def keep(self, session: Session, target: Target, artefact: Artefact) -> None:
        """Add the artefact as made by this attempt, held for its delivery."""
        asset_id = assets.add(
            session, self._clock, asset_id=new_id(), key=artefact.key, sha256=artefact.sha256, size=artefact.size,
            media_type=artefact.media_type, file_name=artefact.file_name,
        )  # fmt: skip
        assets.hold(session, self._clock, [asset_id], HoldKind.DELIVERY, target.obligation_id)
        # Now that nobody may delete it any more: an earlier attempt's object may have been cleared away meanwhile.
        self._workshop.objects.path(artefact.key)
        session.add(
            ArtefactRow(
                id=new_id(), obligation_id=target.obligation_id, attempt=target.attempt, name=artefact.name,
                asset_id=asset_id, facts=dict(artefact.facts), verified_at=self._clock.now(),
            )
        )  # fmt: skip

    def _grant(self, target: Target) -> bool:
        """Delivered, grant, commitments, mail and holds: one transaction, and only while the money is kept."""
        with self._database.write() as session:
            if not self._obligations.delivered(session, target.obligation_id, target.attempt):
                return self._was_ours(session, target, Delivery.DELIVERED)
            self.grant(session, target)
        return True

    def grant(self, session: Session, target: Target) -> None:
        """The customer's right to what was just delivered, what stays promised, the mail, and the holds."""
        now = self._clock.now()
        grant = Grant(
            id=new_id(), obligation_id=target.obligation_id, attempt=target.attempt, token=new_secret(),
            granted_at=now, expires_at=None if self._downloads_last is None else now + self._downloads_last,
        )  # fmt: skip
        session.add(grant)
        for term in target.product.commitments:
            session.add(
                Commitment(
                    id=new_id(), obligation_id=target.obligation_id, kind=term.kind, since=now, until=now + term.lasts
                )
            )
        assets.hold(session, self._clock, _asset_ids(target.unit), HoldKind.DELIVERY, target.obligation_id)
        self._release_order(session, target.order_id)
        session.flush()
        self._telling.delivered(session, session.get_one(Order, target.order_id), grant, target.product, target.unit)

    def _was_ours(self, session: Session, target: Target, delivery: Delivery) -> bool:
        """Whether this very attempt made the change before a kill kept the engine from recording it."""
        obligation = self._obligations.get(session, target.obligation_id)
        return obligation.attempt == target.attempt and obligation.delivery == delivery

    def _release_order(self, session: Session, order_id: str) -> None:
        """Order holds end when the last unit is at rest; deliveries hold what they need themselves."""
        open_ones = session.scalar(
            sa.select(sa.func.count()).select_from(Obligation)
            .where(Obligation.order_id == order_id, Obligation.delivery.in_(OPEN_DELIVERY))
        )  # fmt: skip
        if open_ones == 0:
            assets.release(session, HoldKind.ORDER, order_id)

    def _fail(self, obligation_id: str, attempt: int, error: MakegoodError) -> None:
        backoff = min(LONGEST_BACKOFF, self._retry_seconds * 2 ** min(attempt - 1, 20))
        with self._database.write() as session:
            self._obligations.failed(session, obligation_id, attempt, error, backoff)

    def _give_back(self, obligation_id: str, error: MakegoodError) -> None:
        with self._database.write() as session:
            if self._obligations.give_back(session, obligation_id, error.for_customer(), error=error):
                self._telling.sorry(session, self._obligations.get(session, obligation_id))


def _asset_ids(unit: UnitView) -> set[str]:
    """Every asset that the unit is made from."""
    files = list(unit.inputs.values())
    return {file.asset_id for file in files} | {inner.asset_id for file in files for inner in file.derived.values()}
