"""What an attempt works on, and what it works with."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from sqlalchemy.orm import Session

from makegood.catalog.products import Products
from makegood.engine import Engine
from makegood.fulfillment import outside
from makegood.fulfillment.contexts import Making, OutsideWork, Workshop
from makegood.fulfillment.generated import bring
from makegood.fulfillment.keeping import input_assets
from makegood.fulfillment.units import view_unit
from makegood.kernel.clock import Clock
from makegood.kernel.database import Database
from makegood.kernel.errors import Temporary
from makegood.orders.models import Obligation
from makegood.orders.reading import unit_with_line
from makegood.product_api import Artefact, Product, UnitView
from makegood.storage.assets import Asset


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
    line_id: str
    job_id: str | None
    unit: UnitView
    product: Product

    def of_attempt(self, attempt: int) -> Target:
        """The same, worked on by another attempt."""
        return replace(self, attempt=attempt)


class Bench:
    """Where attempts are made: inputs read back, the product's contexts, results read back."""

    def __init__(
        self, database: Database, engine: Engine, clock: Clock, products: Products, workshop: Workshop
    ) -> None:
        self.database, self.engine, self.clock = database, engine, clock
        self.products, self.workshop = products, workshop

    def targets(self, members: Iterable[tuple[str, int]]) -> Iterator[Callable[[], Target]]:
        """What these attempts work on, one by one, as the rows say it now. Read in one session, so that what a chunk
        has in common is loaded once."""
        with self.database.read() as session:
            for obligation_id, attempt in members:
                yield partial(self._target, session, obligation_id, attempt)

    def target(self, obligation_id: str, attempt: int, *, given: bool = True) -> Target:
        """What this attempt works on, as the rows say it now, with the customer's files if they were `given` to be
        read."""
        with self.database.read() as session:
            return self._target(session, obligation_id, attempt, given=given)

    def _target(self, session: Session, obligation_id: str, attempt: int, *, given: bool = True) -> Target:
        obligation = session.get_one(Obligation, obligation_id)
        known = unit_with_line(session, obligation.unit_id)
        _, line, order = known
        product = self.products.working(line.product_id)
        unit = view_unit(
            session,
            self.workshop.objects,
            self.products,
            obligation.unit_id,
            given=given,
            made=False,
            known=known,
            owed=obligation,
        )
        return Target(obligation_id, attempt, order.id, line.id, line.job_id, unit, product)

    @contextmanager
    def making(self, target: Target, on_step: Callable[[str], None], *, shelf: str = "") -> Iterator[Making]:
        """The product's context for this attempt. `shelf` is where its objects lie: by default one place for all
        attempts at an obligation, so that what is made twice is stored once."""

        def reference(name: str) -> str:
            with self.database.write() as session:
                return outside.record(session, self.clock, target.obligation_id, target.attempt, name)

        generated = bring(self.database, self.workshop.objects, self.engine, target.product, target.job_id)
        with self.workshop.folder() as folder:
            yield Making(
                self.workshop, folder, target.product.manifest.id, target.unit,
                obligation_id=target.obligation_id, attempt=target.attempt,
                shelf=shelf or f"artefacts/{target.obligation_id}", on_step=on_step, references=reference,
                generated=generated,
            )  # fmt: skip

    @contextmanager
    def outside(self, obligation_id: str, unit: UnitView, references: dict[str, str]) -> Iterator[OutsideWork]:
        """The product's context for looking at, or taking back, what a unit has outside."""
        with self.workshop.folder() as folder:
            yield OutsideWork(self.workshop, folder, obligation_id, unit, references)

    def secure(self, targets: Iterable[Target]) -> list[dict[str, Any]]:
        """Read every input back before anything is made from it; says what there was."""
        wanted = {asset_id for target in targets for asset_id in input_assets(target.unit)}
        with self.database.read() as session:
            found = [session.get_one(Asset, asset_id) for asset_id in sorted(wanted)]
        for asset in found:
            self.workshop.objects.verify(asset.key, asset.sha256, asset.size)
        return [{"asset": asset.id, "size": asset.size, "sha256": asset.sha256} for asset in found]

    def verify(self, target: Target, making: Making, made: Sequence[Artefact]) -> None:
        """Only what was read back and convinces its product counts; raises what is wrong with it."""
        if not made:
            raise NothingMade(product=target.product.manifest.id)
        for artefact in made:
            self.workshop.objects.verify(artefact.key, artefact.sha256, artefact.size)
        target.product.verify(making, made)
