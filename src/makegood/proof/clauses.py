"""The clauses of the promise, one small class each. A clause looks for what contradicts it and changes nothing."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import sqlalchemy as sa

from makegood.fulfillment.commitments import is_being_renewed
from makegood.fulfillment.models import ArtefactRow, Commitment, Grant
from makegood.fulfillment.states import CommitmentState
from makegood.kernel.errors import MakegoodError
from makegood.orders.models import Obligation, Order, OrderInput, OrderLine, Unit
from makegood.orders.states import OPEN_DELIVERY, Delivery, Money
from makegood.proof.evidence import Clause, Evidence
from makegood.proof.money_clauses import (
    CapturesAreKnown,
    DebtsArePaid,
    DisputesAreKnown,
    EveryCentIsAllocated,
    ProvidersAgree,
    WhatWentBackIsLaidOnUnits,
)
from makegood.storage.assets import Asset, Hold, HoldKind

OVERDUE = timedelta(minutes=15)
"""How long after its deadline an obligation may still be on its way to a refund."""


class EveryPaidUnitIsOwed:
    name = "every paid unit is owed, once"

    def violations(self, evidence: Evidence) -> Iterator[tuple[str, str]]:
        query = (
            sa.select(Order.number, Unit.unit_no)
            .join(OrderLine, OrderLine.order_id == Order.id)
            .join(Unit, Unit.order_line_id == OrderLine.id)
            .join(Obligation, sa.and_(Obligation.unit_id == Unit.id, Obligation.number == 0), isouter=True)
            .where(Order.paid_at.is_not(None), Obligation.id.is_(None))
        )
        for number, unit in evidence.session.execute(query):
            yield number, f"unit {unit} is paid and nothing is owed for it"


class DeliveredIsVerifiedAndFound:
    name = "what is delivered exists, unchanged, and its customer can reach it"

    def violations(self, evidence: Evidence) -> Iterator[tuple[str, str]]:
        query = (
            sa.select(Order.number, Obligation.id, Grant.attempt, Grant.revoked_at)
            .join(Order, Order.id == Obligation.order_id)
            .join(Grant, Grant.obligation_id == Obligation.id, isouter=True)
            .where(Obligation.delivery == Delivery.DELIVERED, Obligation.money.in_((Money.KEPT, Money.DISPUTED)))
            # What was kept for as long as was promised, or taken out at its owner's wish, is no longer owed.
            .where(sa.or_(Grant.id.is_(None), Grant.expires_at.is_(None), Grant.expires_at > evidence.now))
        )
        for number, obligation_id, attempt, revoked in evidence.session.execute(query):
            if not attempt or revoked is not None:
                yield number, "it is delivered and no grant opens it"
            else:
                yield from ((number, problem) for problem in self._artefacts(evidence, obligation_id, attempt))

    def _artefacts(self, evidence: Evidence, obligation_id: str, attempt: int) -> Iterator[str]:
        rows = list(
            evidence.session.execute(
                sa.select(ArtefactRow.name, Asset.key, Asset.sha256, Asset.size, Hold.id)
                .join(Asset, Asset.id == ArtefactRow.asset_id)
                .join(
                    Hold,
                    sa.and_(Hold.asset_id == Asset.id, Hold.kind == HoldKind.DELIVERY, Hold.holder == obligation_id),
                    isouter=True,
                )
                .where(ArtefactRow.obligation_id == obligation_id, ArtefactRow.attempt == attempt)
            )
        )
        if not rows:
            yield "it is delivered without a verified artefact"
        for name, key, sha256, size, hold in rows:
            if not hold:
                yield f"nothing holds {name}, so it may be deleted"
            try:
                evidence.objects.verify(key, sha256, size)
            except MakegoodError as error:
                yield f"{name}: {error.for_operator()}"


class NothingIsOverdue:
    name = "what is owed comes to rest by its deadline"

    def violations(self, evidence: Evidence) -> Iterator[tuple[str, str]]:
        query = (
            sa.select(Order.number, Obligation.deadline_at, Obligation.error_code)
            .join(Order, Order.id == Obligation.order_id)
            .where(
                Obligation.delivery.in_(OPEN_DELIVERY),
                Obligation.money == Money.KEPT,
                Obligation.deadline_at < evidence.now - OVERDUE,
            )
        )
        for number, deadline, error in evidence.session.execute(query):
            yield number, f"it was due at {deadline:%Y-%m-%d %H:%M} UTC; its last error is {error or 'none'}"


class NeededInputsAreKept:
    name = "inputs are kept as long as anything is owed from them"

    def violations(self, evidence: Evidence) -> Iterator[tuple[str, str]]:
        # What is disputed is made after all if the dispute is won.
        owed = sa.exists().where(
            Obligation.order_id == Order.id,
            Obligation.delivery.in_(OPEN_DELIVERY),
            Obligation.money.in_((Money.KEPT, Money.DISPUTED)),
        )
        payable = sa.and_(Order.paid_at.is_(None), Order.closed_at.is_(None))
        # One statement reads inputs and holds: an order that comes to rest lets go of all of them at once.
        query = (
            sa.select(Order.number, OrderInput, Hold.asset_id)
            .join(OrderLine, OrderLine.order_id == Order.id)
            .join(OrderInput, OrderInput.order_line_id == OrderLine.id)
            .join(Hold, sa.and_(Hold.kind == HoldKind.ORDER, Hold.holder == Order.id), isouter=True)
            .where(sa.or_(owed, payable))
        )
        rows = list(evidence.session.execute(query))
        held = {(number, asset_id) for number, _, asset_id in rows}
        inputs = {file.id: (number, file) for number, file, _ in rows}
        for number, file in inputs.values():
            for name, asset_id in file.asset_ids.items():
                if (number, asset_id) not in held:
                    yield number, f"nothing holds its {name}, so it may be deleted"
                if problem := self._damage(evidence, asset_id):
                    yield number, f"its {name}: {problem}"

    def _damage(self, evidence: Evidence, asset_id: str) -> str | None:
        asset = evidence.session.get(Asset, asset_id)
        if asset is None:
            return "it is unknown here"
        try:
            evidence.objects.verify(asset.key, asset.sha256, asset.size)
        except MakegoodError as error:
            return error.for_operator()
        return None


class CommitmentsAreRecorded:
    name = "what stays owed after delivery has an end"

    def violations(self, evidence: Evidence) -> Iterator[tuple[str, str]]:
        query = (
            sa.select(Order.number, Commitment.kind)
            .join(Obligation, Obligation.id == Commitment.obligation_id)
            .join(Order, Order.id == Obligation.order_id)
            .where(Commitment.until <= Commitment.since)
        )
        for number, kind in evidence.session.execute(query):
            yield number, f"its {kind} was to end before it began"


class CommitmentsEnd:
    name = "what was promised until a date is over after it"

    def violations(self, evidence: Evidence) -> Iterator[tuple[str, str]]:
        is_failing_and_disputed = sa.and_(Obligation.money == Money.DISPUTED, Commitment.failing_since.is_not(None))
        query = (
            sa.select(Order.number, Commitment.kind, Commitment.until)
            .join(Obligation, Obligation.id == Commitment.obligation_id)
            .join(Order, Order.id == Obligation.order_id)
            .where(Commitment.state == CommitmentState.STANDING, Commitment.until < evidence.now - OVERDUE)
            # Whether what has failed is paid back is known once its dispute is over.
            .where(~is_being_renewed(Commitment.unit_id), ~is_failing_and_disputed)
        )
        for number, kind, until in evidence.session.execute(query):
            yield number, f"its {kind} was to end at {until:%Y-%m-%d %H:%M} and nothing ended it"


CLAUSES: tuple[Clause, ...] = (
    EveryPaidUnitIsOwed(),
    EveryCentIsAllocated(),
    DeliveredIsVerifiedAndFound(),
    WhatWentBackIsLaidOnUnits(),
    NothingIsOverdue(),
    DebtsArePaid(),
    NeededInputsAreKept(),
    CommitmentsAreRecorded(),
    CommitmentsEnd(),
    ProvidersAgree(),
    CapturesAreKnown(),
    DisputesAreKnown(),
)
