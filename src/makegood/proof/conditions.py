"""What an operator is told of, one small class each. A condition looks and changes nothing."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator
from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.orm import Session, aliased

from makegood.catalog.products import Products
from makegood.engine import Worker
from makegood.fulfillment.models import Redelivery
from makegood.kernel import schema
from makegood.kernel.audit import AuditEvent
from makegood.kernel.database import Database
from makegood.kernel.money import Money as Amount
from makegood.kernel.settings import Settings
from makegood.notify.alert_models import Alert
from makegood.notify.alerts import Condition, Subject
from makegood.notify.models import Mail, MailState
from makegood.orders.models import Obligation, Order, Refund
from makegood.orders.states import OPEN_DELIVERY, Delivery, Money, RefundState
from makegood.payments.debts import TAKES_LONG, Debt, owed_back
from makegood.payments.differences import NOT_BOOKED
from makegood.payments.models import Difference, Dispute, Payment, PaymentEvent, ReconciliationCursor
from makegood.storage.assets import Asset, Hold
from makegood.storage.objects import ObjectStore

MOST = 1000
"""How many subjects a condition lists at most; past that nobody reads them one by one."""


class Late:
    """Paid, and not delivered within its time."""

    kind, title, happens = "undelivered.late", "Paid, late and not delivered", False

    def __init__(self, share: float) -> None:
        self._share = share

    def subjects(self, session: Session, now: datetime) -> Iterator[Subject]:
        for owed, number in _owed(session):
            if now >= owed.owed_at + (owed.deadline_at - owed.owed_at) * self._share:
                why = f"{owed.error_code}: {owed.error_text}" if owed.error_code else "no error so far"
                due = f"paid {_age(now - owed.owed_at)} ago, refunded at {owed.deadline_at:%Y-%m-%d %H:%M} UTC"
                yield Subject(owed.id, f"{number}: {due}; {why}")


class Stuck:
    """The same error again and again."""

    kind, title, happens = "undelivered.stuck", "Making fails again and again", False

    def __init__(self, attempts: int) -> None:
        self._attempts = attempts

    def subjects(self, session: Session, now: datetime) -> Iterator[Subject]:
        again = sa.and_(Obligation.error_code.is_not(None), Obligation.attempt > self._attempts)
        for owed, number in _owed(session, again):
            failures = session.scalars(
                sa.select(AuditEvent)
                .where(AuditEvent.subject == owed.id, AuditEvent.event == "obligation.attempt_failed")
                .order_by(AuditEvent.at.desc(), AuditEvent.id.desc()).limit(self._attempts)
            ).all()  # fmt: skip
            codes = [failure.data.get("code") for failure in failures]
            if len(codes) == self._attempts and set(codes) == {owed.error_code}:
                yield Subject(owed.id, f"{number}: attempt {owed.attempt}; {owed.error_code}: {owed.error_text}")


class RefundFailing:
    """Money that we owe back and that does not get there: an open debt."""

    kind, title, happens = "refund.failing", "A refund does not go through: an open debt", False

    def __init__(self, after: timedelta) -> None:
        self._after = after

    def subjects(self, session: Session, now: datetime) -> Iterator[Subject]:
        failing = [debt for debt in owed_back(session) if self._is_failing(debt, now)]
        for debt in failing[:MOST]:
            what = f"{debt.number or 'money without an order'}: {debt.amount.format()}"
            yield Subject(debt.id, f"{what} owed since {_age(now - debt.since)}; {debt.error or 'no error so far'}")

    def _is_failing(self, debt: Debt, now: datetime) -> bool:
        """Nobody may have refused what takes so long: then nothing but its age shows it."""
        if debt.refund is not None and debt.refund.state == RefundState.FAILED:
            return True
        return debt.is_late(now, self._after if debt.is_refused else max(self._after, TAKES_LONG))


class ProvidersDiffer:
    """The provider's books and ours disagree, and the shop may not, or can't yet, mend it by itself."""

    kind, title, happens = "reconciliation.difference", "A payment provider's books differ from ours", False

    def __init__(self, after: timedelta) -> None:
        self._after = after

    def subjects(self, session: Session, now: datetime) -> Iterator[Subject]:
        query = sa.select(Difference, Order.number).join(Order, Order.id == Difference.order_id, isouter=True)
        query = query.where(Difference.explained_at.is_(None), self._is_due(now))
        for difference, number in session.execute(query.order_by(Difference.found_at).limit(MOST)):
            yield Subject(difference.id, f"{number or difference.ref}: {difference.text}")

    def _is_due(self, now: datetime) -> sa.ColumnElement[bool]:
        """What can't be booked is tried again every time; some of it heals."""
        return sa.or_(Difference.kind != NOT_BOOKED, Difference.found_at < now - self._after)


