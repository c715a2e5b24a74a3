"""How an order is shown: the same data for the API, the pages and live progress."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from makegood.accounts.callers import Caller
from makegood.fulfillment.models import ArtefactRow, Commitment, Grant
from makegood.kernel import audit
from makegood.kernel.audit import AuditEvent
from makegood.kernel.money import Money
from makegood.orders.models import Obligation, Order, OrderLine, Unit
from makegood.orders.reading import obligations_of, state_of
from makegood.orders.states import OPEN_DELIVERY, Delivery, OrderState
from makegood.orders.states import Money as MoneyState
from makegood.payments.models import Payment
from makegood.payments.reversing import charged_back_of, gone_of
from makegood.payments.telling import REASONS
from makegood.product_api import Product
from makegood.storage.assets import Asset
from makegood.web.services import Services

AT_REST = (OrderState.DELIVERED, OrderState.REFUNDED, OrderState.PARTLY_DELIVERED, OrderState.CANCELLED)
HELD = (MoneyState.KEPT, MoneyState.DISPUTED)
MOVING = (MoneyState.REFUNDING, MoneyState.DISPUTED)

TEXTS = {
    "order.placed": "Order placed",
    "order.closed": "Closed without a payment",
    "order.replaced": "Another order of yours took its place",
    "payment.requested": "Waiting for the payment",
    "payment.succeeded": "Paid",
    "payment.failed": "The payment did not go through",
    "payment.cancelled": "The payment was cancelled",
    "payment.expired": "The payment ran out of time",
    "payment.unlocks_nothing": "A payment that doesn't belong to this order goes back",
    "inputs.secured": "Your files are safe",
    "artefact.verified": "Made and checked",
    "obligation.delivered": "Delivered",
    "commitment.failing": "It has stopped working; we look into it",
    "commitment.well_again": "It works again",
    "commitment.restored": "We made it again",
    "commitment.broken": "We could not keep it; what was not used is given back",
    "commitment.over": "Its time is over",
    "obligation.attempt_failed": "A try did not work; we try again",
    "obligation.refunding": "Your money is on its way back",
    "obligation.part_refunding": "Part of your money is on its way back",
    "dispute.opened": "Your bank is looking into the payment",
    "dispute.won": "Your bank has let the payment stand",
    "dispute.lost": "Your bank has given {amount} back to you",
    "refund.succeeded": "{amount} was given back to you",
    "mail.accepted": "Mail sent",
}


OF_UNITS = ("artefact.verified", "obligation.delivered", "obligation.attempt_failed", "obligation.refunding")
"""What happens to each unit by itself."""


def money_json(minor: int, currency: str) -> dict[str, Any]:
    """Money as the API says it."""
    return {"minor": minor, "currency": currency, "text": Money(minor, currency).format()}


def order_json(shop: Services, order_id: str) -> dict[str, Any]:
    """The whole order as its customer sees it."""
    with shop.database.read() as session:
        order = session.get_one(Order, order_id)
        state = state_of(session, order)
        story = audit.of_order(session, order_id)
        known = _Known(session, order, story)
        units = [_unit(shop, known, order.currency, line, unit) for line in order.lines for unit in line.units]
        surplus = _surplus(session, order_id)
        returned = sum(owed.returned_minor for owed in known.paid.values())
        payment = session.scalar(
            # A payment that goes back because it was one too many doesn't stand for the order.
            sa.select(Payment)
            .where(Payment.order_id == order_id)
            .order_by(Payment.problem.is_not(None), Payment.created_at.desc())
            .limit(1)
        )
        return {
            **short_json(order, state),
            "discount": money_json(order.discount_minor, order.currency),
            "tax": money_json(order.tax_minor, order.currency),
            "lines": [
                {
                    "product": line.product_id,
                    "description": line.description,
                    "quantity": line.quantity,
                    "amount": money_json(line.amount_minor, order.currency),
                }
                for line in order.lines
            ],
            "payment": _payment(payment),
            "returned": money_json(returned, order.currency),
            "charged_back": money_json(min(returned, charged_back_of(session, order_id)), order.currency),
            "surplus": surplus,
            "units": units,
            "erased": order.erased_at is not None,
            "timeline": _timeline(story, known),
            "at_rest": state in AT_REST
            and all(unit["delivery"] not in OPEN_DELIVERY for unit in units)
            and all(each["money"] not in MOVING for each in (*units, *surplus)),
        }


def orders_of(shop: Services, who: Caller, most: int = 200) -> list[dict[str, Any]]:
    """The caller's orders as lines of a list, newest first."""
    mine: list[sa.ColumnElement[bool]] = [sa.false()]
    if who.visitor_id:
        mine.append(Order.visitor_id == who.visitor_id)
    if who.customer_id:
        mine.append(Order.customer_id == who.customer_id)
    if who.email:
        mine.append(Order.email == who.email)
    with shop.database.read() as session:
        found = session.scalars(sa.select(Order).where(sa.or_(*mine)).order_by(Order.created_at.desc()).limit(most))
        return [short_json(order, state_of(session, order)) for order in found]


