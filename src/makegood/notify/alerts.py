"""Operator alerts: conditions are looked at, what they find is one row of its kind, and apprise carries it outside.

A row counts as told only after an address has accepted the message, so a kill in between may repeat one and loses
none. Addresses that refuse it are asked again, and keep no other from hearing what comes later.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Protocol

import apprise
import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from makegood.kernel import audit, faults, logs
from makegood.kernel.clock import Clock
from makegood.kernel.database import Database
from makegood.kernel.ids import new_id
from makegood.kernel.settings import Settings
from makegood.notify.alert_models import Alert

log = logs.get("notify")

LEASE = timedelta(minutes=2)
MOST_LINES = 30
"""How many subjects one message names; it counts them all."""
GIVE_UP = timedelta(days=7)
"""How long an address is asked to take what others have taken."""
UNSEEN = "conditions"
OVER = "over:"


@dataclass(frozen=True, slots=True)
class Subject:
    """One thing that an alert is about: a stable id, and one line of text for a person."""

    id: str
    text: str


class Condition(Protocol):
    """Something that an operator has to know of. `kind` is stable. What `happens` is told once and is not over later;
    other conditions last and end."""

    kind: str
    title: str
    happens: bool

    def subjects(self, session: Session, now: datetime) -> Iterable[Subject]:
        """What it concerns now; of what happens, all that may not have been told."""
        ...


class Alerts:
    """Looks, tells, repeats rarely, and says when it is over."""

    def __init__(self, database: Database, clock: Clock, settings: Settings, conditions: Sequence[Condition]) -> None:
        self._database, self._clock, self._conditions = database, clock, conditions
        self._urls = [url.strip() for url in settings.alert_urls.split(",") if url.strip()]
        self._repeat = timedelta(hours=settings.alert_repeat_hours)
        self._shop = settings.shop_name

    @property
    def has_addresses(self) -> bool:
        """Whether anybody is told outside of the shop."""
        return bool(self._urls)

    def run(self) -> None:
        """Look at every condition, then tell what is to be told."""
        self.look()
        self.tell()

    def look(self) -> None:
        """Bring the rows to what the conditions find. A condition that can't be looked at is itself an alert."""
        unseen = []
        for condition in self._conditions:
            try:
                with self._database.read() as session:
                    found = list(condition.subjects(session, self._clock.now()))
            except Exception as error:
                log.exception("alert.unseen", kind=condition.kind)
                unseen.append(Subject(condition.kind, f"{condition.title}: {type(error).__name__}: {error}"[:300]))
                continue
            self._note(condition.kind, condition.title, found, happens=condition.happens)
        self._note(UNSEEN, "The shop can't look after itself", unseen, happens=False)

    def tell(self) -> None:
        """Send what was not told, what is to be repeated, and what is over. Who refuses it is asked again, and keeps
        nobody else from hearing it."""
        if not self._urls:
            return
        now = self._clock.now()
        with self._database.read() as session:
            rows = list(session.scalars(sa.select(Alert).where(Alert.end_told_at.is_(None)).order_by(Alert.opened_at)))
            due = [row for row in rows if self._reached(session, row, now) is not None]
        for row in due:
            claimed = self._claim(row)
            if claimed is not None:
                self._send(*claimed)

    def _note(self, kind: str, title: str, found: list[Subject], *, happens: bool) -> None:
        now, listed = self._clock.now(), [asdict(subject) for subject in found]
        try:
            with self._database.write() as session:
                row = session.scalar(sa.select(Alert).where(Alert.open_kind == kind).with_for_update())
                if happens:
                    listed = _untold(session, kind, row, listed)
                if row is None and listed:
                    session.add(
                        Alert(
                            id=new_id(), kind=kind, open_kind=kind, title=title, subjects=listed, opened_at=now,
                            seen_at=now, told_subjects=[], reached=[],
                        )
                    )  # fmt: skip
                    audit.record(session, self._clock, "alert.opened", kind, subjects=len(listed))
                elif row is not None and listed:
                    row.subjects, row.seen_at, row.title = listed, now, title
                elif row is not None and not happens:
                    row.open_kind, row.ended_at = None, now
                    audit.record(session, self._clock, "alert.ended", kind)
        except IntegrityError:
            # Another process opened it at the same moment.
            log.info("alert.known", kind=kind)

    def _reached(self, session: Session, row: Alert, now: datetime) -> set[str] | None:
        """The marks of who has heard what is to be told now; nobody yet, if it is a new message. None: nothing is."""
        has_happened = _happens(self._conditions, row.kind)
        phase = _phase(row, has_happened)
        reached = {mark for mark in row.reached if mark.startswith(phase)}
        if row.told_at is None:
            # One message for many: what goes on happening is told together, after a while.
            told = sa.select(sa.func.max(Alert.told_at)).where(Alert.kind == row.kind)
            last = session.scalar(told) if has_happened else None
            return set() if last is None or now - last >= self._repeat else None
        if row.ended_at is None and now - row.told_at >= self._repeat:
            return set()
        if reached or (row.ended_at is not None and not has_happened):
            return reached
        return None

    def _claim(self, row: Alert) -> tuple[Alert, set[str]] | None:
        """The row as it is now, and who has heard it, for the one of several processes that sends; a lease that a
        killed one left ends by itself."""
        now = self._clock.now()
        with self._database.write() as session:
            claimed = session.execute(
                sa.update(Alert)
                .where(Alert.id == row.id, sa.or_(Alert.telling_until.is_(None), Alert.telling_until < now))
                .where(Alert.end_told_at.is_(None), Alert.told_at.is_not_distinct_from(row.told_at))
                .values(telling_until=now + LEASE)
            )
            if claimed.rowcount != 1:  # type: ignore[attr-defined]
                return None
            current = session.get_one(Alert, row.id)
            reached = self._reached(session, current, now)
            if reached is None:
                current.telling_until = None
                return None
            return current, reached

    def _send(self, row: Alert, before: set[str]) -> None:
        has_happened = _happens(self._conditions, row.kind)
        phase = _phase(row, has_happened)
        over = phase == OVER
        title, body = _message(self._shop, row, over=over, again=row.told_at is not None and not has_happened)
        reached, problems = set(before), []
        for url in self._urls:
            mark = phase + hashlib.sha256(url.encode()).hexdigest()[:16]
            if mark in reached:
                continue
            problem = _notify(url, title, body, over=over)
            if problem:
                problems.append(problem)
            else:
                reached.add(mark)
                faults.reach("alert:accepted")
        self._record(row, sorted(reached), problems, is_new=not before)

    def _record(self, row: Alert, reached: list[str], problems: list[str], *, is_new: bool) -> None:
        """It is told once anybody has accepted it; whoever has not is asked again for some days."""
        now = self._clock.now()
        values: dict[str, object] = {"telling_until": None, "last_error": "; ".join(problems) or None}
        if problems:
            log.warning("alert.not_told", kind=row.kind, problem=values["last_error"])
        if reached:
            values["reached"] = reached if problems else []
            values |= {"told_at": now, "told_subjects": row.subjects} if is_new else {}
            if row.ended_at is not None or _happens(self._conditions, row.kind):
                values |= {"open_kind": None, "ended_at": row.ended_at or now}
                is_given_up = row.told_at is not None and now - row.told_at >= GIVE_UP and not is_new
                values |= {"end_told_at": now} if not problems or is_given_up else {}
        with self._database.write() as session:
            session.execute(sa.update(Alert).where(Alert.id == row.id).values(**values))
            if reached and is_new:
                audit.record(session, self._clock, "alert.told", row.kind, over=row.ended_at is not None)


