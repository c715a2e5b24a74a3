"""The support bundle: one archive that tells what the shop is, how it is, and one order's whole story. No secret."""

from __future__ import annotations

import json
import os
import platform
import re
import zipfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from importlib.metadata import distributions
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from makegood import __version__
from makegood.engine import Engine
from makegood.kernel import logs
from makegood.kernel.clock import Clock
from makegood.kernel.database import Database
from makegood.kernel.errors import MakegoodError
from makegood.kernel.settings import Settings
from makegood.kernel.signing import Signer
from makegood.orders.models import Obligation, Order
from makegood.payments.models import Payment
from makegood.payments.provider import PaymentProvider
from makegood.proof import story
from makegood.proof.doctor import Doctor, as_json
from makegood.proof.redaction import SENSITIVE, Redactor

PLAIN_SETTINGS = frozenset({
    "home", "env", "shop_name", "mail_from", "public_url", "host", "port", "currency", "tax_percent", "smtp_host",
    "smtp_port", "smtp_tls", "sandbox_url", "sandbox_in_production", "draft_hours", "payment_minutes", "deadline_hours",
    "quote_minutes", "sign_in_minutes", "session_days", "sweep_seconds", "housekeeping_seconds", "unheld_hours",
    "poll_seconds", "retry_seconds", "disk_floor_mb", "memory_floor_mb", "migrate_at_start", "log_mb", "workers",
    "isolated_processes", "work", "lease_seconds", "console_idle_minutes", "console_hours", "operator_link_hours",
    "probe_seconds", "retention_seconds", "unpaid_days", "paid_input_days", "delivery_days", "abandoned_days",
    "orphan_hours", "orphan_seconds", "reconcile_seconds", "stray_hours", "alert_seconds", "alert_repeat_hours",
    "alert_late_share", "alert_stuck_attempts", "alert_after_minutes", "test_clock_seconds",
})  # fmt: skip
"""The settings whose values may be shown; of every other one, only whether it is set."""
IDENTIFIER = re.compile(r"[a-z0-9#_.:-]{1,20}")
"""What a customer chose among what was offered; anything else among the options, the customer wrote."""
SENSITIVE_VARIABLE = re.compile(r"pass|secret|token|key|dsn|credential|url$", re.IGNORECASE)
LEAST_SECRET = 6
ERRORS = ('"level": "error"', '"level": "critical"')
MOST_ERRORS = 200

README = """What this is: a support bundle of a Makegood shop, made by `makegood support-bundle`.

about.json      versions of everything, and the machine
checks.json     what `makegood doctor` found
settings.txt    settings; those that could be secret only say whether they are set
summary.json    how many orders, obligations and payments are in which state
order/          one order: its story, its rows, its provider's word, what the engine does about it
logs/           the recent log; errors.log is what went wrong in it

Keys, passwords, links that open something and sessions are replaced by [secret]{personal}.
"""


@dataclass(frozen=True, slots=True)
class Shop:
    """What a bundle is made from."""

    settings: Settings
    database: Database
    engine: Engine
    providers: Mapping[str, PaymentProvider]
    doctor: Doctor
    clock: Clock


def write(shop: Shop, out: Path, order_id: str | None, *, with_personal_data: bool) -> None:
    """Write the bundle to `out`, of which only its owner can read anything. A part that can't be had says why instead:
    a shop that is broken needs its bundle most."""
    redactor = Redactor(
        secrets_of(shop, order_id), personal=personal_words(shop, order_id), personal_data=with_personal_data
    )
    personal = "" if with_personal_data else ";\ne-mail addresses and what customers wrote are masked"
    with open(out, "xb", opener=_privately) as file, zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("README.txt", README.format(personal=personal))
        for name, part in _parts(shop, order_id).items():
            archive.writestr(name, _had(part, redactor))
        for path in logs.recent_files(shop.settings.home / "logs"):
            archive.writestr(f"logs/{path.name}.jsonl", "\n".join(_lines(path, redactor)) + "\n")