def short_json(order: Order, state: OrderState) -> dict[str, Any]:
    """The order as a line in a list."""
    return {
        "number": order.number,
        "state": state,
        "test": order.test,
        "email": order.email,
        "created_at": order.created_at.isoformat(),
        "total": money_json(order.total_minor, order.currency),
        "description": ", ".join(line.description for line in order.lines),
    }


def _payment(payment: Payment | None) -> dict[str, Any] | None:
    if payment is None:
        return None
    return {
        "id": payment.id,
        "provider": payment.provider,
        "state": payment.state,
        "open": payment.closed_at is None,
        "url": payment.url if payment.closed_at is None else None,
        "amount": money_json(payment.amount_minor, payment.currency),
        "problem": payment.problem or payment.details.get("decline_code"),
    }


def _surplus(session: Session, order_id: str) -> list[dict[str, Any]]:
    """The money that arrived for the order and can't buy it, oldest first: it goes back, or has."""
    query = sa.select(Payment).where(
        Payment.order_id == order_id, Payment.problem.is_not(None), Payment.captured_minor > 0
    )
    payments = list(session.scalars(query.order_by(Payment.paid_at, Payment.id)))
    returned = gone_of(session, [payment.id for payment in payments]) if payments else {}
    return [
        {
            "payment": payment.id,
            "problem": payment.problem,
            "detail": REASONS.get(payment.problem or "", "It can't buy this order, so it goes back to you."),
            "amount": money_json(payment.captured_minor, payment.currency),
            "returned": money_json(returned[payment.id], payment.currency),
            "money": MoneyState.REFUNDED if returned[payment.id] >= payment.captured_minor else MoneyState.REFUNDING,
        }
        for payment in payments
    ]


class _Known:
    """What is known of an order's units, read at once: an order may have hundreds of them."""

    def __init__(self, session: Session, order: Order, story: Sequence[AuditEvent]) -> None:
        owed = obligations_of(session, order.id)
        ids = [obligation.id for obligation in owed]
        self.obligations = {o.unit_id: o for o in sorted(owed, key=lambda o: o.number)}
        """What was owed last of each unit: what was paid for, or the goodwill that makes up for it."""
        self.paid = {o.unit_id: o for o in owed if o.number == 0}
        self.is_free = order.total_minor == 0
        self.unit_of = {o.id: o.unit_id for o in owed}
        self.for_nothing = {o.id: o for o in owed if o.allocated_minor == 0}
        granted = session.scalars(sa.select(Grant).where(Grant.obligation_id.in_(ids)))
        self.grants = {grant.obligation_id: grant for grant in granted}
        self.artefacts: dict[tuple[str, int], list[tuple[ArtefactRow, Asset]]] = defaultdict(list)
        for row, asset in session.execute(
            sa.select(ArtefactRow, Asset).join(Asset, Asset.id == ArtefactRow.asset_id)
            .where(ArtefactRow.obligation_id.in_(ids)).order_by(ArtefactRow.name)
        ):  # fmt: skip
            self.artefacts[row.obligation_id, row.attempt].append((row, asset))
        units = [unit.id for line in order.lines for unit in line.units]
        self.commitments: dict[str, list[Commitment]] = defaultdict(list)
        for commitment in session.scalars(
            sa.select(Commitment).where(Commitment.unit_id.in_(units)).order_by(Commitment.since)
        ):
            self.commitments[commitment.unit_id].append(commitment)
        self.story: dict[str, list[AuditEvent]] = defaultdict(list)
        for event in story:
            self.story[event.subject].append(event)


def _text(event: AuditEvent, known: _Known) -> str | None:
    """What a customer reads of an event. Where no money was, none goes back."""
    owed = known.for_nothing.get(event.subject)
    if owed is not None and event.event == "obligation.refunding":
        return "Withdrawn" if owed.delivery == Delivery.DELIVERED else "It could not be made"
    if event.event == "refund.succeeded" and event.data["amount"] == 0:
        return None
    if known.is_free and event.event in ("payment.requested", "payment.succeeded"):
        return "Nothing to pay" if event.event == "payment.succeeded" else None
    text = TEXTS.get(event.event)
    if text is None or "{amount}" not in text:
        return text
    return text.format(amount=Money(event.data["amount"], event.data["currency"]).format())


def _timeline(story: Sequence[AuditEvent], known: _Known) -> list[dict[str, Any]]:
    """What happened, oldest first. What happened to each of several units is one entry, of the last of them."""
    told = [(event, text) for event in story if (text := _text(event, known))]
    units: dict[str, set[str]] = defaultdict(set)
    for event, text in told:
        if event.event in OF_UNITS:
            units[text].add(known.unit_of.get(event.subject, event.subject))
    last = {text: event for event, text in told}
    entries = []
    for event, text in told:
        count = len(units[text])
        if count > 1 and event is not last[text]:
            continue
        said = f"{text} ({count} of them)" if count > 1 else text
        entries.append({"at": event.at.isoformat(), "event": event.event, "text": said, "count": max(count, 1)})
    return entries


