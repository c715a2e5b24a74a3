"""Making again what was delivered and has failed since: a redelivery that keeps `delivered`."""

from __future__ import annotations

import sqlalchemy as sa

from makegood.engine import Engine
from makegood.fulfillment import keeping
from makegood.fulfillment.commitments import Commitments, is_standing, standing
from makegood.fulfillment.models import Commitment, Grant
from makegood.fulfillment.outside import Superseded
from makegood.fulfillment.states import CommitmentState
from makegood.fulfillment.targets import Bench, Target
from makegood.fulfillment.telling import Telling
from makegood.fulfillment.units import current_obligation, files_of, references_of
from makegood.kernel import audit, logs
from makegood.kernel.errors import Temporary
from makegood.orders.models import Obligation, Unit
from makegood.orders.obligations import Obligations
from makegood.orders.states import Delivery, Money
from makegood.product_api import Artefact

RESTORE = "fulfillment.restore"

log = logs.get("fulfillment")


class NotRestored(Temporary):
    code = "NOT_RESTORED"
    operator = "It was made again and still fails: {problem}"


def restore_work_id(commitment_id: str, restore_try: int) -> str:
    """The workflow of one try at restoring what a commitment promises."""
    return f"restore/{commitment_id}/{restore_try}"


def is_restoring(work: str) -> bool:
    """Whether the work of this id is a try at restoring."""
    return work.startswith("restore/")


class Restoring:
    """secure inputs → make → verify → probe → grant anew. A try that fails is recorded; the sweep asks again."""

    def __init__(self, bench: Bench, obligations: Obligations, commitments: Commitments, telling: Telling) -> None:
        self._bench, self._obligations, self._telling = bench, obligations, telling
        self._commitments = commitments
        self._database, self._engine, self._clock = bench.database, bench.engine, bench.clock

    def register(self, engine: Engine) -> None:
        """Make the workflow known to the engine."""
        engine.workflow(RESTORE, self.restore, queue="making")

    def restore(self, commitment_id: str, work: str) -> None:
        """The workflow: one try."""
        begun: tuple[str, int] | None = self._engine.step("restore.claim", lambda: self._claim(commitment_id, work))
        if begun is None:
            return
        try:
            self._again(self._bench.target(*begun), commitment_id)
        except Exception as error:
            log.warning("commitment.not_restored", commitment=commitment_id, error=str(error)[:300], exc_info=True)
            with self._database.write() as session:
                owed = session.get_one(Obligation, begun[0])
                audit.record(
                    session, self._clock, "commitment.not_restored", owed.id, owed.order_id, problem=str(error)[:500]
                )
        # It may have ended meanwhile, and been taken back before this made it once more.
        with self._database.write() as session:
            self._commitments.take_back_again(session, session.get_one(Commitment, commitment_id).unit_id)

    def _claim(self, commitment_id: str, work: str) -> tuple[str, int] | None:
        with self._database.write() as session:
            row = session.get_one(Commitment, commitment_id)
            owed = current_obligation(session, row.unit_id)
            if row.state != CommitmentState.STANDING or owed is None:
                return None
            if owed.work == work:
                return owed.id, owed.attempt
            if not self._obligations.made_again(session, owed.id, owed.attempt, work):
                return None
            audit.record(
                session, self._clock, "commitment.restoring", owed.id, owed.order_id, kind=row.kind, problem=row.problem
            )
            return owed.id, owed.attempt + 1

    def _again(self, target: Target, commitment_id: str) -> None:
        # What is in the store may be damaged, so that nothing can be put in its place: this try has a shelf of its own.
        shelf = f"artefacts/{target.obligation_id}/again-{target.attempt}"
        self._engine.step("restore.secure", lambda: self._bench.secure([target]))
        with self._bench.making(target, lambda _name: None, shelf=shelf) as making:
            made = tuple(target.product.make(making))
            self._engine.step("restore.verify", lambda: self._bench.verify(target, making, made))
        self._engine.step("restore.probe", lambda: self._probe(target))
        self._engine.step("restore.grant", lambda: self._grant(target, made, commitment_id))

    def _probe(self, target: Target) -> None:
        with self._database.read() as session:
            references = references_of(session, target.obligation_id, target.attempt)
        with self._bench.outside(target.obligation_id, target.unit, references) as ctx:
            problem = target.product.probe(ctx)
        if problem:
            raise NotRestored(problem=problem)

    def _grant(self, target: Target, made: tuple[Artefact, ...], commitment_id: str) -> None:
        with self._database.write() as session:
            row = session.get_one(Commitment, commitment_id)
            session.get_one(Unit, row.unit_id, with_for_update=True)
            # Locked, so that a redelivery of the same comes wholly before or wholly after.
            owed = self._obligations.lock(session, target.obligation_id)
            kept = owed is not None and owed.money in (Money.KEPT, Money.DISPUTED)
            if owed is None or owed.attempt != target.attempt or owed.delivery != Delivery.DELIVERED or not kept:
                raise Superseded(obligation=target.obligation_id, attempt=target.attempt)
            grant = session.scalars(sa.select(Grant).where(Grant.obligation_id == owed.id).with_for_update()).one()
            if grant.attempt == target.attempt:
                return
            if not standing(session, row.unit_id, row.kind):
                # It was broken off, or its time was up: nobody is told that it works again.
                raise Superseded(obligation=target.obligation_id, attempt=target.attempt)
            before = {row.name: asset.sha256 for row, asset in files_of(session, owed.id, grant.attempt)}
            for artefact in made:
                keeping.keep_artefact(session, self._clock, owed.id, target.attempt, artefact)
            grant.attempt = target.attempt
            session.execute(
                sa.update(Commitment).where(is_standing(row.unit_id, row.kind))
                .values(failing_since=None, failing_seconds=0, problem=None, probed_at=self._clock.now())
                .execution_options(synchronize_session=False)
            )  # fmt: skip
            session.flush()
            audit.record(session, self._clock, "commitment.restored", owed.id, owed.order_id, kind=row.kind)
            if before != {artefact.name: artefact.sha256 for artefact in made}:
                self._telling.restored(session, owed, grant)