def _privately(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def _parts(shop: Shop, order_id: str | None) -> dict[str, Callable[[], Any]]:
    parts: dict[str, Callable[[], Any]] = {
        "about.json": lambda: about(shop),
        "checks.json": lambda: as_json(shop.doctor.examine()),
        "settings.txt": lambda: shown_settings(shop.settings),
        "summary.json": lambda: summary(shop.database),
        "logs/errors.log": lambda: errors(shop.settings),
    }
    if order_id is not None:
        parts |= {
            "order/story.txt": lambda: _reading(shop, order_id, lambda s, o: story.as_text(_plain(o), _events(s, o))),
            "order/timeline.json": lambda: _reading(shop, order_id, _events),
            "order/rows.json": lambda: _reading(shop, order_id, story.rows_of),
            "order/provider.json": lambda: _reading(
                shop, order_id, lambda s, o: story.provider_view(shop.providers, story.rows_of(s, o).get("payment", []))
            ),
            "order/work.json": lambda: _reading(
                shop, order_id, lambda s, o: story.work_states(shop.engine, story.rows_of(s, o))
            ),
        }
    return parts


def _reading(shop: Shop, order_id: str, read: Callable[[Session, Order], Any]) -> Any:
    with shop.database.read() as session:
        return read(session, session.get_one(Order, order_id))


def _events(session: Session, order: Order) -> list[dict[str, Any]]:
    return story.timeline(session, order.id)


def _plain(order: Order) -> dict[str, Any]:
    return {"number": order.number, "created_at": order.created_at}


def _had(part: Callable[[], Any], redactor: Redactor) -> str:
    """The part as text without secrets, or why it can't be had."""
    try:
        value = part()
    except Exception as error:  # noqa: BLE001 - whatever it is, it is what the bundle has to tell
        told = error.for_operator() if isinstance(error, MakegoodError) else f"{type(error).__name__}: {error}"
        return redactor.text(f"This part can't be had: {told}\n")
    if isinstance(value, str):
        return redactor.text(value)
    return redactor.text(json.dumps(redactor.data(value), indent=1, default=str, ensure_ascii=False) + "\n")


def _lines(path: Path, redactor: Redactor) -> Iterator[str]:
    for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
        try:
            data = redactor.data(json.loads(line))
        except ValueError:
            yield redactor.text(line)
        else:
            yield redactor.text(json.dumps(data, ensure_ascii=False, default=str))


def about(shop: Shop) -> dict[str, Any]:
    """Versions and the machine."""
    return {
        "makegood": __version__,
        "made_at": shop.clock.now().isoformat(),
        "python": platform.python_version(),
        "system": platform.platform(),
        "processors": os.cpu_count(),
        "database": shop.database.engine.dialect.name,
        "packages": dict(sorted((d.metadata["Name"], d.version) for d in distributions())),
    }


def shown_settings(settings: Settings) -> str:
    """Every setting: its value where it can't be secret, else whether it is set."""
    shown = {
        name: str(value) if name in PLAIN_SETTINGS else "[set]" if value else "[not set]"
        for name, value in settings.model_dump().items()
    }
    return "".join(f"{name:<28} {value}\n" for name, value in shown.items())


def summary(database: Database) -> dict[str, Any]:
    """How many of each are in which state."""
    with database.read() as session:
        owed = sa.select(Obligation.delivery, Obligation.money, Obligation.error_code, sa.func.count())
        groups = (Obligation.delivery, Obligation.money, Obligation.error_code)
        paid = sa.select(Payment.provider, Payment.state, sa.func.count()).group_by(Payment.provider, Payment.state)
        return {
            "orders": session.scalar(sa.select(sa.func.count()).select_from(Order)),
            "obligations": [list(row) for row in session.execute(owed.group_by(*groups))],
            "payments": [list(row) for row in session.execute(paid)],
        }


def errors(settings: Settings) -> str:
    """The last errors of the recent log, oldest first."""
    lines = [
        line
        for path in logs.recent_files(settings.home / "logs")
        for line in path.read_text(encoding="utf-8", errors="replace").splitlines()
        if any(mark in line for mark in ERRORS)
    ]
    return "\n".join(lines[-MOST_ERRORS:]) + "\n"


def secrets_of(shop: Shop, order_id: str | None) -> set[str]:
    """Everything secret that the shop knows by value: settings that aren't plain, what the home keeps, variables that
    look like it, and what opens this order."""
    settings = shop.settings
    found = {settings.signing_key.decode(), settings.sandbox_api_key, settings.sandbox_signing_secret}
    for name, value in settings.model_dump().items():
        if name not in PLAIN_SETTINGS and isinstance(value, str):
            found |= {value, *value.split(","), *_password(value)}
    for path in (settings.home / "secrets").glob("*"):
        found.add(path.read_text(errors="replace").strip())
    for name, value in os.environ.items():
        if SENSITIVE_VARIABLE.search(name) and name.removeprefix("MAKEGOOD_").lower() not in PLAIN_SETTINGS:
            found |= {value, *_password(value)} if len(value) >= LEAST_SECRET else set()
    if order_id is not None:
        found.add(Signer(settings.signing_key).token("order", order_id))
        found |= set(_opening(shop, order_id))
    return {secret for secret in found if secret.strip()}


def _password(address: str) -> set[str]:
    try:
        return {str(sa.make_url(address).password or "")} if "://" in address else set()
    except (sa.exc.ArgumentError, ValueError):
        return set()


def _opening(shop: Shop, order_id: str) -> Iterator[str]:
    """Codes, tokens and addresses in the order's own rows."""
    try:
        rows = _reading(shop, order_id, story.rows_of)
        codes = _reading(shop, order_id, lambda _, o: [c.code for x in o.lines for u in x.units for c in u.codes])
    except (MakegoodError, sa.exc.SQLAlchemyError):
        # Then the parts that would show them can't be had either.
        return
    yield from codes
    for table in rows.values():
        for row in table:
            yield from (str(v) for name, v in row.items() if v and SENSITIVE.search(name) and isinstance(v, str))


def personal_words(shop: Shop, order_id: str | None) -> set[str]:
    """What the order's customer wrote: options in their own words, names of files, the address."""
    if order_id is None:
        return set()
    try:
        return set(_reading(shop, order_id, lambda _, order: list(_words(order))))
    except (MakegoodError, sa.exc.SQLAlchemyError):
        return set()


def _words(order: Order) -> Iterator[str]:
    yield order.email
    for line in order.lines:
        yield from _texts(line.options)
        for file in line.inputs:
            yield from (str(value) for name, value in file.facts.items() if "name" in name)


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str) and not IDENTIFIER.fullmatch(value):
        yield value
    elif isinstance(value, Mapping):
        for inner in value.values():
            yield from _texts(inner)
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from _texts(inner)
