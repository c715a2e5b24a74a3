"""Dead letters: what the shop has tried and could not do by itself so far, each with a way to try again."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from fastapi import APIRouter, Request
from fastapi.responses import RedirectResponse, Response
from sqlalchemy.orm import Session

from makegood.accounts.operator_models import Role
from makegood.console import lists
from makegood.console.access import Acting, Viewer
from makegood.console.lists import Button, Column, Filter, Kind, Listing, Tag
from makegood.kernel.money import Money
from makegood.notify.models import Mail, MailState
from makegood.orders.models import Order
from makegood.payments.debts import Debt, owed_back
from makegood.payments.models import Difference, Payment, PaymentEvent
from makegood.payments.surplus import Surplus
from makegood.web.services import services

router = APIRouter(include_in_schema=False)

TAKES_LONG = "Nobody has refused it, and it takes too long: see whether somebody works."
UNHANDLED_AFTER_TRIES = 2
"""A notification that is in its first try is no dead letter yet."""
FILTERS = (
    Filter(
        "kind",
        "Show",
        (
            ("", "all"),
            ("mail", "mails"),
            ("event", "notifications"),
            ("refund", "refunds"),
            ("stray", "stray money"),
            ("books", "books that differ"),
        ),
    ),
    Filter("q", "Problem, recipient or order contains"),
)
COLUMNS = (
    Column("kind", "Kind", Kind.TAG, "kind"),
    Column("what", "What"),
    Column("order", "Order", Kind.ORDER),
    Column("since", "Since", Kind.MOMENT, "since"),
    Column("tries", "Tries", Kind.NUMBER, "tries"),
    Column("problem", "Problem"),
)
SORTS: dict[str, Any] = {
    "kind": lambda row: row["kind"].text,
    "since": lambda row: row["since"],
    "tries": lambda row: row["tries"] or 0,
}
DONE = {
    "retried": "It is being tried again. If it can't be done, it comes back here.",
    "faster": "Nothing was changed: it is no longer waiting, or somebody was faster.",
}


@router.get("/console/dead-letters")
def dead_letters(request: Request, who: Viewer) -> Response:
    """What failed and waits for somebody."""
    shop, wanted = services(request), lists.read(request, FILTERS, tuple(SORTS), "since")
    now = shop.clock.now()
    with shop.database.read() as session:
        everything = [
            *_mails(session), *_events(session), *_refunds(session, now), *_strays(session, shop.surplus, now),
            *_differences(session),
        ]  # fmt: skip
    text = wanted.filters["q"].casefold()
    chosen = [
        row
        for row in everything
        if wanted.filters["kind"] in ("", row["is"])
        and text in f"{row['what']} {row['problem']} {row['order'] or ''}".casefold()
    ]
    chosen.sort(key=SORTS[wanted.sort.lstrip("-")], reverse=wanted.descending)
    empty = "Nothing is dead: every mail, notification and refund has found its way or is on it."
    if everything:
        empty = "No dead letter looks like this."
    shown = lists.page_of(chosen, wanted)
    listing = Listing("dead-letters", COLUMNS, FILTERS, shown, len(chosen), wanted, empty)
    return lists.answer(
        request, who, "list.html", listing, heading="Dead letters", may_act=who.may(Role.OPERATOR),
        done=DONE.get(request.query_params.get("done", ""), ""),
    )  # fmt: skip


@router.post("/console/dead-letters/mail/{mail_id}")
def retry_mail(request: Request, who: Acting, mail_id: str) -> Response:
    """Send a failed mail again."""
    return _back(services(request).mailer.retry(mail_id, who.email))


@router.post("/console/dead-letters/event/{row_id}")
def retry_event(request: Request, who: Acting, row_id: str) -> Response:
    """Handle a notification again."""
    return _back(services(request).inbox.replay(row_id, who.email))


@router.post("/console/dead-letters/refund/{refund_id}")
def retry_refund(request: Request, who: Acting, refund_id: str) -> Response:
    """Ask the provider for a refund again."""
    return _back(services(request).refunding.retry(refund_id, who.email))


@router.post("/console/dead-letters/stray/{payment_id}")
def release(request: Request, who: Acting, payment_id: str) -> Response:
    """Give stray money back now, before its window is over."""
    shop = services(request)
    with shop.database.write() as session:
        done = shop.surplus.release(session, payment_id, who.email)
    return _back(done)


def _back(done: bool) -> Response:
    return RedirectResponse(f"/console/dead-letters?done={'retried' if done else 'faster'}", 303)


def _mails(session: Session) -> list[dict[str, Any]]:
    query = (
        sa.select(Mail, Order.number)
        .join(Order, Order.id == Mail.order_id, isouter=True)
        .where(Mail.state == MailState.FAILED)
    )
    return [
        {
            "is": "mail",
            "kind": Tag("mail", "notice"),
            "what": f"“{mail.subject}” to {mail.to}",
            "order": number,
            "since": mail.created_at,
            "tries": mail.tries,
            "problem": mail.last_error or "",
            "button": Button("Send again", f"/console/dead-letters/mail/{mail.id}", f"the mail to {mail.to}"),
        }
        for mail, number in session.execute(query)
    ]


def _events(session: Session) -> list[dict[str, Any]]:
    payment_of = sa.and_(Payment.provider == PaymentEvent.provider, Payment.provider_ref == PaymentEvent.provider_ref)
    query = (
        sa.select(PaymentEvent, Order.number)
        .join(Payment, payment_of, isouter=True).join(Order, Order.id == Payment.order_id, isouter=True)
        .where(PaymentEvent.handled_at.is_(None), PaymentEvent.handle_try >= UNHANDLED_AFTER_TRIES)
    )  # fmt: skip
    return [
        {
            "is": "event",
            "kind": Tag("notification", "notice"),
            "what": f"{event.kind} from {event.provider} ({event.event_id})",
            "order": number,
            "since": event.received_at,
            "tries": event.handle_try,
            "problem": "It could not be handled so far; the log says why.",
            "button": Button("Replay", f"/console/dead-letters/event/{event.id}", f"the notification {event.event_id}"),
        }
        for event, number in session.execute(query)
    ]


def _refunds(session: Session, now: datetime) -> list[dict[str, Any]]:
    return [
        {
            "is": "refund",
            "kind": Tag("refund", "risk"),
            "what": f"{debt.amount.format()} that should go back: {debt.reason}",
            "order": debt.number,
            "since": debt.since,
            "tries": debt.refund.tries if debt.refund else 0,
            "problem": debt.error or TAKES_LONG,
            "button": _try_again(debt),
        }
        for debt in owed_back(session)
        if debt.is_failing(now)
    ]


def _try_again(debt: Debt) -> Button | None:
    if debt.refund is None:
        return None
    about = f"the refund for {debt.number or debt.payment.provider_ref}"
    return Button("Try again", f"/console/dead-letters/refund/{debt.refund.id}", about)


def _strays(session: Session, surplus: Surplus, now: datetime) -> list[dict[str, Any]]:
    return [
        {
            "is": "stray",
            "kind": Tag("stray money", "risk"),
            "what": f"{Money(refund.amount_minor, refund.currency).format()} that belongs to no order, from "
            f"{payment.provider} ({payment.provider_ref})",
            "order": None,
            "since": refund.created_at,
            "tries": refund.tries,
            **_goes_back(payment, refund.due_at, now),
        }
        for payment, refund in surplus.waiting(session)
    ]


def _differences(session: Session) -> list[dict[str, Any]]:
    query = (
        sa.select(Difference, Order.number)
        .join(Order, Order.id == Difference.order_id, isouter=True)
        .where(Difference.explained_at.is_(None))
    )
    return [
        {
            "is": "books",
            "kind": Tag("books differ", "risk"),
            "what": f"{difference.provider}'s books and ours, of {difference.ref}",
            "order": number,
            "since": difference.found_at,
            # It is compared for ever, and nobody counts how often.
            "tries": None,
            "problem": difference.text,
            # Reconciliation compares again by itself, and ends it when both say the same.
            "button": None,
        }
        for difference, number in session.execute(query)
    ]


def _goes_back(payment: Payment, due_at: datetime | None, now: datetime) -> dict[str, Any]:
    """When, and how that is hastened while there is still something to hasten."""
    if due_at is None or due_at <= now:
        return {"problem": "It goes back now.", "button": None}
    about = f"the stray payment {payment.provider_ref}"
    return {
        "problem": f"It goes back by itself at {due_at:%Y-%m-%d %H:%M} UTC, unless you find whose it is.",
        "button": Button("Give back now", f"/console/dead-letters/stray/{payment.id}", about),
    }