def _unit(shop: Services, known: _Known, currency: str, line: OrderLine, unit: Unit) -> dict[str, Any]:
    product = shop.products.find(line.product_id)
    obligation, paid = known.obligations.get(unit.id), known.paid.get(unit.id)
    # A chunk's steps are noted once for all that is in it.
    own = known.story[obligation.id] + known.story[obligation.work] if obligation else []
    own.sort(key=lambda event: (event.at, event.id))
    steps = _steps(product, obligation, own)
    now = next((step for step in steps if step["state"] == "now"), None)
    return {
        "id": unit.id,
        "no": unit.unit_no,
        "product": line.product_id,
        "description": line.description,
        "delivery": obligation.delivery if obligation else "waiting",
        "goodwill": obligation is not None and obligation.number > 0,
        "withdrawn": obligation is not None and obligation.money not in HELD,
        "amount": money_json(unit.amount_minor, currency),
        "money": paid.money if paid else None,
        "returned": money_json(paid.returned_minor, currency) if paid else None,
        "attempt": obligation.attempt if obligation else 0,
        "step": now and {"name": now["name"], "label": now["label"], "position": now["position"], "count": len(steps)},
        "steps": steps,
        "problem": _problem(shop, line, obligation),
        "artefacts": _artefacts(shop, known, obligation),
        "expired": _is_expired(shop, known, obligation),
        "pages": [{"label": label, "url": shop.links.public(path)} for label, path in _pages(product, unit)],
        "deadline": obligation.deadline_at.isoformat() if obligation else None,
        "renews": line.renews_unit_id,
        "commitments": [
            {"kind": c.kind, "since": c.since.isoformat(), "until": c.until.isoformat(), "state": c.state}
            for c in known.commitments[unit.id]
        ],
    }


def _pages(product: Product | None, unit: Unit) -> list[tuple[str, str]]:
    """The unit's own pages; none while its plug-in is broken or gone."""
    return [] if product is None else list(product.pages({code.purpose: code.code for code in unit.codes}).items())


def _problem(shop: Services, line: OrderLine, obligation: Obligation | None) -> dict[str, Any] | None:
    if obligation is None or obligation.error_code is None:
        return None
    said = obligation.reason or "A try did not work; we are trying again."
    if obligation.delivery in OPEN_DELIVERY and not shop.products.is_whole(line.product_id):
        said = "Something that it is made with is missing in our workshop. Once that is mended, it is made by itself."
    return {"code": obligation.error_code, "detail": said}


def _steps(product: Product | None, obligation: Obligation | None, own: Sequence[AuditEvent]) -> list[dict[str, Any]]:
    """Each step with its label, state and the seconds that its last run took."""
    labels = {
        "secure": "Checking your files",
        **(product.step_labels if product else {}),
        "verify": "Checking the result",
    }
    took = _durations(own)
    names = list(labels)
    here = names.index(obligation.at_step) if obligation and obligation.at_step in names else -1
    steps = []
    for position, name in enumerate(names):
        delivery = obligation.delivery if obligation else None
        if delivery == Delivery.DELIVERED or position < here:
            state = "done"
        elif position == here and delivery in (Delivery.MAKING, Delivery.MADE):
            state = "now"
        else:
            state = "next"
        seconds = round(took[name], 2) if state == "done" and name in took else None
        steps.append(
            {"name": name, "label": labels[name], "position": position + 1, "state": state, "seconds": seconds}
        )
    return steps


def _durations(own: Sequence[AuditEvent]) -> dict[str, float]:
    """Seconds from each step's last beginning to what came after it."""
    took: dict[str, float] = {}
    for event, following in pairwise(own):
        if event.event == "step.began":
            took[str(event.data["step"])] = (following.at - event.at).total_seconds()
    return took


def _is_expired(shop: Services, known: _Known, obligation: Obligation | None) -> bool:
    """Whether there were downloads, and the time for which they were promised is over."""
    grant = known.grants.get(obligation.id) if obligation is not None and obligation.money in HELD else None
    if grant is None or grant.revoked_at is not None or grant.expires_at is None:
        return False
    made = known.artefacts[grant.obligation_id, grant.attempt]
    return grant.expires_at <= shop.clock.now() and any(_is_shown(row) for row, _ in made)


def _is_shown(row: ArtefactRow) -> bool:
    return row.facts.get("shown") is not False


def _artefacts(shop: Services, known: _Known, obligation: Obligation | None) -> list[dict[str, Any]]:
    if obligation is None or obligation.money not in HELD:
        return []
    grant = known.grants.get(obligation.id)
    if grant is None or grant.revoked_at is not None:
        return []
    if grant.expires_at is not None and grant.expires_at <= shop.clock.now():
        return []
    return [
        {
            "name": row.name,
            "file_name": asset.file_name,
            "media_type": asset.media_type,
            "size": asset.size,
            "sha256": asset.sha256,
            "url": shop.links.download(grant.token, row.name),
        }
        for row, asset in known.artefacts[obligation.id, grant.attempt]
        if _is_shown(row)
    ]
