"""Where an order's time went: every step from the click to the download as a span, from the audit log and the rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from makegood.kernel.audit import AuditEvent

WIDTH = 1000
"""Units of a bar's whole length."""
STILL_VISIBLE = 4

STEP_LABELS = {"secure": "checks the inputs", "verify": "reads the result back and checks it"}
ENDINGS = ("obligation.attempt_failed", "obligation.restarted", "obligation.delivered", "obligation.refunding")


@dataclass(frozen=True, slots=True)
class Span:
    """Something that took from `began` to `ended` (None: still goes on). `tone` is `work`, `wait` or `fail`."""

    label: str
    began: datetime
    ended: datetime | None
    tone: str = "work"
    note: str = ""

    def seconds(self, now: datetime) -> float:
        """How long it took, or has been taking until now."""
        return max(0.0, ((self.ended or now) - self.began).total_seconds())


@dataclass(frozen=True, slots=True)
class Bar:
    """A span drawn to the scale of its phase: `left` and `width` are parts of 1000."""

    span: Span
    seconds: float
    left: int
    width: int


@dataclass(frozen=True, slots=True)
class Phase:
    """A part of the order's way, with its spans on one scale."""

    name: str
    explanation: str
    seconds: float
    bars: Sequence[Bar]


def phase(name: str, explanation: str, spans: Sequence[Span], now: datetime) -> Phase | None:
    """The spans on one scale; None if there are none."""
    if not spans:
        return None
    began = min(span.began for span in spans)
    whole = max((span.ended or now) for span in spans) - began
    scale = WIDTH / max(whole.total_seconds(), 0.001)
    bars = []
    for span in sorted(spans, key=lambda each: (each.began, each.ended or now)):
        seconds = span.seconds(now)
        width = min(WIDTH, max(STILL_VISIBLE, round(seconds * scale)))
        left = min(WIDTH - width, round((span.began - began).total_seconds() * scale))
        bars.append(Bar(span, seconds, max(0, left), width))
    return Phase(name, explanation, whole.total_seconds(), bars)


def until_paid(
    story: Sequence[AuditEvent], placed: datetime, paid: datetime | None, told: datetime | None, closed: datetime | None
) -> list[Span]:
    """From the click on “pay” to the booked payment. `told` is when the provider's notification came in."""
    asked = next((event.at for event in story if event.event == "payment.requested"), None)
    spans = [Span("asks the provider for a payment page", placed, asked or paid or closed, "work")]
    if asked is None:
        return spans
    knew = told if told and paid and asked <= told <= paid else None
    spans.append(Span("the customer pays at the provider", asked, knew or paid or closed, "wait"))
    if knew:
        spans.append(Span("asks the provider what was paid, and books it", knew, paid, "work"))
    return spans


def making(own: Sequence[AuditEvent], owed_at: datetime, labels: Mapping[str, str]) -> list[Span]:
    """One obligation's attempts, step by step, with the waits between. `own` are its audit events, oldest first."""
    spans: list[Span] = []
    since, label, tone = owed_at, "waits for a worker", "wait"
    for event in own:
        if event.event == "obligation.claimed":
            spans.append(Span(label, since, event.at, tone))
            since, label, tone = event.at, "gets ready", "work"
        elif event.event == "step.began":
            spans.append(Span(label, since, event.at, tone))
            step = str(event.data.get("step", ""))
            since, label, tone = event.at, {**labels, **STEP_LABELS}.get(step, step), "work"
        elif event.event == "artefact.verified":
            spans.append(Span(label, since, event.at, tone))
            since, label, tone = event.at, "hands it over", "work"
        elif event.event in ENDINGS and label:
            failed = event.event == "obligation.attempt_failed"
            code = str(event.data.get("code") or "") if failed else ""
            spans.append(Span(label, since, event.at, "fail" if failed else tone, code))
            if not failed and event.event != "obligation.restarted":
                return spans
            since, label, tone = event.at, f"pauses before attempt {_next(event)}", "wait"
    spans.append(Span(label, since, None, tone))
    return spans


def _next(event: AuditEvent) -> int:
    attempt = event.data.get("attempt")
    return attempt + 1 if isinstance(attempt, int) else 2


@dataclass(frozen=True, slots=True)
class Attempt:
    """One attempt at an obligation and how it ended."""

    number: int
    began: datetime
    ended: datetime | None
    outcome: str
    code: str
    text: str


OUTCOMES = {
    "obligation.attempt_failed": "failed",
    "obligation.restarted": "lost its worker, or was begun again by an operator",
    "obligation.delivered": "delivered",
    "obligation.refunding": "ended by a refund",
}


def attempts(own: Sequence[AuditEvent]) -> list[Attempt]:
    """Every attempt that was begun, oldest first."""
    found: list[Attempt] = []
    number, began = 0, None
    for event in own:
        if event.event == "obligation.claimed":
            if began is not None:
                found.append(Attempt(number, began, event.at, "was taken over", "", ""))
            number, began = int(event.data.get("attempt", number + 1)), event.at
        elif event.event in OUTCOMES and began is not None:
            code, text = str(event.data.get("code") or ""), str(event.data.get("text") or "")
            found.append(Attempt(number, began, event.at, OUTCOMES[event.event], code, text))
            began = None
    if began is not None:
        found.append(Attempt(number, began, None, "is being worked on", "", ""))
    return found
