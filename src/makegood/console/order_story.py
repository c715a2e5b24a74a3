"""Everything that the shop knows of one order, read in one go."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Session

from makegood.catalog.products import Products
from makegood.console import timeline
from makegood.console.timeline import Attempt, Phase
from makegood.fulfillment.models import ArtefactRow, Commitment, Download, Grant
from makegood.kernel import audit
from makegood.kernel.audit import AuditEvent
from makegood.kernel.money import Money
from makegood.notify.models import Mail, MailState, of_order
from makegood.orders.models import Obligation, Order, OrderLine, Refund, Unit
from makegood.orders.reading import obligations_of, state_of
from makegood.orders.states import OPEN_DELIVERY
from makegood.orders.states import Money as MoneyState
from makegood.payments.models import Dispute, Payment, PaymentEvent
from makegood.storage.assets import Asset

UNITS_A_PAGE = 25


@dataclass(frozen=True, slots=True)
class ArtefactView:
    """One verified file of an attempt; `gone` once retention has taken it."""

    row: ArtefactRow
    asset: Asset
    present: bool


@dataclass(frozen=True, slots=True)
class ObligationView:
    """One obligation with what was tried, made, granted and fetched for it."""

    row: Obligation
    amount: Money
    returned: Money
    attempts: Sequence[Attempt]
    artefacts: Sequence[ArtefactView]
    grant: Grant | None
    downloads: Sequence[Download]
    commitments: Sequence[Commitment]
    phase: Phase | None


@dataclass(frozen=True, slots=True)
class UnitView:
    """One unit; its newest obligation comes first, those before it are history."""

    unit: Unit
    line: OrderLine
    title: str
    obligations: Sequence[ObligationView]


@dataclass(frozen=True, slots=True)
class Entry:
    """One event of the order's story, with the seconds since the one before."""

    event: AuditEvent
    since_last: float | None


@dataclass(frozen=True, slots=True)
class OrderStory:
    """The whole order. `allocated` and `returned` are over all units; `units` is one page of `unit_count`."""

    order: Order
    state: str
    captured: Money
    returned: Money
    units: Sequence[UnitView]
    unit_count: int
    obligations: Sequence[Obligation]
    payments: Sequence[Payment]
    refunds: Sequence[Refund]
    disputes: Sequence[Dispute]
    notifications: Sequence[PaymentEvent]
    mails: Sequence[Mail]
    before: Phase | None
    after: Phase | None
    click_to_download: float | None
    paid_to_delivered: float | None
    entries: Sequence[Entry]


def read(session: Session, products: Products, order: Order, now: datetime, page: int) -> OrderStory:
    """The order's story; `page` says which of its units are shown in detail."""
    story, obligations = audit.of_order(session, order.id), obligations_of(session, order.id)
    payments = list(
        session.scalars(sa.select(Payment).where(Payment.order_id == order.id).order_by(Payment.created_at))
    )
    refunds = list(
        session.scalars(
            sa.select(Refund).where(Refund.payment_id.in_([p.id for p in payments])).order_by(Refund.created_at)
        )
    )
    notifications, mails = _notifications(session, payments), of_order(session, order.id)
    everything = [(line, unit) for line in order.lines for unit in line.units]
    shown = everything[(page - 1) * UNITS_A_PAGE : page * UNITS_A_PAGE]
    units = [
        _unit(session, products, line, unit, order, obligations, story, len(everything), now) for line, unit in shown
    ]
    told = min((n.received_at for n in notifications if order.paid_at and n.received_at <= order.paid_at), default=None)
    fetched = _first_download(session, order.id)
    delivered = max((o.delivered_at for o in obligations if o.delivered_at), default=None)
    before = timeline.until_paid(story, order.created_at, order.paid_at, told, order.closed_at)
    return OrderStory(
        order=order,
        state=state_of(session, order),
        captured=Money(sum(p.captured_minor for p in payments if p.currency == order.currency), order.currency),
        returned=Money(
            sum(r.amount_minor for r in refunds if r.state == "succeeded" and r.currency == order.currency),
            order.currency,
        ),
        units=units,
        unit_count=len(everything),
        obligations=obligations,
        payments=payments,
        refunds=refunds,
        disputes=list(
            session.scalars(
                sa.select(Dispute).where(Dispute.payment_id.in_([p.id for p in payments])).order_by(Dispute.noted_at)
            )
        ),
        notifications=notifications,
        mails=mails,
        before=timeline.phase("Until it was paid", "the customer's and the provider's time, mostly", before, now),
        after=timeline.phase(
            "Told and fetched", "mails, and the first download", _after(story, mails, delivered, fetched), now
        ),
        click_to_download=(fetched - order.created_at).total_seconds() if fetched else None,
        paid_to_delivered=(delivered - order.paid_at).total_seconds() if delivered and order.paid_at else None,
        entries=_entries(story),
    )


