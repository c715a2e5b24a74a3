"""Making a delivery good again: what is lost or damaged is rebuilt, and the customer gets a fresh link."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

import sqlalchemy as sa
from sqlalchemy.orm import Session

from makegood.catalog.products import ProductUnknown
from makegood.engine import Engine, WorkState
from makegood.fulfillment import keeping, outside
from makegood.fulfillment.commitments import Commitments
from makegood.fulfillment.models import ArtefactRow, Grant, GrantLink, Redelivery
from makegood.fulfillment.targets import Bench, Target
from makegood.fulfillment.telling import Telling
from makegood.fulfillment.units import files_of
from makegood.fulfillment.workflow import LONGEST_BACKOFF, Fulfillment, MakingFailed
from makegood.kernel import audit, faults, logs
from makegood.kernel.errors import MakegoodError, NotFound, Temporary, Unmakeable
from makegood.kernel.ids import new_id, new_secret
from makegood.orders.models import Obligation
from makegood.orders.states import Delivery, Money
from makegood.product_api import Artefact
from makegood.storage.assets import Asset, Hold, HoldKind
from makegood.storage.objects import ObjectDamaged, ObjectMissing

REDELIVER = "fulfillment.redeliver"
AT_A_TIME = 100
log = logs.get("fulfillment")


def redelivery_work_id(redelivery_id: str, tries: int) -> str:
    """The workflow of one try at a redelivery."""
    return f"redeliver/{redelivery_id}/{tries}"


class NotDeliveredAnyMore(Unmakeable):
    code = "NOT_DELIVERED_ANY_MORE"
    operator = "It is {delivery} and its money {money}, so there is nothing to deliver again."


class Disputed(Temporary):
    code = "MONEY_DISPUTED"
    operator = "Its money is disputed; it is delivered again once the bank has let us keep it."


class Redelivering:
    """`delivery` stays `delivered` all the while. One redelivery of an obligation at a time."""

    def __init__(
        self, bench: Bench, fulfillment: Fulfillment, commitments: Commitments, telling: Telling,
        retry_seconds: float, downloads_last: timedelta | None = None,
    ) -> None:  # fmt: skip
        self._bench, self._database, self._engine, self._clock = bench, bench.database, bench.engine, bench.clock
        self._fulfillment, self._workshop, self._telling = fulfillment, bench.workshop, telling
        self._commitments = commitments
        self._retry_seconds, self._downloads_last = retry_seconds, downloads_last

    def register(self, engine: Engine) -> None:
        """Make the workflow known to the engine."""
        engine.workflow(REDELIVER, self.redeliver, queue="making")

    def ask(self, session: Session, obligation: Obligation, by: str, reason: str, *, tell: bool) -> bool:
        """Enqueue a redelivery in the caller's transaction, which has locked the obligation's row; False if it is not
        delivered, its money is not kept, or a redelivery is under way."""
        if obligation.delivery != Delivery.DELIVERED or obligation.money != Money.KEPT:
            return False
        if session.scalar(sa.select(Redelivery.id).where(Redelivery.open_for == obligation.id)):
            return False
        row = Redelivery(
            id=new_id(), obligation_id=obligation.id, open_for=obligation.id, by=by, reason=reason, tell=tell, tries=1,
            asked_at=self._clock.now(),
        )  # fmt: skip
        session.add(row)
        session.flush()
        self._engine.enqueue(session, REDELIVER, redelivery_work_id(row.id, 1), row.id, 1)
        return True

    def redeliver(self, redelivery_id: str, tries: int) -> None:
        """One try. Ends with fresh links, or with the next try enqueued, or given up where nothing can help."""
        with self._database.read() as session:
            row = session.get_one(Redelivery, redelivery_id)
            obligation = session.get_one(Obligation, row.obligation_id)
        if row.open_for is None or row.tries != tries:
            return
        try:
            _require_delivered(obligation)
            broken = self._engine.step("look", lambda: self._broken(obligation.id))
            target = self._bench.target(obligation.id, obligation.attempt, given=bool(broken))
            made = self._rebuild(target) if broken else ()
            faults.reach("redeliver:rebuilt")
            self._done(row, target, made, broken)
        except ProductUnknown as error:
            # It may be installed again.
            self._not_yet(row, error)
        except (Unmakeable, NotFound) as error:
            self._not_yet(row, error, final=True)
        except MakegoodError as error:
            self._not_yet(row, error)
        except Exception as error:
            log.exception("redelivery.failed", obligation=obligation.id)
            self._not_yet(row, MakingFailed(error=type(error).__name__, message=str(error)[:300]))

    def sweep(self) -> None:
        """Start again what nothing works on, and rebuild delivered artefacts whose objects were found missing."""
        with self._database.read() as session:
            under_way = list(session.scalars(sa.select(Redelivery).where(Redelivery.open_for.is_not(None))))
        states = self._engine.states([redelivery_work_id(row.id, row.tries) for row in under_way])
        for row in under_way:
            if states[redelivery_work_id(row.id, row.tries)] in (WorkState.ABSENT, WorkState.ENDED):
                self._again(row, 0, row.problem)
        for obligation_id in self._lost():
            with self._database.write() as session:
                obligation = session.get_one(Obligation, obligation_id, with_for_update=True)
                self.ask(session, obligation, "the shop", "an object of it was found missing", tell=False)

    def _lost(self) -> list[str]:
        """Delivered obligations with a missing artefact that nobody works on or has given up on."""
        under_way = sa.exists().where(Redelivery.open_for == Obligation.id)
        given_up = sa.exists().where(
            Redelivery.obligation_id == Obligation.id, Redelivery.failed_at > Asset.missing_since
        )
        query = (
            sa.select(Obligation.id)
            .join(Grant, Grant.obligation_id == Obligation.id)
            .join(
                ArtefactRow, sa.and_(ArtefactRow.obligation_id == Obligation.id, ArtefactRow.attempt == Grant.attempt)
            )
            .join(Asset, Asset.id == ArtefactRow.asset_id)
            .where(Asset.missing_since.is_not(None), Asset.deleting_at.is_(None), Obligation.money == Money.KEPT)
            .where(Obligation.delivery == Delivery.DELIVERED, ~given_up, ~under_way)
        )
        with self._database.read() as session:
            return list(session.scalars(query.distinct().limit(AT_A_TIME)))

    def _broken(self, obligation_id: str) -> list[str]:
        """The names of the artefacts that are lost, damaged or deleted."""
        with self._database.read() as session:
            found = session.execute(
                sa.select(ArtefactRow.name, Asset)
                .join(Asset, Asset.id == ArtefactRow.asset_id)
                .join(Grant, sa.and_(Grant.obligation_id == obligation_id, Grant.attempt == ArtefactRow.attempt))
                .where(ArtefactRow.obligation_id == obligation_id)
            ).all()
        return sorted(name for name, asset in found if not self._is_sound(asset))

    def _is_sound(self, asset: Asset) -> bool:
        try:
            self._workshop.objects.verify(asset.key, asset.sha256, asset.size)
        except (ObjectMissing, ObjectDamaged) as error:
            log.warning("artefact.unsound", asset=asset.id, problem=error.for_operator())
            return False
        return asset.deleting_at is None

    def _rebuild(self, target: Target) -> Sequence[Artefact]:
        """Make it again from options, inputs and seed, and convince its product."""
        self._clear_damaged(target.obligation_id)

        def on_step(name: str) -> None:
            with self._database.write() as session:
                audit.record(
                    session, self._clock, "redelivery.step_began", target.obligation_id, target.order_id, step=name
                )

        with self._bench.making(target, on_step) as making:
            made = tuple(target.product.make(making))
            self._bench.verify(target, making, made)
        return made

    def _clear_damaged(self, obligation_id: str) -> None:
        """A damaged object would keep the sound one, which has the same key, from being stored."""
        with self._database.read() as session:
            own = sa.select(ArtefactRow.asset_id).where(ArtefactRow.obligation_id == obligation_id)
            found = list(session.scalars(sa.select(Asset).where(Asset.id.in_(own))))
        for asset in found:
            if not self._is_sound(asset):
                self._workshop.objects.delete(asset.key)

    def _done(self, row: Redelivery, target: Target, made: Sequence[Artefact], broken: list[str]) -> None:
        now = self._clock.now()
        with self._database.write() as session:
            if made:
                self._commitments.take_back_again(session, target.unit.id)
            obligation = session.get_one(Obligation, row.obligation_id, with_for_update=True)
            _require_delivered(obligation)
            ended = session.execute(
                sa.update(Redelivery).where(Redelivery.id == row.id, Redelivery.open_for.is_not(None))
                .values(open_for=None, done_at=now, problem=None)
            )  # fmt: skip
            if ended.rowcount != 1:  # type: ignore[attr-defined]
                return
            grant = session.scalars(sa.select(Grant).where(Grant.obligation_id == obligation.id)).one()
            if made:
                self._take(session, obligation, grant, target, made)
            audit.record(
                session, self._clock, "obligation.redelivered", obligation.id, obligation.order_id, by=row.by,
                reason=row.reason, rebuilt=broken,
            )  # fmt: skip
            if row.tell:
                self._renew(session, grant)
                self._telling.again(session, obligation, grant, row.id)

    def _take(
        self, session: Session, obligation: Obligation, grant: Grant, target: Target, made: Sequence[Artefact]
    ) -> None:
        """Where the same objects came out again, their rows stand. Else what was made now takes the place of all."""
        known = {row.name: asset.key for row, asset in files_of(session, obligation.id, grant.attempt)}
        if known == {artefact.name: artefact.key for artefact in made}:
            for artefact in made:
                keeping.keep_asset(session, self._clock, artefact, HoldKind.DELIVERY, obligation.id)
                self._workshop.objects.path(artefact.key, artefact.size)
        else:
            self._replace(session, obligation, grant, target, made)
        session.execute(
            sa.update(Asset)
            .where(Asset.id.in_(sa.select(Hold.asset_id).where(Hold.holder == obligation.id)))
            .where(Asset.key.in_([artefact.key for artefact in made]))
            .values(missing_since=None)
            .execution_options(synchronize_session=False)
        )

    def _replace(
        self, session: Session, obligation: Obligation, grant: Grant, target: Target, made: Sequence[Artefact]
    ) -> None:
        """What was made now is another attempt's. It has what the delivered one has outside, and what it just used."""
        before = {grant.attempt, target.attempt}
        obligation.attempt = grant.attempt = obligation.attempt + 1
        session.flush()
        outside.pass_on(session, obligation.id, before, obligation.attempt)
        for artefact in made:
            self._fulfillment.keep(session, target.of_attempt(obligation.attempt), artefact)
        keeping.release_earlier(session, obligation.id, obligation.attempt)

    def _renew(self, session: Session, grant: Grant) -> None:
        """A fresh link; the one before goes on working unless it was revoked."""
        now = self._clock.now()
        session.add(
            GrantLink(
                id=new_id(), grant_id=grant.id, token=grant.token, granted_at=grant.granted_at,
                revoked_at=grant.revoked_at,
            )
        )  # fmt: skip
        grant.token, grant.granted_at, grant.revoked_at = new_secret(), now, None
        grant.expires_at = None if self._downloads_last is None else now + self._downloads_last
        session.flush()

    def _not_yet(self, row: Redelivery, error: MakegoodError, *, final: bool = False) -> None:
        problem = f"{error.code}: {error.for_operator()}"
        log.warning("redelivery.not_yet", obligation=row.obligation_id, problem=problem)
        if not final:
            backoff = min(LONGEST_BACKOFF, self._retry_seconds * 2 ** min(row.tries - 1, 20))
            self._again(row, backoff, problem)
            return
        with self._database.write() as session:
            session.execute(
                sa.update(Redelivery)
                .where(Redelivery.id == row.id, Redelivery.open_for.is_not(None))
                .values(open_for=None, failed_at=self._clock.now(), problem=problem)
            )
            owed = session.get_one(Obligation, row.obligation_id)
            audit.record(
                session, self._clock, "redelivery.given_up", owed.id, owed.order_id, by=row.by, problem=problem
            )
            self._commitments.take_back_again(session, owed.unit_id)

    def _again(self, row: Redelivery, delay: float, problem: str | None) -> None:
        with self._database.write() as session:
            again = session.execute(
                sa.update(Redelivery)
                .where(Redelivery.id == row.id, Redelivery.tries == row.tries, Redelivery.open_for.is_not(None))
                .values(tries=row.tries + 1, problem=problem)
            )
            if again.rowcount == 1:  # type: ignore[attr-defined]
                identity = redelivery_work_id(row.id, row.tries + 1)
                self._engine.enqueue(session, REDELIVER, identity, row.id, row.tries + 1, delay=delay)


def _require_delivered(obligation: Obligation) -> None:
    if obligation.delivery == Delivery.DELIVERED and obligation.money == Money.DISPUTED:
        raise Disputed
    if obligation.delivery != Delivery.DELIVERED or obligation.money != Money.KEPT:
        raise NotDeliveredAnyMore(delivery=obligation.delivery, money=obligation.money)