class ReconciliationBehind:
    """A provider's list has not been read to its end for long: what happened there since may be unknown here."""

    kind, title, happens = "reconciliation.behind", "A payment provider's list is not read to its end", False

    def __init__(self, providers: Collection[str], after: timedelta) -> None:
        self._providers, self._after = providers, after
        self._since: datetime | None = None

    def subjects(self, session: Session, now: datetime) -> Iterator[Subject]:
        # A shop that stood still reads on after its start. Who looks for the first time ends nothing that is noted.
        self._since = since = self._since or now
        is_known = _is_open(session, self.kind)
        rows = sa.select(ReconciliationCursor).where(ReconciliationCursor.provider.in_(self._providers))
        for row in session.scalars(rows.order_by(ReconciliationCursor.provider, ReconciliationCursor.stream)):
            last = row.finished_at
            stays = is_known and (last is None or now - last > self._after)
            if stays or now - max(last or since, since) > self._after:
                when = f"for the last time at {last:%Y-%m-%d %H:%M} UTC" if last else "never yet"
                line = f"{row.provider}: {row.stream} were read to the end {when}; `makegood reconcile` says why."
                yield Subject(f"{row.provider}/{row.stream}", line)


class StrayMoney:
    """Money that belongs to no order and goes back after the operator's window."""

    kind, title, happens = "money.stray", "Money came that belongs to no order", False

    def subjects(self, session: Session, now: datetime) -> Iterator[Subject]:
        query = sa.select(Payment, Refund.due_at).join(Refund, Refund.surplus_of == Payment.id)
        query = query.where(Payment.order_id.is_(None), Refund.state != "succeeded").order_by(Payment.id).limit(MOST)
        for payment, due_at in session.execute(query):
            amount = Amount(payment.captured_minor, payment.currency).format()
            when = f"at {due_at:%Y-%m-%d %H:%M} UTC" if due_at and due_at > now else "now"
            yield Subject(payment.id, f"{payment.provider} {payment.provider_ref}: {amount} goes back {when}")


class Disputed:
    """A cardholder's bank asks for money back: an answer is due at the provider."""

    kind, title, happens = "dispute.open", "A payment is disputed: answer at the provider", False

    def subjects(self, session: Session, now: datetime) -> Iterator[Subject]:
        query = (
            sa.select(Dispute, Order.number)
            .join(Payment, Payment.id == Dispute.payment_id)
            .join(Order, Order.id == Payment.order_id, isouter=True)
            .where(Dispute.closed_at.is_(None))
        )
        for dispute, number in session.execute(query.order_by(Dispute.noted_at).limit(MOST)):
            amount = Amount(dispute.amount_minor, dispute.currency).format()
            yield Subject(dispute.id, f"{number or dispute.provider}: {amount}, {dispute.reason}")


class DeadlineRefunded:
    """What was not delivered by its deadline and went back."""

    kind, title, happens = "deadline.refunded", "Not delivered by the deadline; the money goes back", True

    def subjects(self, session: Session, now: datetime) -> Iterator[Subject]:
        query = (
            sa.select(Obligation, Order)
            .join(Order, Order.id == Obligation.order_id)
            .where(Obligation.delivery == Delivery.ABANDONED, Obligation.error_code == "DEADLINE_PASSED")
            .where(Obligation.abandoned_at > _after_what_was_told(session, self.kind))
        )
        # The newest first: those that were told of long ago must not take all the places.
        for owed, order in session.execute(query.order_by(Obligation.abandoned_at.desc()).limit(MOST)):
            amount = Amount(owed.allocated_minor, order.currency).format()
            yield Subject(owed.id, f"{order.number}: {amount}; {owed.error_text}")


class MailFailed:
    """Mails that no server will take, for example because the address does not exist."""

    kind, title, happens = "mail.failed", "A mail could not be delivered", True

    def subjects(self, session: Session, now: datetime) -> Iterator[Subject]:
        query = sa.select(Mail, Order.number).join(Order, Order.id == Mail.order_id, isouter=True)
        since = _after_what_was_told(session, self.kind) - timedelta(days=7)
        query = query.where(Mail.state == MailState.FAILED, Mail.next_try_at > since)
        for mail, number in session.execute(query.order_by(Mail.next_try_at.desc()).limit(MOST)):
            yield Subject(f"{mail.id}/{mail.tries}", f"{number or 'no order'}: “{mail.subject}”; {mail.last_error}")


