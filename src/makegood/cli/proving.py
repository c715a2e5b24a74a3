"""`makegood proof`."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, replace
from threading import Thread

import uvicorn
from rich.console import Console

from makegood.app import bring_to_this_release, object_store, payment_providers, sandbox_config
from makegood.catalog.products import Products
from makegood.cli.database import other_release
from makegood.cli.home import address_of, free_port
from makegood.kernel import logs, schema
from makegood.kernel.database import Database
from makegood.kernel.settings import Settings
from makegood.kernel.shared_clock import clock_of
from makegood.payments.providers.sandbox.server import Sandbox
from makegood.proof import Report, prove


def proof(*, as_json: bool) -> int:
    """Look into every clause; 0 only if all of them hold and could be looked into. An empty home is prepared; a
    database that holds anything is left exactly as it is."""
    logs.configure(json=False, level="ERROR")
    settings = Settings()
    settings.home.mkdir(parents=True, exist_ok=True)
    database = Database(settings.database)
    clock = clock_of(settings, database)
    bring_to_this_release(database, Products.installed(), migrate=schema.is_empty(database))
    with reachable_providers(settings) as reachable:
        report = prove(database, object_store(settings, database), payment_providers(reachable, clock), clock)
    if (problem := other_release(database)) is not None:
        report = replace(report, unanswered=(problem.for_operator(), *report.unanswered))
    database.close()
    if as_json:
        print(json.dumps({**asdict(report), "holds": report.holds}, indent=1))
    else:
        _show(report)
    return 0 if report.holds else 1


@contextmanager
def reachable_providers(settings: Settings) -> Iterator[Settings]:
    """Settings under which the sandbox answers: where it is set, in the running shop, or for now from its own file."""
    if settings.sandbox_url:
        yield settings
        return
    running = address_of(settings.home)
    if running:
        yield settings.model_copy(update={"sandbox_url": f"{running}/sandbox"})
        return
    port = free_port()
    sandbox = Sandbox(sandbox_config(settings))
    server = uvicorn.Server(uvicorn.Config(sandbox.app, host="127.0.0.1", port=port, log_level="error"))
    thread = Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started and thread.is_alive():
        thread.join(0.02)
    try:
        yield settings.model_copy(update={"sandbox_url": f"http://127.0.0.1:{port}"})
    finally:
        server.should_exit = True
        thread.join(10)
        sandbox.close()


def _show(report: Report) -> None:
    console = Console()
    broken = {violation.clause for violation in report.violations}
    unseen = {line.split(":", 1)[0] for line in report.unanswered}
    for name in report.clauses:
        mark = "[red]✗[/red]" if name in broken else "[yellow]?[/yellow]" if name in unseen else "[green]✓[/green]"
        console.print(f" {mark} {name}", highlight=False)
    for violation in report.violations:
        console.print(f"   [red]{violation.order}[/red] {violation.problem}", highlight=False)
    for line in report.unanswered:
        console.print(f"   [yellow]could not be looked into:[/yellow] {line}", highlight=False)
    console.print(f"\n {report.orders} orders, {report.obligations} obligations: " + _verdict(report), highlight=False)


def _verdict(report: Report) -> str:
    if report.violations:
        return f"[red]{len(report.violations)} violations[/red]"
    return "[yellow]not everything could be seen[/yellow]" if report.unanswered else "[green]the promise holds[/green]"
