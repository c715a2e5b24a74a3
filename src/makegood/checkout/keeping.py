"""How long each class of file is kept: the rules that retention follows, from the settings."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.orm import Session, aliased

from makegood.checkout.models import Draft
from makegood.fulfillment.commitments import is_being_renewed
from makegood.fulfillment.models import ArtefactRow, Commitment, Grant, Redelivery
from makegood.fulfillment.states import CommitmentState
from makegood.kernel.settings import Settings
from makegood.orders.models import Obligation, Order, OrderLine
from makegood.orders.states import OPEN_DELIVERY, Delivery, Money
from makegood.storage.assets import Hold, HoldKind
from makegood.storage.retention import Rule

GIVEN_UP = "they were given up only a short while ago"
MONEY_MOVES = (Money.REFUNDING, Money.DISPUTED)


def rules(settings: Settings) -> Callable[[datetime], Sequence[Rule]]:
    """The shop's rules, as they are at a moment. What is owed, disputed or still promised is over by none of them."""

    def at(now: datetime) -> Sequence[Rule]:
        return (
            _drafts(now),
            _unpaid(now - timedelta(days=settings.unpaid_days)),
            _unfinished(),
            _abandoned_inputs(now - timedelta(days=settings.abandoned_days)),
            _abandoned_results(now - timedelta(days=settings.abandoned_days)),
            _paid_inputs(now, settings.paid_input_days),
            _deliveries(now, settings.delivery_days),
        )

    return at


def is_promised() -> sa.ColumnElement[bool]:
    """Whether something stays owed of an `Obligation`: a period that it paid for stands, or one of its unit's, whatever
    order paid for that, or a renewal of its unit is being made or may still be paid. One statement must ask for all of
    it: a renewal passes from one of these to the next."""
    stands = sa.exists().where(
        Commitment.state == CommitmentState.STANDING,
        sa.or_(Commitment.obligation_id == Obligation.id, Commitment.unit_id == Obligation.unit_id),
    )
    renewal, line = aliased(Order), aliased(OrderLine)
    may_be_renewed = sa.exists().where(
        line.renews_unit_id == Obligation.unit_id, renewal.id == line.order_id, renewal.paid_at.is_(None),
        renewal.closed_at.is_(None),
    )  # fmt: skip
    return sa.or_(stands, is_being_renewed(Obligation.unit_id), may_be_renewed)


def _drafts(now: datetime) -> Rule:
    alive = sa.exists().where(Draft.id == Hold.holder, Draft.version > 0, Draft.expires_at > now)
    return Rule("drafts", Hold.kind == HoldKind.DRAFT, ~alive, "their drafts have not expired", locks=Draft)


def _unpaid(before: datetime) -> Rule:
    unpaid = sa.exists().where(Order.id == Hold.holder, Order.paid_at.is_(None))
    closed = sa.exists().where(Order.id == Hold.holder, Order.paid_at.is_(None), Order.closed_at < before)
    why = "their orders may still be paid, or could be until a short while ago"
    return Rule("unpaid orders", (Hold.kind == HoldKind.ORDER) & unpaid, closed, why, locks=Order)


def _unfinished() -> Rule:
    return Rule("orders in the making", _is_unfinished(), sa.false(), "something is owed from them", locks=Order)


def _is_unfinished() -> sa.ColumnElement[bool]:
    """Holds of what is still made, or abandoned with its money not yet back."""
    waits = sa.or_(
        Obligation.delivery.in_(OPEN_DELIVERY),
        sa.and_(Obligation.delivery == Delivery.ABANDONED, Obligation.money.in_(MONEY_MOVES)),
    )
    order = sa.exists().where(Obligation.order_id == Hold.holder, waits)
    own = sa.exists().where(Obligation.id == Hold.holder, waits)
    return sa.or_((Hold.kind == HoldKind.ORDER) & order, (Hold.kind == HoldKind.DELIVERY) & own)


def _abandoned_inputs(before: datetime) -> Rule:
    """Inputs of orders of which nothing is made any more; what was delivered holds its own."""
    applies = (Hold.kind == HoldKind.ORDER) & sa.exists().where(Obligation.order_id == Hold.holder) & ~_is_unfinished()
    recent = sa.exists().where(Obligation.order_id == Hold.holder, Obligation.abandoned_at > before)
    return Rule("abandoned orders", applies, ~recent, GIVEN_UP, locks=Order)


def _abandoned_results(before: datetime) -> Rule:
    """What had been made for obligations that were then given up."""
    given_up = sa.exists().where(Obligation.id == Hold.holder, Obligation.delivery == Delivery.ABANDONED)
    applies = (Hold.kind == HoldKind.DELIVERY) & given_up & ~_is_unfinished()
    recent = sa.exists().where(Obligation.id == Hold.holder, Obligation.abandoned_at > before)
    return Rule("abandoned results", applies, ~recent, GIVEN_UP, locks=Obligation)


def _paid_inputs(now: datetime, days: float | None) -> Rule:
    applies = _delivered() & ~_is_artefact()
    return Rule("inputs of paid orders", applies, _over(now, days), _why(days), locks=Obligation)


def _deliveries(now: datetime, days: float | None) -> Rule:
    promised = sa.exists().where(Grant.obligation_id == Hold.holder, Grant.expires_at > now)

    def end_downloads(session: Session, obligation_id: str) -> None:
        end = sa.update(Grant).where(Grant.obligation_id == obligation_id)
        session.execute(end.values(expires_at=now))

    over = _over(now, days) & ~promised
    applies = _delivered() & _is_artefact()
    return Rule("deliveries", applies, over, _why(days), locks=Obligation, release=end_downloads)


def _delivered() -> sa.ColumnElement[bool]:
    done = sa.exists().where(Obligation.id == Hold.holder, Obligation.delivery == Delivery.DELIVERED)
    return (Hold.kind == HoldKind.DELIVERY) & done


def _is_artefact() -> sa.ColumnElement[bool]:
    return sa.exists().where(ArtefactRow.obligation_id == Hold.holder, ArtefactRow.asset_id == Hold.asset_id)


def _over(now: datetime, days: float | None) -> sa.ColumnElement[bool]:
    """Delivered as well as paid long enough ago, and nothing of it is disputed, promised or being made good."""
    if days is None:
        return sa.false()
    before = now - timedelta(days=days)
    both = sa.exists().where(
        Obligation.id == Hold.holder, Obligation.delivered_at < before, Obligation.money.not_in(MONEY_MOVES),
        Order.id == Obligation.order_id, Order.paid_at < before,
    )  # fmt: skip
    promised = sa.exists().where(Obligation.id == Hold.holder, is_promised())
    made_good = sa.exists().where(Redelivery.open_for == Hold.holder)
    return both & ~promised & ~made_good


def _why(days: float | None) -> str:
    if days is None:
        return "they are kept for ever, or as long as something is promised"
    return f"less than {days:g} days have gone by since payment and delivery, or something is still promised"
