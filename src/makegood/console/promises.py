"""The start page: who is owed what, since when, and why it is not there yet."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

import sqlalchemy as sa
from fastapi import APIRouter, Request
from fastapi.responses import Response
from sqlalchemy.orm import Session

from makegood.console import lists
from makegood.console.access import Viewer
from makegood.console.lists import Column, Filter, Kind, Listing, Tag
from makegood.kernel.audit import AuditEvent
from makegood.kernel.money import Money
from makegood.orders.models import Obligation, Order, OrderLine, Unit
from makegood.orders.states import OPEN_DELIVERY
from makegood.orders.states import Money as MoneyState
from makegood.payments.debts import Debt, owed_back
from makegood.web.services import services

router = APIRouter(include_in_schema=False)

LATE_AFTER = 0.5
"""The share of its time, from payment to deadline, after which what is owed counts as late."""
STUCK_AFTER = 3
"""How many attempts have to end in the same error."""


class Trouble(StrEnum):
    """What keeps something from its rest, worst first."""

    DISPUTED = "disputed"
    REFUND_FAILING = "refund failing"
    STUCK = "stuck"
    LATE = "late"
    REFUNDING = "refunding"
    OWED = "owed"


AT_RISK = (Trouble.DISPUTED, Trouble.REFUND_FAILING, Trouble.STUCK, Trouble.LATE)
"""Where money may be lost, or has been taken for nothing so far."""
GOING_BACK = (Trouble.REFUNDING, Trouble.REFUND_FAILING)
WAITING = {
    "owed": "waits for a worker",
    "making": "is being made",
    "made": "made and checked, is being handed over",
}
ASKED = "waits for the provider"
TOO_LONG = "takes too long, though nobody has refused it"


@dataclass(frozen=True, slots=True)
class Owed:
    """One obligation that is not at rest, or other money that is owed back. `about` says what of the unit it is, or
    what it is without one; `waits` for what, if nothing went wrong."""

    number: str | None
    unit_id: str | None
    about: str
    attempt: int
    owed_at: datetime
    deadline_at: datetime | None
    error_code: str | None
    error_text: str | None
    amount: Money
    trouble: Trouble
    waits: str


def owed(session: Session, now: datetime) -> list[Owed]:
    """Everything that is not at rest. All of it: what is open at one time fits into memory."""
    is_open = sa.and_(Obligation.delivery.in_(OPEN_DELIVERY), Obligation.money == MoneyState.KEPT)
    query = (
        sa.select(Obligation, Order.number, Order.currency)
        .join(Order, Order.id == Obligation.order_id)
        .where(sa.or_(is_open, Obligation.money == MoneyState.DISPUTED))
    )
    stuck = _stuck(session)
    found = [
        Owed(
            number, row.unit_id, "", row.attempt, row.owed_at, row.deadline_at, row.error_code, row.error_text,
            Money(row.allocated_minor - row.returned_minor, currency), _trouble(row, now, row.id in stuck),
            WAITING.get(row.delivery, ""),
        )
        for row, number, currency in session.execute(query)
    ]  # fmt: skip
    return found + [_going_back(debt, now) for debt in owed_back(session)]


def _going_back(debt: Debt, now: datetime) -> Owed:
    is_failing, unit, refund = debt.is_failing(now), debt.obligation, debt.refund
    trouble = Trouble.REFUND_FAILING if is_failing else Trouble.REFUNDING
    waits = TOO_LONG if is_failing else ASKED if debt.since <= now else f"goes back at {debt.since:%Y-%m-%d %H:%M} UTC"
    if unit is not None and debt.is_whole:
        code, text = (None, debt.error) if debt.error else (unit.error_code, unit.error_text)
        return Owed(
            debt.number, unit.unit_id, "", unit.attempt, unit.owed_at, unit.deadline_at, code, text, debt.amount,
            trouble, waits,
        )  # fmt: skip
    about = "a part of its money" if unit else f"money that bought nothing, {debt.payment.provider_ref}: {debt.reason}"
    tries, asked_at = (refund.tries, refund.created_at) if refund else (0, debt.since)
    return Owed(
        debt.number, unit.unit_id if unit else None, about, tries, asked_at, None, None, debt.error, debt.amount,
        trouble, waits,
    )  # fmt: skip


def _trouble(row: Obligation, now: datetime, is_stuck: bool) -> Trouble:
    if row.money == MoneyState.DISPUTED:
        return Trouble.DISPUTED
    if is_stuck:
        return Trouble.STUCK
    late_at = row.owed_at + (row.deadline_at - row.owed_at) * LATE_AFTER
    return Trouble.LATE if now >= late_at else Trouble.OWED


def _stuck(session: Session) -> set[str]:
    """The open obligations of which several attempts ended in the error that they have now."""
    query = (
        sa.select(Obligation.id)
        .join(AuditEvent, AuditEvent.subject == Obligation.id)
        .where(Obligation.delivery.in_(OPEN_DELIVERY), Obligation.money == MoneyState.KEPT)
        .where(Obligation.attempt > STUCK_AFTER, AuditEvent.event == "obligation.attempt_failed")
        .where(AuditEvent.data["code"].as_string() == Obligation.error_code)
        .group_by(Obligation.id)
        .having(sa.func.count() >= STUCK_AFTER)
    )
    return set(session.scalars(query))


def sums(amounts: Iterable[Money]) -> list[Money]:
    """The amounts added up, by currency; nothing is left out, zero neither."""
    by_currency: dict[str, int] = defaultdict(int)
    for amount in amounts:
        by_currency[amount.currency] += amount.minor
    return [Money(minor, currency) for currency, minor in sorted(by_currency.items())]


@dataclass(frozen=True, slots=True)
class Tile:
    """One figure on top of the page; `risk` when money is at risk in it."""

    label: str
    count: int
    amounts: Sequence[Money]
    href: str
    risk: bool = False


def tiles(found: Sequence[Owed]) -> list[Tile]:
    """The figures of the day."""

    def tile(label: str, troubles: Sequence[Trouble], show: str, *, risk: bool = False) -> Tile:
        mine = [each.amount for each in found if each.trouble in troubles]
        return Tile(label, len(mine), sums(mine), f"/console?show={show}", risk and bool(mine))

    return [
        tile("Money at risk", AT_RISK, "risk", risk=True),
        tile("Owed", (Trouble.OWED, Trouble.LATE, Trouble.STUCK), "owed"),
        tile("Late", (Trouble.LATE,), "late", risk=True),
        tile("Stuck", (Trouble.STUCK,), "stuck", risk=True),
        tile("Refunds open", GOING_BACK, "refunding"),
        tile("Disputed", (Trouble.DISPUTED,), "disputed", risk=True),
    ]


SHOWN = {
    "risk": AT_RISK,
    "owed": (Trouble.OWED, Trouble.LATE, Trouble.STUCK),
    "late": (Trouble.LATE,),
    "stuck": (Trouble.STUCK,),
    "refunding": GOING_BACK,
    "disputed": (Trouble.DISPUTED,),
}
FILTERS = (
    Filter(
        "show", "Show",
        (("", "everything open"), ("risk", "money at risk"), ("owed", "owed"), ("late", "late"), ("stuck", "stuck"),
         ("refunding", "money going back"), ("disputed", "disputed")),
    ),
    Filter("error", "Error code contains"),
)  # fmt: skip
COLUMNS = (
    Column("order", "Order", Kind.ORDER),
    Column("what", "What"),
    Column("trouble", "State", Kind.TAG, "trouble"),
    Column("amount", "Amount", Kind.MONEY, "amount"),
    Column("since", "Owed since", Kind.MOMENT, "since"),
    Column("deadline", "Deadline", Kind.MOMENT, "deadline"),
    Column("attempt", "Attempt", Kind.NUMBER, "attempt"),
    Column("why", "Why", Kind.TEXT),
)
SORTS: dict[str, Any] = {
    "trouble": lambda o: (list(Trouble).index(o.trouble), o.owed_at),
    "amount": lambda o: (o.amount.currency, o.amount.minor),
    "since": lambda o: o.owed_at,
    "deadline": lambda o: (o.deadline_at is None, o.deadline_at or o.owed_at),
    "attempt": lambda o: o.attempt,
}
TONES = dict.fromkeys(AT_RISK, "risk") | {Trouble.REFUNDING: "notice"}


@router.get("/console")
def promises(request: Request, who: Viewer) -> Response:
    """Who is owed what."""
    shop, wanted = services(request), lists.read(request, FILTERS, tuple(SORTS), "trouble")
    now = shop.clock.now()
    with shop.database.read() as session:
        everything = owed(session, now)
        chosen = [each for each in everything if _is_shown(each, wanted)]
        chosen.sort(key=SORTS[wanted.sort.lstrip("-")], reverse=wanted.descending)
        rows = _rows(session, lists.page_of(chosen, wanted))
    empty = (
        "Nothing is open: everything that was paid for is delivered and kept, or its money is back."
        if not everything
        else "Nothing open looks like this."
    )
    listing = Listing("promises", COLUMNS, FILTERS, rows, len(chosen), wanted, empty)
    return lists.answer(request, who, "promises.html", listing, tiles=tiles(everything))


def _is_shown(each: Owed, wanted: lists.Wanted) -> bool:
    show, error = wanted.filters["show"], wanted.filters["error"].casefold()
    return each.trouble in SHOWN.get(show, tuple(Trouble)) and error in (each.error_code or "").casefold()


def _rows(session: Session, shown: Sequence[Owed]) -> list[dict[str, Any]]:
    about = _units(session, [each.unit_id for each in shown if each.unit_id])
    return [
        {
            "order": each.number,
            "what": ": ".join(part for part in (about.get(each.unit_id or ""), each.about) if part),
            "trouble": Tag(each.trouble, TONES.get(each.trouble, "")),
            "amount": each.amount,
            "since": each.owed_at,
            "deadline": each.deadline_at,
            "attempt": each.attempt,
            "why": _why(each),
        }
        for each in shown
    ]


def _units(session: Session, unit_ids: Sequence[str]) -> dict[str, str]:
    """What each of these units is."""
    found: dict[str, str] = {}
    for part in range(0, len(unit_ids), 500):
        query = (
            sa.select(Unit.id, OrderLine.description, Unit.unit_no, OrderLine.quantity)
            .join(OrderLine, OrderLine.id == Unit.order_line_id)
            .where(Unit.id.in_(unit_ids[part : part + 500]))
        )
        for unit_id, description, unit_no, quantity in session.execute(query):
            found[unit_id] = f"{description} ({unit_no} of {quantity})" if quantity > 1 else description
    return found


def _why(each: Owed) -> str:
    if each.trouble == Trouble.DISPUTED:
        return "waits for the customer's bank"
    return ": ".join(part for part in (each.error_code, each.error_text) if part) or each.waits
