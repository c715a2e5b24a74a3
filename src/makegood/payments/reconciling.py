"""Reconciliation: the provider's lists against our books, both ways, whether or not anybody notified us."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Session

from makegood.kernel import faults, logs
from makegood.kernel.clock import Clock
from makegood.kernel.database import Database
from makegood.kernel.errors import MakegoodError
from makegood.orders.models import Order
from makegood.orders.states import DisputeState, PaymentState, RefundState
from makegood.payments.books import Books, KnownPayment, Listed, books_of
from makegood.payments.cursors import Cursors, Reading
from makegood.payments.differences import NOT_BOOKED, PAID_HERE_ONLY, Differences
from makegood.payments.findings import Finding, amount
from makegood.payments.models import CountedRefund, Difference, Payment
from makegood.payments.provider import (
    PaymentProvider,
    ProviderDispute,
    ProviderHasNone,
    ProviderPayment,
    ProviderRefund,
    ProviderRefused,
    ProviderUnavailable,
    Stream,
)
from makegood.payments.reversing import Reversing, gone
from makegood.payments.settling import Settling
from makegood.payments.surplus import Surplus

log = logs.get("payments")

MOST_UNANSWERED = 3
"""How many objects may go unanswered before a provider counts as away, which ends the pass."""


@dataclass(slots=True)
class Reconciliation:
    """What one pass looked at and found. `unanswered`: providers that could not be asked, and why."""

    looked_at: dict[str, dict[str, int]] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)
    unanswered: list[str] = field(default_factory=list)

    @property
    def explained(self) -> bool:
        """Whether everything that the providers have is accounted for here, and the other way round."""
        return not self.unanswered and all(finding.explained for finding in self.findings)


class Reconciling:
    """Money without an order, orders without money, other amounts, and refunds and disputes made at the provider. What
    can be made good is; what can't is reported as a `Difference` and never silently changed."""

    def __init__(
        self, database: Database, clock: Clock, providers: dict[str, PaymentProvider], settling: Settling,
        reversing: Reversing, surplus: Surplus,
    ) -> None:  # fmt: skip
        self._database, self._clock, self._providers = database, clock, providers
        self._settling, self._reversing, self._surplus = settling, reversing, surplus
        self._cursors, self._differences = Cursors(database, clock), Differences(database, clock)

    def run(self) -> None:
        """One pass, from where the last one ended."""
        done = self.reconcile()
        for finding in done.findings:
            log.info("reconciliation.found", kind=finding.kind, ref=finding.ref, text=finding.text)
        for problem in done.unanswered:
            log.warning("reconciliation.unanswered", problem=problem)

    def reconcile(self, *, full: bool = False) -> Reconciliation:
        """One pass over every provider; with `full`, over all that they have ever had. Safe beside any other pass."""
        done = Reconciliation()
        for name, provider in self._providers.items():
            done.looked_at[name] = self._with(provider, done, full=full)
        with self._database.read() as session:
            done.findings += [
                self._waiting(payment, refund.due_at) for payment, refund in self._surplus.waiting(session)
            ]
            done.findings += [_finding(difference) for difference in self.differences(session)]
            done.findings += self._too_much(session)
        done.findings = list({(finding.kind, finding.ref): finding for finding in done.findings}.values())
        return done

    def differences(self, session: Session) -> list[Difference]:
        """What still is not explained, the oldest first."""
        query = sa.select(Difference).where(Difference.explained_at.is_(None))
        return list(session.scalars(query.order_by(Difference.found_at)))

    def _with(self, provider: PaymentProvider, done: Reconciliation, *, full: bool) -> dict[str, int]:
        """Read every list. One that can't be read keeps nobody from the others."""
        counts = {}
        listed: set[str] = set()
        begun = self._cursors.begin(provider.name, Stream.PAYMENTS, full=full)
        for stream in Stream:
            reading = self._cursors.begin(provider.name, stream, full=full)
            try:
                counts[stream.value] = self._read(provider, reading, done, listed)
            except MakegoodError as error:
                done.unanswered.append(f"{provider.name}: {stream}: {error.for_operator()}")
        # What a list did not get to is not missing there.
        if Stream.PAYMENTS.value in counts:
            self._compare_unlisted(provider, begun.since, listed, done)
        if len(counts) == len(Stream):
            self._book_again(provider, listed, done)
        return counts

    def _read(self, provider: PaymentProvider, reading: Reading, done: Reconciliation, listed: set[str]) -> int:
        """Go through one list to its end; where a kill interrupts it, the next pass goes on."""
        looked_at, anew = 0, False
        while True:
            try:
                page = provider.list_recent(reading.stream, reading.since, reading.cursor)
            except ProviderRefused:
                if reading.cursor is None or anew:
                    raise
                # The provider has forgotten its own cursor: the reading begins anew, once.
                reading.cursor, anew = None, True
                continue
            looked_at += len(page.items)
            with self._database.read() as session:
                books = books_of(session, provider.name, page.items, self._clock.now())
            problems: dict[str, str] = {}
            unanswered = 0
            for item in page.items:
                listed.add(item.ref)
                try:
                    is_settled = self._item(provider, item, books, done, problems)
                except ProviderUnavailable as error:
                    unanswered += 1
                    if unanswered > MOST_UNANSWERED:
                        raise
                    problems[item.ref], is_settled = error.for_operator()[:500], False
                reading.meet(item.created_at, is_settled=is_settled)
            self._differences.compare(provider, {item.ref: item for item in page.items}, problems)
            faults.reach("reconcile:page")
            self._cursors.advance(reading, page.cursor)
            if page.cursor is None:
                return looked_at

    def _item(
        self, provider: PaymentProvider, item: Listed, books: Books, done: Reconciliation, problems: dict[str, str]
    ) -> bool:
        """Compare one; returns whether it need not be looked at again. What can't be booked is among the `problems`
        and comes again, and keeps nobody from the others."""
        try:
            if isinstance(item, ProviderPayment):
                return self._payment(provider, item, books.payments.get(item.ref), done)
            if isinstance(item, ProviderRefund):
                return self._refund(provider, item, item.ref in books.refunds, done)
            return self._dispute(provider, item, books.disputes.get(item.ref), done)
        except ProviderUnavailable:
            raise
        except Exception as error:
            log.exception("reconciliation.not_booked", provider=provider.name, ref=item.ref)
            said = error.for_operator() if isinstance(error, MakegoodError) else f"{type(error).__name__}: {error}"
            problems[item.ref] = said[:500]
            return False

    def _payment(
        self, provider: PaymentProvider, seen: ProviderPayment, known: KnownPayment | None, done: Reconciliation
    ) -> bool:
        """Compare one payment; returns whether nothing of it can change any more that others don't look after."""
        if known is None:
            payment_id = self._settling.found(provider.name, seen)
            self._tell_new(payment_id, seen, done)
            return seen.final or seen.state == PaymentState.PAID
        payment = known.payment
        if payment.state == PaymentState.PAID:
            if known.differs or _difference(payment, seen, known.returned):
                # The list may have been written before what our books have since heard: asked now, it is not behind.
                self._note(payment, provider.retrieve(seen.ref))
            if seen.refunded_minor + seen.charged_back_minor > known.returned:
                done.findings += self._reversing.look(payment.id)
        elif seen.state == PaymentState.PAID and not known.is_told:
            self._settling.apply(payment.id, seen)
        return True

    def _tell_new(self, payment_id: str | None, seen: ProviderPayment, done: Reconciliation) -> None:
        """Say what a payment is that we had not met under the provider's id of it."""
        if payment_id is None or seen.state != PaymentState.PAID:
            return
        with self._database.read() as session:
            payment = session.scalar(
                sa.select(Payment).where(
                    Payment.provider_ref == seen.ref, Payment.problem.is_not(None), Payment.order_id.is_not(None)
                )
            )
        if payment is not None:
            text = f"{amount(seen.captured_minor, seen.currency)} for an order goes back: {payment.problem}."
            finding = Finding(payment.problem or "", payment.provider, seen.ref, text, payment.id, payment.order_id)
            done.findings.append(finding)

    def _refund(self, provider: PaymentProvider, seen: ProviderRefund, is_counted: bool, done: Reconciliation) -> bool:
        if seen.state == RefundState.FAILED:
            return True
        if not is_counted:
            done.findings += self._look(provider, seen.payment_ref)
        return seen.state == RefundState.SUCCEEDED

    def _dispute(
        self, provider: PaymentProvider, seen: ProviderDispute, state: str | None, done: Reconciliation
    ) -> bool:
        if state != seen.state:
            done.findings += self._look(provider, seen.payment_ref)
        return seen.state != DisputeState.OPEN

    def _look(self, provider: PaymentProvider, payment_ref: str) -> list[Finding]:
        """Count what went back of a payment, which is settled or recorded first if it has not been."""
        with self._database.read() as session:
            payment = session.scalar(
                sa.select(Payment).where(Payment.provider == provider.name, Payment.provider_ref == payment_ref)
            )
        if payment is None or payment.state != PaymentState.PAID:
            payment_id = self._settling.found(provider.name, provider.retrieve(payment_ref))
        else:
            payment_id = payment.id
        return self._reversing.look(payment_id) if payment_id else []

    def _compare_unlisted(
        self, provider: PaymentProvider, since: datetime | None, listed: set[str], done: Reconciliation
    ) -> None:
        """The other way round: ask about what we call paid and the list should have shown, and about what differed."""
        recent = sa.true() if since is None else Payment.created_at >= since
        differed = sa.exists().where(Difference.payment_id == Payment.id, Difference.explained_at.is_(None))
        query = sa.select(Payment).where(
            Payment.provider == provider.name, Payment.state == PaymentState.PAID, Payment.captured_minor > 0,
            sa.or_(recent, differed),
        )  # fmt: skip
        with self._database.read() as session:
            paid = list(session.scalars(query))
        unanswered = 0
        for payment in [payment for payment in paid if (payment.provider_ref or "") not in listed]:
            try:
                self._note(payment, provider.retrieve(payment.provider_ref or ""))
            except ProviderHasNone as error:
                self._note(payment, None, error.for_operator())
            except MakegoodError as error:
                done.unanswered.append(f"{provider.name}: {payment.provider_ref}: {error.for_operator()}")
                unanswered += 1
                if unanswered > MOST_UNANSWERED:
                    return

    def _book_again(self, provider: PaymentProvider, listed: set[str], done: Reconciliation) -> None:
        """What could not be booked, and was on no page that was read now, is looked at by itself: another pass may have
        booked it, or have read past it."""
        query = sa.select(Difference).where(
            Difference.provider == provider.name, Difference.kind == NOT_BOOKED, Difference.explained_at.is_(None)
        )
        with self._database.read() as session:
            waiting = [(row, session.get(Payment, row.payment_id or "")) for row in session.scalars(query)]
        for difference, payment in waiting:
            if difference.ref in listed:
                continue
            with logs.contained(log, "reconciliation.not_booked", provider=provider.name, ref=difference.ref):
                if payment is None or payment.provider_ref == difference.ref:
                    seen = provider.retrieve(difference.ref)
                    with self._database.read() as session:
                        known = books_of(session, provider.name, (seen,), self._clock.now()).payments.get(seen.ref)
                    self._payment(provider, seen, known, done)
                else:
                    done.findings += self._look(provider, payment.provider_ref or "")
                with self._database.write() as session:
                    self._differences.explain(session, provider.name, NOT_BOOKED, difference.ref)

    def _note(self, payment: Payment, seen: ProviderPayment | None, problem: str = "") -> None:
        """Keep a difference, once, or mark it explained. Our books stay as they are."""
        of_it = (payment.provider, PAID_HERE_ONLY, payment.provider_ref or "")
        with self._database.write() as session:
            text = _difference(payment, seen, gone(session, payment.id)) if seen else problem
            if text:
                self._differences.keep(session, *of_it, text, payment)
            else:
                self._differences.explain(session, *of_it)

    def _too_much(self, session: Session) -> list[Finding]:
        """Refunds that gave back more than their payment had left: no state of ours can hold them."""
        query = sa.select(CountedRefund, Payment).join(Payment).where(CountedRefund.unplaced_minor > 0)
        return [
            Finding(
                "MORE_WENT_BACK_THAN_WAS_THERE", counted.provider, counted.ref,
                f"{amount(counted.unplaced_minor, counted.currency)} more went back than its payment had left.",
                payment.id, payment.order_id, explained=False,
            )
            for counted, payment in session.execute(query)
        ]  # fmt: skip

    def _waiting(self, payment: Payment, due_at: datetime | None) -> Finding:
        money = amount(payment.captured_minor, payment.currency)
        when = f"at {due_at:%Y-%m-%d %H:%M} UTC" if due_at and due_at > self._clock.now() else "now"
        text = f"{money} belongs to no order of ours and goes back {when}."
        return Finding("NO_ORDER", payment.provider, payment.provider_ref or "", text, payment.id)


