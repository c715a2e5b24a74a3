"""The console's pages: the frame around them, and how moments, ages and durations are written in it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from starlette.requests import Request
from starlette.responses import HTMLResponse

from makegood.accounts.operator_sign_in import ActingOperator
from makegood.kernel.money import Money
from makegood.web.services import Services
from makegood.web.templating import environment

HERE = Path(__file__).parent

STATES = {
    "awaiting_payment": "waiting for payment",
    "in_progress": "in progress",
    "delivered": "delivered",
    "partly_delivered": "partly delivered",
    "refunded": "refunded",
    "cancelled": "cancelled",
}


@dataclass(frozen=True, slots=True)
class Tab:
    """A page of the console in its navigation."""

    href: str
    label: str


class ConsolePages:
    """Renders the console's pages. One per application."""

    def __init__(self, shop: Services) -> None:
        self._shop = shop
        self._environment = environment([HERE / "templates"], shop.settings.shop_name)
        self._environment.globals.update(env=shop.settings.env)
        self._environment.filters.update(
            age=lambda moment: spoken_age(moment - shop.clock.now()),
            exact=lambda moment: f"{moment:%Y-%m-%d %H:%M:%S}",
            clock=lambda moment: f"{moment:%H:%M:%S}.{moment.microsecond // 1000:03d}",
            duration=spoken_duration,
            order_state=lambda state: STATES[state],
            sum=lambda money: money.format() if isinstance(money, Money) else str(money),
            pretty=lambda value: json.dumps(value, indent=1, ensure_ascii=False, default=str),
        )

    def page(
        self, request: Request, template: str, who: ActingOperator | None, status: int = 200, **values: Any
    ) -> HTMLResponse:
        """The template as an answer, for `who`."""
        html = self._environment.get_template(template).render(
            path=request.url.path, who=who, tabs=self._tabs(who) if who else (), **values
        )
        return HTMLResponse(html, status)

    def now(self) -> datetime:
        """The shop's business time."""
        return self._shop.clock.now()

    def _tabs(self, who: ActingOperator) -> list[Tab]:
        tabs = [
            Tab("/console", "Promises"),
            Tab("/console/orders", "Orders"),
            Tab("/console/refunds", "Refunds"),
            Tab("/console/inbox", "Payment inbox"),
            Tab("/console/dead-letters", "Dead letters"),
            Tab("/console/workers", "Workers"),
            Tab("/console/health", "Health"),
            Tab("/console/audit", "Audit log"),
        ]
        if who.role == "owner":
            tabs.append(Tab("/console/operators", "Operators"))
        return tabs


def pages_of(request: Request) -> ConsolePages:
    """The renderer of the application that this request came to."""
    found = request.app.state.console
    if not isinstance(found, ConsolePages):
        raise TypeError("the console was not installed by makegood.console.install")
    return found


def spoken_age(distance: timedelta) -> str:
    """How far away a moment is: `3 min ago`, `in 2 h`, `now`."""
    seconds = abs(distance.total_seconds())
    if seconds < 1:
        return "now"
    said = _rounded(seconds)
    return f"in {said}" if distance > timedelta() else f"{said} ago"


def spoken_duration(seconds: float | None) -> str:
    """A duration: `12 ms`, `1.5 s`, `3 min 20 s`, `2 h 5 min`, `4 d 3 h`."""
    if seconds is None:
        return ""
    if seconds < 1:
        return f"{max(0, round(seconds * 1000))} ms"
    if seconds < 60:
        return f"{seconds:.2f} s" if seconds < 10 else f"{seconds:.1f} s"
    whole = round(seconds)
    for size, name, small, small_name in ((86400, "d", 3600, "h"), (3600, "h", 60, "min"), (60, "min", 1, "s")):
        if whole >= size:
            rest = whole % size // small
            return f"{whole // size} {name} {rest} {small_name}" if rest else f"{whole // size} {name}"
    return f"{whole} s"


def _rounded(seconds: float) -> str:
    for size, name in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds >= size:
            return f"{seconds / size:.0f} {name}"
    return f"{seconds:.0f} s"