def _phase(row: Alert, has_happened: bool) -> str:
    """What the marks of who has heard the present message begin with."""
    return OVER if row.ended_at is not None and not has_happened else "open:"


def _happens(conditions: Sequence[Condition], kind: str) -> bool:
    return any(condition.happens for condition in conditions if condition.kind == kind)


def _untold(session: Session, kind: str, row: Alert | None, listed: list[dict[str, str]]) -> list[dict[str, str]]:
    """Of what happened, what no message has said, and what waits in the open row."""
    told = session.scalars(sa.select(Alert.told_subjects).where(Alert.kind == kind, Alert.told_at.is_not(None)))
    known = {subject["id"] for subjects in told for subject in subjects}
    waiting = {subject["id"]: subject for subject in (row.subjects if row else [])}
    return list((waiting | {subject["id"]: subject for subject in listed if subject["id"] not in known}).values())


def _message(shop: str, row: Alert, *, over: bool, again: bool) -> tuple[str, str]:
    """Title and text of one message about all subjects of a row."""
    count = f" ({len(row.subjects)})" if len(row.subjects) > 1 else ""
    if over and row.ended_at is not None:
        told = "" if row.told_at else " It was over before it could be told."
        since = f"From {row.opened_at:%Y-%m-%d %H:%M} to {row.ended_at:%Y-%m-%d %H:%M} UTC.{told}"
        # Who was told of two has to read of both that it is over, though one of them ended earlier.
        ended = {subject["id"]: subject for subject in [*row.told_subjects, *row.subjects]}
        return f"{shop}: over: {row.title}", "\n".join([since, *_lines(list(ended.values()))])
    heading = f"{'Still so, since' if again else 'Since'} {row.opened_at:%Y-%m-%d %H:%M} UTC:"
    return f"{shop}: {row.title}{count}", "\n".join([heading, *_lines(row.subjects)])


def _lines(subjects: Sequence[dict[str, str]]) -> Iterator[str]:
    for subject in subjects[:MOST_LINES]:
        yield f"- {subject['text']}"
    if len(subjects) > MOST_LINES:
        yield f"- and {len(subjects) - MOST_LINES} more: `makegood alerts` shows all"


def _notify(url: str, title: str, body: str, *, over: bool) -> str | None:
    """Hand the message to one address; returns what went wrong, without the secrets that an address may hold."""
    sender = apprise.Apprise()
    kind = url.partition(":")[0]
    if not sender.add(url):
        return f"MAKEGOOD_ALERT_URLS holds an address of the kind {kind} that can't be read"
    notify_type = apprise.NotifyType.SUCCESS if over else apprise.NotifyType.WARNING
    if sender.notify(title=title, body=body, notify_type=notify_type, body_format=apprise.NotifyFormat.TEXT):
        return None
    return f"an address of the kind {kind} did not accept the message"