def _difference(payment: Payment, seen: ProviderPayment, returned: int) -> str:
    """In what the provider contradicts what we call paid; empty if in nothing."""
    ours, theirs = amount(payment.captured_minor, payment.currency), amount(seen.captured_minor, seen.currency)
    if seen.state != PaymentState.PAID:
        return f"We say that {ours} was paid; {payment.provider} says {seen.state}."
    if ours != theirs:
        return f"We say that {ours} was paid; {payment.provider} says {theirs}."
    if returned > seen.refunded_minor + seen.charged_back_minor:
        back = amount(seen.refunded_minor + seen.charged_back_minor, seen.currency)
        return f"We say that {amount(returned, seen.currency)} went back; {payment.provider} says {back}."
    return ""


def _finding(difference: Difference) -> Finding:
    return Finding(
        difference.kind, difference.provider, difference.ref, difference.text, difference.payment_id,
        difference.order_id, explained=False,
    )  # fmt: skip


def order_numbers(session: Session, findings: Iterable[Finding]) -> dict[str, str]:
    """The orders' numbers by their ids, for whoever shows findings."""
    wanted = {finding.order_id for finding in findings if finding.order_id}
    query = sa.select(Order.id, Order.number).where(Order.id.in_(wanted))
    return dict(session.execute(query).all()) if wanted else {}
