"""The support bundle: one archive that tells what the shop is, how it is, and one order's whole story. No secret."""

from __future__ import annotations

import json
import os
import platform
import re
import zipfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from importlib.metadata import distributions
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from makegood import __version__
from makegood.catalog.products import Products
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
from makegood.proof.written import Written

PLAIN_SETTINGS = frozenset({
    "home", "env", "shop_name", "mail_from", "public_url", "host", "port", "currency", "tax_percent", "smtp_host",
    "smtp_port", "smtp_tls", "sandbox_url", "sandbox_in_production", "draft_hours", "payment_minutes", "deadline_hours",
    "quote_minutes", "sign_in_minutes", "session_days", "sweep_seconds", "housekeeping_seconds", "unheld_hours",
    "poll_seconds", "retry_seconds", "disk_floor_mb", "memory_floor_mb", "migrate_at_start", "log_mb", "workers",
    "isolated_processes", "work", "lease_seconds", "console_idle_minutes", "console_hours", "operator_link_hours",
    "probe_seconds", "retention_seconds", "unpaid_days", "paid_input_days", "delivery_days", "abandoned_days",
    "orphan_hours", "orphan_seconds", "reconcile_seconds", "stray_hours", "alert_seconds", "alert_repeat_hours",
    "alert_late_share", "alert_stuck_attempts", "alert_after_minutes", "test_clock_seconds", "uploads_at_once",
    "upload_stall_seconds", "engine_days", "trusted_proxies",
})  # fmt: skip
"""The settings whose values may be shown; of every other one, only whether it is set."""
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
MASKED = """;
e-mail addresses are masked, and so is what the order's customer wrote: [text of 12] stands for twelve characters.
What another customer wrote is in no part but, where an error repeats it, the log"""


@dataclass(frozen=True, slots=True)
class Shop:
    """What a bundle is made from."""

    settings: Settings
    database: Database
    products: Products
    engine: Engine
    providers: Mapping[str, PaymentProvider]
    doctor: Doctor
    clock: Clock


def write(shop: Shop, out: Path, order_id: str | None, *, with_personal_data: bool) -> None:
    """Write the bundle to `out`, of which only its owner can read anything. A part that can't be had says why instead:
    a shop that is broken needs its bundle most."""
    written = Written(shop.products)
    redactor = Redactor(
        secrets_of(shop, order_id), personal=personal_words(shop, order_id, written), personal_data=with_personal_data
    )
    parts = _parts(shop, redactor)
    if order_id is not None:
        parts |= _order_parts(shop, order_id, redactor, None if with_personal_data else written)
    with open(out, "xb", opener=_privately) as file, zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("README.txt", README.format(personal="" if with_personal_data else MASKED))
        for name, part in parts.items():
            archive.writestr(name, _had(part, redactor))
        for path in logs.recent_files(shop.settings.home / "logs"):
            archive.writestr(f"logs/{path.name}.jsonl", _log(_lines(path), redactor))


def _privately(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def _parts(shop: Shop, redactor: Redactor) -> dict[str, Callable[[], Any]]:
    """What is in the bundle by name: text as it is, or data in which a customer may have a say."""
    return {
        "about.json": lambda: _as_json(about(shop)),
        "checks.json": lambda: as_json(shop.doctor.examine()),
        "settings.txt": lambda: shown_settings(shop.settings),
        "summary.json": lambda: _as_json(summary(shop.database)),
        "logs/errors.log": lambda: _log(errors(shop.settings), redactor),
    }


def _order_parts(
    shop: Shop, order_id: str, redactor: Redactor, written: Written | None
) -> dict[str, Callable[[], Any]]:
    """The same of the order; what its customer `written` has is masked where that is given."""

    def reading(read: Callable[[Session, Order], Any]) -> Callable[[], Any]:
        return lambda: _reading(shop, order_id, read)

    def told(session: Session, order: Order) -> str:
        return story.as_text(_plain(order), redactor.data(_events(session, order)))

    def rows(session: Session, order: Order) -> story.Rows:
        found = story.rows_of(session, order)
        return written.masked(found) if written else found

    def provider(session: Session, order: Order) -> list[Any]:
        return story.provider_view(shop.providers, story.rows_of(session, order).get("payment", []))

    return {
        "order/story.txt": reading(told),
        "order/timeline.json": reading(_events),
        "order/rows.json": reading(rows),
        "order/provider.json": reading(provider),
        "order/work.json": reading(lambda s, o: _as_json(story.work_states(shop.engine, story.rows_of(s, o)))),
    }


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
    return redactor.plain(value if isinstance(value, str) else _as_json(redactor.data(value)))


def _as_json(value: Any) -> str:
    return json.dumps(value, indent=1, default=str, ensure_ascii=False) + "\n"


def _lines(path: Path) -> list[str]:
    return path.read_text(encoding="utf-8", errors="replace").splitlines()


def _log(lines: Iterable[str], redactor: Redactor) -> str:
    """The lines of a log without secrets."""
    return "\n".join(_line(line, redactor) for line in lines) + "\n"


def _line(line: str, redactor: Redactor) -> str:
    try:
        data = json.loads(line)
    except ValueError:
        return redactor.text(line)
    return redactor.plain(json.dumps(redactor.data(data), ensure_ascii=False, default=str))


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


def errors(settings: Settings) -> list[str]:
    """The last errors of the recent log, oldest first."""
    lines = (line for path in logs.recent_files(settings.home / "logs") for line in _lines(path))
    return [line for line in lines if any(mark in line for mark in ERRORS)][-MOST_ERRORS:]


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


def personal_words(shop: Shop, order_id: str | None, written: Written) -> set[str]:
    """What the order's customer wrote: options in their own words, names of files, the address."""
    if order_id is None:
        return set()
    try:
        return set(_reading(shop, order_id, lambda session, order: list(written.words(session, order))))
    except (MakegoodError, sa.exc.SQLAlchemyError):
        return set()
