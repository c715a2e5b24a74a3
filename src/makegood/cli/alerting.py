"""`makegood alerts`: what is amiss, also where nobody is told."""

from __future__ import annotations

import json
from typing import Any

from rich.console import Console

from makegood.cli.beside import beside
from makegood.notify.alert_models import Alert, ended_alerts, open_alerts


def alerts(*, as_json: bool) -> int:
    """Look once more, and print what is amiss now and what lately was. 1 if something is."""
    with beside() as running:
        shop = running.services
        shop.alerts.look()
        with shop.database.read() as session:
            present, past = open_alerts(session), ended_alerts(session, 10)
    if as_json:
        print(json.dumps({"open": [_json(a) for a in present], "ended": [_json(a) for a in past]}, indent=1))
        return 1 if present else 0
    console = Console(highlight=False, soft_wrap=True)
    if not present:
        console.print("Nothing is amiss.")
    for alert in present:
        told = f"told {alert.told_at:%Y-%m-%d %H:%M}" if alert.told_at else "nobody was told yet"
        console.print(f"[bold]{alert.title}[/bold]  since {alert.opened_at:%Y-%m-%d %H:%M} UTC, {told}")
        if alert.last_error:
            console.print(f"  not told: {alert.last_error}", markup=False)
        for subject in alert.subjects:
            console.print(f"  {subject['text']}", markup=False)
    for alert in past:
        console.print(f"over since {alert.ended_at:%Y-%m-%d %H:%M} UTC: {alert.title}", style="dim")
    if not shop.alerts.has_addresses:
        console.print("\nNobody is told outside of this command: set MAKEGOOD_ALERT_URLS.")
    return 1 if present else 0


def _json(alert: Alert) -> dict[str, Any]:
    moments = {
        name: (value := getattr(alert, name)) and value.isoformat()
        for name in ("opened_at", "seen_at", "told_at", "ended_at", "end_told_at")
    }
    return {
        "kind": alert.kind, "title": alert.title, "subjects": alert.subjects, **moments,
        "last_error": alert.last_error,
    }  # fmt: skip
