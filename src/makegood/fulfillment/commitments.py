"""What stays owed after delivery: begun with it, prolonged by renewals, ended when its time or its money is over."""

from __future__ import annotations

from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.orm import InstrumentedAttribute, Session, aliased

from makegood.catalog.products import Products
from makegood.fulfillment.models import Commitment
from makegood.fulfillment.states import COMMITMENT, CommitmentState
from makegood.fulfillment.targets import Target
from makegood.fulfillment.telling import Telling
from makegood.kernel import audit
from makegood.kernel.clock import Clock
from makegood.kernel.ids import new_id
from makegood.orders.models import Obligation, OrderLine, Unit
from makegood.orders.obligations import Obligations
from makegood.orders.states import OPEN_DELIVERY, Money
from makegood.product_api import CommitmentTerm, Product, UnitView


def is_standing(unit_id: str, kind: str) -> sa.ColumnElement[bool]:
    """The periods of a unit that are paid for and not over: one after the other, one promise."""
    return sa.and_(Commitment.unit_id == unit_id, Commitment.kind == kind, Commitment.state == CommitmentState.STANDING)


def standing(session: Session, unit_id: str, kind: str) -> list[Commitment]:
    """Those periods, the present one first."""
    query = sa.select(Commitment).where(is_standing(unit_id, kind)).order_by(Commitment.since)
    return list(session.scalars(query.execution_options(populate_existing=True)))


def term_of(product: Product, unit: UnitView, kind: str) -> CommitmentTerm:
    """What the product says of this kind of commitment."""
    for term in product.commitments_for(unit):
        if term.kind == kind:
            return term
    return CommitmentTerm(kind, timedelta())