class MailDelayed:
    """Mails that wait because the server can't be reached or does not accept the shop."""

    kind, title, happens = "mail.delayed", "Mails wait", False

    def __init__(self, after: timedelta) -> None:
        self._after = after

    def subjects(self, session: Session, now: datetime) -> Iterator[Subject]:
        query = sa.select(Mail).where(Mail.state == MailState.WAITING, Mail.created_at < now - self._after)
        for mail in session.scalars(query.order_by(Mail.id).limit(MOST)):
            waits = f"“{mail.subject}” waits since {_age(now - mail.created_at)}"
            yield Subject(mail.id, f"{waits}; {mail.last_error or 'nobody sends it'}")


class NotificationUnhandled:
    """Notifications of providers that we have and could not act on."""

    kind, title, happens = "notification.unhandled", "A payment provider's notification is not handled", False

    def __init__(self, after: timedelta) -> None:
        self._after = after

    def subjects(self, session: Session, now: datetime) -> Iterator[Subject]:
        late = PaymentEvent.received_at < now - self._after
        query = sa.select(PaymentEvent).where(PaymentEvent.handled_at.is_(None), late)
        for event in session.scalars(query.order_by(PaymentEvent.id).limit(MOST)):
            came = f"came {_age(now - event.received_at)} ago, tried {event.handle_try} times"
            yield Subject(event.id, f"{event.provider}: {event.kind} ({event.event_id}) {came}")


class ProductBroken:
    """Products that can't be loaded, or lack something that they need."""

    kind, title, happens = "product.broken", "A product can't be sold", False

    def __init__(self, products: Products) -> None:
        self._products = products

    def subjects(self, session: Session, now: datetime) -> Iterator[Subject]:
        for name, problem in self._products.broken.items():
            yield Subject(name, f"{name}: {problem}")
        for product in self._products:
            for check in product.checks():
                if check.problem:
                    line = f"{product.manifest.id}: {check.name}: {check.problem} {check.mend}".strip()
                    yield Subject(f"{product.manifest.id}/{check.name}", line)


class SchemaBehind:
    """The database is not what this release needs."""

    kind, title, happens = "schema.behind", "The database does not fit this release", False

    def __init__(self, database: Database) -> None:
        self._database = database

    def subjects(self, session: Session, now: datetime) -> Iterator[Subject]:
        problem = schema.examine(self._database).problem
        if problem is not None:
            yield Subject("schema", problem.for_operator())


class DiskLow:
    """Nothing new is sold below the floor."""

    kind, title, happens = "disk.low", "The disk is almost full; the shop does not sell", False

    def __init__(self, objects: ObjectStore, floor_mb: int) -> None:
        self._objects, self._floor_mb = objects, floor_mb

    def subjects(self, session: Session, now: datetime) -> Iterator[Subject]:
        if self._objects.free_mb() < self._floor_mb:
            # Without the figure of the moment, which would make every look another subject.
            yield Subject("disk", f"Less than {self._floor_mb} MB are free below {self._objects.root}.")


class FileMissing:
    """Files that are needed and not in the store; what can be made again is, by itself."""

    kind, title, happens = "file.missing", "A file that is needed is not in the store, or not whole", False

    def subjects(self, session: Session, now: datetime) -> Iterator[Subject]:
        held = sa.exists().where(Hold.asset_id == Asset.id)
        query = sa.select(Asset).where(Asset.missing_since.is_not(None), Asset.deleting_at.is_(None), held)
        for asset in session.scalars(query.order_by(Asset.id).limit(MOST)):
            yield Subject(asset.id, f"{asset.file_name} ({asset.key})")


class DeletionFailing:
    """Files that nobody needs any more and that can't be deleted."""

    kind, title, happens = "retention.failing", "A file can't be deleted", False

    def subjects(self, session: Session, now: datetime) -> Iterator[Subject]:
        query = sa.select(Asset).where(Asset.delete_error.is_not(None), Asset.deleted_at.is_(None))
        for asset in session.scalars(query.order_by(Asset.id).limit(MOST)):
            yield Subject(asset.id, f"{asset.file_name}: {asset.delete_error}")


