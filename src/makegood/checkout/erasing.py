"""Taking a person out: what nothing owed and no law needs goes, and what stays is named. Figures stay: what was sold,
for how much, when, and what went back is what the books must show."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from makegood.accounts.emails import read_email
from makegood.accounts.models import ApiKey, Customer, SignInLink
from makegood.accounts.models import Session as Visit
from makegood.checkout.keeping import is_promised
from makegood.checkout.models import Draft
from makegood.engine import Engine, WorkState
from makegood.fulfillment.jobs import drop_jobs, empty_jobs
from makegood.fulfillment.models import ArtefactRow, Commitment, Download, Grant, GrantLink, Outside, Redelivery
from makegood.fulfillment.outside import left_behind
from makegood.fulfillment.restoring import is_restoring
from makegood.fulfillment.states import CommitmentState
from makegood.kernel import audit
from makegood.kernel.audit import AuditEvent
from makegood.kernel.clock import Clock
from makegood.kernel.database import Database
from makegood.kernel.signing import Signer
from makegood.notify.models import ERASED_DOMAIN, Mail, MailState
from makegood.orders.models import Obligation, Order, OrderInput, OrderLine, Refund
from makegood.orders.states import OPEN_DELIVERY, Money
from makegood.payments.models import Payment, PaymentEvent
from makegood.storage import assets
from makegood.storage.assets import ERASED, Hold, HoldKind
from makegood.storage.retention import Retention

QUOTING = frozenset({"files", "text", "problem", "reason"})
"""What events say in words: names of files, errors, and reasons, any of which may quote the customer."""
ALIVE = (WorkState.WAITING, WorkState.RUNNING)


@dataclass
class Erasure:
    """What was done: orders whose personal data are out, what stays by order and why, and counts."""

    orders: list[str] = field(default_factory=list)
    kept: dict[str, list[str]] = field(default_factory=dict)
    drafts: int = 0
    mails: int = 0
    account: bool = False
    problems: list[str] = field(default_factory=list)


class Erasing:
    """Done again it finds nothing more, but for what stayed and is now at rest. The audit log says that it was done and
    to how much, not to whom."""

    def __init__(
        self, database: Database, engine: Engine, clock: Clock, signer: Signer, retention: Retention
    ) -> None:  # fmt: skip
        self._database, self._engine, self._clock = database, engine, clock
        self._signer, self._retention = signer, retention

    def erase(self, email: str) -> Erasure:
        """Take out what can be. Raises `EmailInvalid`."""
        address = read_email(email)
        done = Erasure()
        freed: set[str] = set()
        with self._database.read() as session:
            customer_id = session.scalar(sa.select(Customer.id).where(Customer.email == address))
            mine = [Order.email == address] + ([Order.customer_id == customer_id] if customer_id else [])
            order_ids = list(session.scalars(sa.select(Order.id).where(sa.or_(*mine), Order.erased_at.is_(None))))
        for order_id in order_ids:
            with self._database.write() as session:
                order = session.get_one(Order, order_id, with_for_update=True)
                reasons = list(self._needed(session, order))
                if reasons:
                    done.kept[order.number] = reasons
                    continue
                freed |= self._erase_order(session, order, address, done)
                done.orders.append(order.number)
        with self._database.write() as session:
            freed |= self._erase_account(session, address, customer_id, done)
            if done.orders or done.drafts or done.mails or done.account:
                audit.record(
                    session, self._clock, "privacy.erased", self._signer.token("privacy", address),
                    orders=len(done.orders), kept=len(done.kept), mails=done.mails, account=done.account,
                )  # fmt: skip
        done.problems = self._retention.delete(sorted(freed))
        return done

    def _needed(self, session: Session, order: Order) -> Iterator[str]:
        """Why the order's data have to stay for now."""
        if order.paid_at is None and order.closed_at is None:
            yield "it may still be paid"
        owed = session.scalars(sa.select(Obligation).where(Obligation.order_id == order.id)).all()
        ids = [one.id for one in owed]
        if any(one.delivery in OPEN_DELIVERY for one in owed):
            yield "something of it is still being made"
        payments = sa.select(Payment.id).where(Payment.order_id == order.id)
        refunds = sa.exists().where(Refund.payment_id.in_(payments), Refund.state != "succeeded")
        if any(one.money in (Money.REFUNDING, Money.DISPUTED) for one in owed) or session.scalar(sa.select(refunds)):
            yield "money of it is still on its way"
        promised = sa.exists().where(Obligation.order_id == order.id, is_promised())
        if session.scalar(sa.select(promised)):
            until = _promised_until(session, owed)
            yield f"something of it is promised until {until:%Y-%m-%d}" if until else "a renewal of it is on its way"
        if session.scalar(sa.select(sa.exists().where(_is_of(owed), Commitment.revoke_due))):
            yield "what it had elsewhere is still being taken back"
        if any(left_behind(session, obligation_id) for obligation_id in ids):
            yield "what was begun for it elsewhere is still being undone"
        waiting = sa.exists().where(Mail.order_id == order.id, Mail.state == MailState.WAITING)
        if session.scalar(sa.select(waiting)):
            yield "a mail about it is still to be sent"
        restoring = any(is_restoring(one.work) and self._engine.state(one.work) in ALIVE for one in owed)
        if restoring or session.scalar(sa.select(sa.exists().where(Redelivery.open_for.in_(ids)))):
            yield "it is just being delivered again"

    def _erase_order(self, session: Session, order: Order, email: str, done: Erasure) -> set[str]:
        """Take the person out of an order at rest; returns the assets that nothing of it needs any more."""
        now = self._clock.now()
        owed = list(session.scalars(sa.select(Obligation.id).where(Obligation.order_id == order.id)))
        holders = [order.id, *owed]
        own = list(session.scalars(sa.select(Hold.asset_id).where(Hold.holder.in_(holders))))
        made = list(session.scalars(sa.select(ArtefactRow.asset_id).where(ArtefactRow.obligation_id.in_(owed))))
        assets.release(session, HoldKind.ORDER, order.id)
        for obligation_id in owed:
            assets.release(session, HoldKind.DELIVERY, obligation_id)
        lines = [line.id for line in order.lines]
        # Also what is held no longer has the name that its owner gave it.
        given = [file for line in order.lines for file in line.inputs]
        own += [asset_id for file in given for asset_id in file.asset_ids.values()]
        grants = list(session.scalars(sa.select(Grant.id).where(Grant.obligation_id.in_(owed))))
        changes = (
            sa.update(OrderLine).where(OrderLine.id.in_(lines)).values(options={}, description=ERASED.capitalize()),
            sa.update(OrderInput).where(OrderInput.order_line_id.in_(lines)).values(facts={}),
            sa.update(Obligation).where(Obligation.id.in_(owed)).values(error_text=None, reason=None),
            *_without_quotes(owed),
            sa.update(ArtefactRow).where(ArtefactRow.obligation_id.in_(owed)).values(facts={}),
            sa.update(Grant).where(Grant.id.in_(grants)).values(revoked_at=now, expires_at=now),
            sa.update(GrantLink).where(GrantLink.grant_id.in_(grants)).values(revoked_at=now),
            sa.update(Download).where(Download.grant_id.in_(grants)).values(origin=None, agent=None),
        )
        for change in changes:
            session.execute(change.execution_options(synchronize_session=False))
        drafted = self._end_drafts_of(session, order, done)
        self._erase_payments(session, order.id)
        # An account's order may have been placed for another address: what went there is of this person, too.
        done.mails += self._erase_mails(session, Mail.order_id == order.id)
        for event in session.scalars(sa.select(AuditEvent).where(AuditEvent.order_id == order.id)):
            event.data = _without(event.data, email, order.email)
        order.email = f"{order.id}@{ERASED_DOMAIN}"
        order.visitor_id = order.customer_id = None
        order.erased_at = now
        session.flush()
        return assets.forget_names(session, {*own, *made, *drafted})

    def _end_drafts_of(self, session: Session, order: Order, done: Erasure) -> set[str]:
        """The draft that became the order goes with it, also where its owner has no account."""
        placed = session.scalars(
            sa.select(AuditEvent).where(AuditEvent.order_id == order.id, AuditEvent.event == "order.placed")
        )
        drafts = [session.get(Draft, str(event.data["draft"]), with_for_update=True) for event in placed]
        ended = [self._end_draft(session, draft, done, order.id) for draft in drafts if draft is not None]
        return set().union(*ended)

    def _end_draft(self, session: Session, draft: Draft, done: Erasure, order_id: str | None = None) -> set[str]:
        """Empty the draft, also an expired one, and its jobs, but for what an order other than this one needs; returns
        what they held. One that was empty before doesn't count."""
        held = set(assets.held_by(session, HoldKind.DRAFT, draft.id))
        drop_jobs(session, self._clock, draft.id)
        emptied, named = empty_jobs(session, draft.id, but_of=order_id)
        assets.release(session, HoldKind.DRAFT, draft.id)
        done.drafts += bool(draft.version or draft.options or held or emptied)
        draft.files.clear()
        draft.options, draft.version = {}, 0
        session.flush()
        return held | named

    def _erase_payments(self, session: Session, order_id: str) -> None:
        """What the providers told besides the figures; their own books are not ours to change."""
        payments = session.scalars(sa.select(Payment).where(Payment.order_id == order_id)).all()
        for payment in payments:
            payment.details, payment.url = {}, None
        refs = [payment.provider_ref for payment in payments if payment.provider_ref]
        session.execute(
            sa.update(PaymentEvent)
            .where(PaymentEvent.provider_ref.in_(refs), PaymentEvent.handled_at.is_not(None))
            .values(raw=b"")
        )

    def _erase_mails(self, session: Session, *which: sa.ColumnElement[bool]) -> int:
        """Mails that are through; one that is still to be sent is left alone."""
        sent = session.scalars(sa.select(Mail).where(*which, Mail.state != MailState.WAITING)).all()
        for mail in sent:
            mail.to = f"{mail.id}@{ERASED_DOMAIN}"
            mail.subject = mail.html = mail.text = ERASED
            mail.last_error = None
        session.flush()
        return len(sent)

    def _erase_account(self, session: Session, email: str, customer_id: str | None, done: Erasure) -> set[str]:
        """The account goes unless an order of it stays; drafts, sign-in links and letters go in any case."""
        done.mails += self._erase_mails(session, Mail.order_id.is_(None), Mail.to == email)
        session.execute(sa.delete(SignInLink).where(SignInLink.email == email))
        of_people = sa.or_(AuditEvent.event.startswith("mail."), AuditEvent.event.startswith("customer."))
        for event in session.scalars(sa.select(AuditEvent).where(of_people)):
            if event.order_id is None and email in json.dumps(event.data):
                event.data = _without(event.data, email)
        if customer_id is None:
            return set()
        freed: set[str] = set()
        drafts = sa.select(Draft).where(Draft.customer_id == customer_id).order_by(Draft.id)
        for draft in session.scalars(drafts.with_for_update()).all():
            freed |= self._end_draft(session, draft, done)
        session.flush()
        if done.kept:
            done.kept["account"] = ["an order of it stays"]
            return assets.forget_names(session, freed)
        session.execute(sa.delete(Visit).where(Visit.customer_id == customer_id))
        session.execute(sa.delete(ApiKey).where(ApiKey.customer_id == customer_id))
        session.execute(sa.delete(Customer).where(Customer.id == customer_id))
        done.account = True
        return assets.forget_names(session, freed)