def _unit(
    session: Session, products: Products, line: OrderLine, unit: Unit, order: Order,
    obligations: Sequence[Obligation], story: Sequence[AuditEvent], count: int, now: datetime,
) -> UnitView:  # fmt: skip
    labels = dict(products.get(line.product_id).step_labels) if line.product_id in _known(products) else {}
    own = sorted((o for o in obligations if o.unit_id == unit.id), key=lambda o: o.number, reverse=True)
    views = [_obligation(session, each, order.currency, story, labels, now) for each in own]
    title = line.description if count == 1 else f"{line.description}, {unit.unit_no} of {line.quantity}"
    return UnitView(unit, line, title, views)


def _obligation(
    session: Session, row: Obligation, currency: str, story: Sequence[AuditEvent], labels: dict[str, str], now: datetime
) -> ObligationView:
    own = [event for event in story if event.subject == row.id]
    grant = session.scalar(sa.select(Grant).where(Grant.obligation_id == row.id))
    files = session.execute(
        sa.select(ArtefactRow, Asset)
        .join(Asset, Asset.id == ArtefactRow.asset_id)
        .where(ArtefactRow.obligation_id == row.id)
        .order_by(ArtefactRow.attempt.desc(), ArtefactRow.name)
    )
    spans = timeline.making(own, row.owed_at, {name: label.lower() for name, label in labels.items()})
    if row.delivery not in OPEN_DELIVERY or row.money != MoneyState.KEPT:
        spans = [span for span in spans if span.ended is not None]
    start = "paid" if row.number == 0 else "promised as goodwill"
    name = f"From {start} to delivered" if row.delivered_at else f"Since it was {start}"
    return ObligationView(
        row=row,
        amount=Money(row.allocated_minor, currency),
        returned=Money(row.returned_minor, currency),
        attempts=timeline.attempts(own),
        artefacts=[ArtefactView(artefact, asset, asset.deleted_at is None) for artefact, asset in files],
        grant=grant,
        downloads=_downloads(session, grant),
        commitments=list(session.scalars(sa.select(Commitment).where(Commitment.obligation_id == row.id))),
        phase=timeline.phase(name, "the shop's time", spans, now),
    )


def _downloads(session: Session, grant: Grant | None) -> list[Download]:
    if grant is None:
        return []
    return list(session.scalars(sa.select(Download).where(Download.grant_id == grant.id).order_by(Download.at)))


def _first_download(session: Session, order_id: str) -> datetime | None:
    query = (
        sa.select(Download.at)
        .join(Grant, Grant.id == Download.grant_id)
        .join(Obligation, Obligation.id == Grant.obligation_id)
        .where(Obligation.order_id == order_id).order_by(Download.at).limit(1)
    )  # fmt: skip
    return session.scalar(query)


def _notifications(session: Session, payments: Sequence[Payment]) -> list[PaymentEvent]:
    mine = [
        (PaymentEvent.provider == p.provider) & (PaymentEvent.provider_ref == p.provider_ref)
        for p in payments
        if p.provider_ref
    ]
    if not mine:
        return []
    return list(session.scalars(sa.select(PaymentEvent).where(sa.or_(*mine)).order_by(PaymentEvent.received_at)))


def _after(
    story: Sequence[AuditEvent], mails: Sequence[Mail], delivered: datetime | None, fetched: datetime | None
) -> list[timeline.Span]:
    failed = {event.subject: event.at for event in story if event.event == "mail.failed"}
    spans = []
    for mail in mails:
        is_failed = mail.state == MailState.FAILED
        ended = failed.get(mail.id, mail.created_at) if is_failed else mail.accepted_at
        tone = "fail" if is_failed else "work"
        spans.append(timeline.Span(f"mail “{mail.subject}”", mail.created_at, ended, tone))
    if delivered and fetched and fetched >= delivered:
        spans.append(timeline.Span("until the customer fetched it", delivered, fetched, "wait"))
    return spans


def _entries(story: Sequence[AuditEvent]) -> list[Entry]:
    entries, last = [], None
    for event in story:
        entries.append(Entry(event, (event.at - last).total_seconds() if last else None))
        last = event.at
    return entries


def _known(products: Products) -> set[str]:
    return {product.manifest.id for product in products}