class RedeliveryFailing:
    """A delivery that was to be made good and could not."""

    kind, title, happens = "redelivery.failing", "A delivered file can't be made again", False

    def subjects(self, session: Session, now: datetime) -> Iterator[Subject]:
        later = aliased(Redelivery)
        made_good = sa.exists().where(later.obligation_id == Redelivery.obligation_id, later.id > Redelivery.id)
        failing = sa.or_(Redelivery.open_for.is_not(None) & (Redelivery.tries >= 3), Redelivery.failed_at.is_not(None))
        query = (
            sa.select(Redelivery, Order.number)
            .join(Obligation, Obligation.id == Redelivery.obligation_id)
            .join(Order, Order.id == Obligation.order_id)
            .where(failing, ~made_good, Obligation.money == Money.KEPT, Redelivery.problem.is_not(None))
        )
        for row, number in session.execute(query.order_by(Redelivery.id).limit(MOST)):
            yield Subject(row.id, f"{number}: {row.problem}")


class WorkerSilent:
    """A process that works has ended without saying so, or nobody works at all."""

    kind, title, happens = "worker.silent", "What is paid for may not be worked on", False

    def __init__(self, workers: Callable[[], Iterable[Worker]], lease_seconds: float) -> None:
        self._workers, self._patience = workers, 3 * lease_seconds
        self._nobody_since: datetime | None = None

    def subjects(self, session: Session, now: datetime) -> Iterator[Subject]:
        present = [worker for worker in self._workers() if not worker.dead]
        for worker in present:
            if worker.quiet_seconds > self._patience:
                where = f"{worker.host}, process {worker.process}"
                yield Subject(worker.executor_id, f"The worker {worker.executor_id} ({where}) is silent.")
        if any(worker.quiet_seconds <= self._patience for worker in present):
            self._nobody_since = None
            return
        # A start takes its time: the pages may be there a little before the first worker. Who looks for the first time
        # ends nothing that another process has noted.
        self._nobody_since = self._nobody_since or now
        if _is_open(session, self.kind) or (now - self._nobody_since).total_seconds() > self._patience:
            yield Subject("nobody", "Nobody works: start `makegood serve` or `makegood worker`.")


class Reported:
    """What another part knows: `read` returns pairs of a stable id and a line of text."""

    def __init__(
        self, kind: str, title: str, read: Callable[[], Iterable[tuple[str, str]]], *, happens: bool = False
    ) -> None:
        self.kind, self.title, self.happens, self._read = kind, title, happens, read

    def subjects(self, session: Session, now: datetime) -> Iterator[Subject]:
        for identity, text in self._read():
            yield Subject(identity, text)


def all_conditions(
    settings: Settings, database: Database, objects: ObjectStore, products: Products, providers: Collection[str],
    *more: Condition,
) -> list[Condition]:  # fmt: skip
    """Every condition of a shop."""
    after = timedelta(minutes=settings.alert_after_minutes)
    passes = timedelta(seconds=3 * settings.reconcile_seconds)
    own: list[Condition] = [
        Late(settings.alert_late_share),
        Stuck(settings.alert_stuck_attempts),
        DeadlineRefunded(),
        RefundFailing(after),
        ProvidersDiffer(after),
        ReconciliationBehind(providers, max(after, passes)),
        StrayMoney(),
        Disputed(),
        MailFailed(),
        MailDelayed(after),
        NotificationUnhandled(after),
        ProductBroken(products),
        SchemaBehind(database),
        DiskLow(objects, settings.disk_floor_mb),
        FileMissing(),
        DeletionFailing(),
        RedeliveryFailing(),
    ]
    return [*own, *more]


def _owed(session: Session, *which: sa.ColumnElement[bool]) -> Iterator[tuple[Obligation, str]]:
    query = (
        sa.select(Obligation, Order.number)
        .join(Order, Order.id == Obligation.order_id)
        .where(Obligation.delivery.in_(OPEN_DELIVERY), Obligation.money == Money.KEPT, *which)
        .order_by(Obligation.deadline_at)
        .limit(MOST)
    )
    yield from session.execute(query)


def _is_open(session: Session, kind: str) -> bool:
    """Whether there is an alert of this kind."""
    return bool(session.scalar(sa.select(sa.exists().where(Alert.open_kind == kind))))


def _after_what_was_told(session: Session, kind: str) -> datetime:
    """A moment before which all that happened of this kind has been told."""
    told = sa.select(sa.func.max(Alert.opened_at)).where(Alert.kind == kind, Alert.told_at.is_not(None))
    last = session.scalar(told)
    return datetime.fromisoformat("1970-01-01T00:00:00+00:00") if last is None else last - timedelta(days=1)


def _age(passed: timedelta) -> str:
    """A time that has passed, as a person says it."""
    minutes = int(passed.total_seconds() // 60)
    if minutes < 120:
        return f"{minutes} min"
    return f"{minutes // 60} h" if minutes < 48 * 60 else f"{minutes // 1440} days"