def _is_of(owed: Sequence[Obligation]) -> sa.ColumnElement[bool]:
    """The periods that these obligations paid for, and those of their units that renewals did."""
    by_order = Commitment.obligation_id.in_([one.id for one in owed])
    return sa.or_(by_order, Commitment.unit_id.in_([one.unit_id for one in owed]))


def _promised_until(session: Session, owed: Sequence[Obligation]) -> datetime | None:
    stands = Commitment.state == CommitmentState.STANDING
    return session.scalar(sa.select(sa.func.max(Commitment.until)).where(_is_of(owed), stands))


def _without_quotes(owed: Sequence[str]) -> Iterator[sa.Update]:
    """Errors and reasons may quote what the customer wrote."""
    for reasoned in (Refund, Redelivery):
        yield sa.update(reasoned).where(reasoned.obligation_id.in_(owed)).values(reason=ERASED)
    for failed in (Commitment, Outside, Redelivery):
        yield sa.update(failed).where(failed.obligation_id.in_(owed)).values(problem=None)


def _without(data: dict[str, Any], *emails: str) -> dict[str, Any]:
    """The same without the addresses, wherever they stand, and without what may quote its customer."""
    text = json.dumps(data)
    for email in emails:
        text = re.sub(re.escape(email), ERASED, text, flags=re.IGNORECASE)
    return {name: value for name, value in json.loads(text).items() if name not in QUOTING}