class Commitments:
    """Works in the caller's transaction. Whoever changes the periods of a unit locks the unit first."""

    def __init__(
        self, clock: Clock, products: Products, obligations: Obligations, telling: Telling, probe_seconds: float
    ) -> None:
        self._clock, self._products, self._obligations = clock, products, obligations
        self._telling, self._every = telling, timedelta(seconds=probe_seconds)

    def begin(self, session: Session, target: Target, now: datetime) -> None:
        """With its delivery: what the product commits to for this unit. A renewal's period follows the last one that
        is paid for, so that none is lost however early, late or often it is renewed."""
        kept = target.unit.renews or target.unit
        terms = target.product.commitments_for(target.unit)
        if terms:
            session.get_one(Unit, kept.id, with_for_update=True)
        for term in terms:
            before = standing(session, kept.id, term.kind)
            since = max([now, *(one.until for one in before)])
            session.add(
                Commitment(
                    id=new_id(), obligation_id=target.obligation_id, unit_id=kept.id, kind=term.kind, since=since,
                    until=since + term.lasts, state=CommitmentState.STANDING, next_probe_at=now + self._every,
                    failing_since=before[0].failing_since if before else None,
                    failing_seconds=before[0].failing_seconds if before else 0,
                )
            )  # fmt: skip
            # It has come to life again: what an end left to take back is in use.
            session.execute(
                sa.update(Commitment)
                .where(Commitment.unit_id == kept.id, Commitment.kind == term.kind)
                .values(revoke_due=False)
                .execution_options(synchronize_session=False)
            )
            audit.record(
                session, self._clock, "commitment.begun", target.obligation_id, target.order_id, kind=term.kind,
                since=since.isoformat(), until=(since + term.lasts).isoformat(), unit=kept.id,
            )  # fmt: skip

    def end(self, session: Session, commitment_id: str, grace: timedelta) -> None:
        """A period is over, by its time or because its money went back. With the last of a unit's, what the unit has
        outside is to be taken back, unless a renewal is paid and on its way. What has failed for its `grace` when its
        time is up was not kept to its end: it is broken off."""
        now = self._clock.now()
        row = session.get_one(Commitment, commitment_id)
        session.get_one(Unit, row.unit_id, with_for_update=True)
        others = [one for one in standing(session, row.unit_id, row.kind) if one.id != row.id and one.until > now]
        owed = self._obligations.get(session, row.obligation_id)
        money_went = owed.money not in (Money.KEPT, Money.DISPUTED)
        if not others and not money_went and session.scalar(sa.select(is_being_renewed(row.unit_id))):
            return
        failing = timedelta(seconds=row.failing_seconds)
        if not others and not money_went and failing and failing >= grace:
            self.break_off(session, row.unit_id, row.kind)
            return
        moved = COMMITMENT.move(
            session, Commitment.state, Commitment.id == row.id, CommitmentState.OVER, ended_at=now,
            revoke_due=not others, next_probe_at=now,
        )  # fmt: skip
        if moved:
            audit.record(
                session, self._clock, "commitment.over", owed.id, owed.order_id, kind=row.kind,
                reason="its money went back" if money_went else "its time is over",
            )  # fmt: skip

    def break_off(self, session: Session, unit_id: str, kind: str) -> bool:
        """It can't be kept any more: what was paid for the time since it failed goes back, of periods that ended
        meanwhile, too; the customer is told, and what is left outside is taken back. While one of its payments is
        disputed, it waits."""
        session.get_one(Unit, unit_id, with_for_update=True)
        rows = standing(session, unit_id, kind)
        ended = self._ended_failing(session, rows[0]) if rows else []
        owed = {row.id: self._obligations.get(session, row.obligation_id) for row in (*ended, *rows)}
        # It may have been restored since whoever asks for this looked.
        failing_since = rows[0].failing_since if rows else None
        if failing_since is None or any(one.money == Money.DISPUTED for one in owed.values()):
            return False
        now, returned = self._clock.now(), 0
        for row in (*ended, *rows):
            obligation = owed[row.id]
            COMMITMENT.move(
                session, Commitment.state, Commitment.id == row.id, CommitmentState.BROKEN, ended_at=now,
                revoke_due=row is rows[0], next_probe_at=now,
            )  # fmt: skip
            share = unused_share(obligation, row, failing_since)
            reason, key = self._telling.broken_reason(session, unit_id), f"broken/{row.id}"
            goes = self._obligations.give_part(session, obligation.id, share, reason, key) if share else 0
            returned += goes
            audit.record(
                session, self._clock, "commitment.broken", obligation.id, obligation.order_id, kind=kind,
                problem=row.problem, failing_since=failing_since.isoformat(), returned=goes,
            )  # fmt: skip
        self._telling.broken(session, rows[0].id, unit_id, returned)
        return True

    def _ended_failing(self, session: Session, first: Commitment) -> list[Commitment]:
        """The unit's earlier periods into which the present failing reaches back, as far as their money was kept."""
        if first.failing_since is None:
            return []
        query = (
            sa.select(Commitment)
            .join(Obligation, Obligation.id == Commitment.obligation_id)
            .where(
                Commitment.unit_id == first.unit_id, Commitment.kind == first.kind, Commitment.until <= first.since,
                Commitment.state == CommitmentState.OVER, Commitment.until > first.failing_since,
                Obligation.money.in_((Money.KEPT, Money.DISPUTED)),
            )
            .order_by(Commitment.since)
        )  # fmt: skip
        return list(session.scalars(query))

    def take_back_again(self, session: Session, unit_id: str) -> None:
        """What the unit has outside was, or may have been, made once more: if nothing is promised of it any more, it is
        taken back once more."""
        line = session.get_one(OrderLine, session.get_one(Unit, unit_id).order_line_id)
        kept = line.renews_unit_id or unit_id
        session.get_one(Unit, kept, with_for_update=True)
        rows = session.scalars(sa.select(Commitment).where(Commitment.unit_id == kept).order_by(Commitment.since))
        last = {row.kind: row for row in rows}
        for kind, row in last.items():
            if not standing(session, kept, kind):
                row.revoke_due, row.next_probe_at = True, self._clock.now()


def is_being_renewed(unit_id: str | sa.ColumnElement[str] | InstrumentedAttribute[str]) -> sa.Exists:
    """Whether a renewal of this unit is paid for and not delivered yet."""
    owed, unit, line = aliased(Obligation), aliased(Unit), aliased(OrderLine)
    return sa.exists().where(
        owed.unit_id == unit.id, unit.order_line_id == line.id, line.renews_unit_id == unit_id,
        owed.delivery.in_(OPEN_DELIVERY), owed.money.in_((Money.KEPT, Money.DISPUTED)),
    )  # fmt: skip


def unused_share(obligation: Obligation, row: Commitment, failing_since: datetime) -> int:
    """The minor units that were paid for the part of the period in which it was not kept, rounded up; at most what has
    not gone back already."""
    unused = row.until - max(row.since, min(failing_since, row.until))
    whole = row.until - row.since
    share = -(
        -obligation.allocated_minor * (unused // timedelta(microseconds=1)) // (whole // timedelta(microseconds=1))
    )
    return min(share, obligation.allocated_minor - obligation.returned_minor)
