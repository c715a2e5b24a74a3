"""`makegood reconcile`: one pass now, beside a running shop."""

from __future__ import annotations

import json
from dataclasses import asdict

import sqlalchemy as sa
from rich.console import Console

from makegood.app import build
from makegood.cli.proving import reachable_providers
from makegood.kernel import logs
from makegood.kernel.settings import Settings
from makegood.payments.models import Payment
from makegood.payments.reconciling import Reconciliation, order_numbers
from makegood.web.services import Services

NAMES = {"payments": "payment", "refunds": "refund", "disputes": "dispute"}


def reconcile(*, full: bool, release: str, as_json: bool) -> int:
    """Compare and make good; 0 only if everything at the providers and in the books is explained."""
    logs.configure(json=False, level="ERROR")
    with reachable_providers(Settings()) as reachable:
        running = build(reachable)
        shop = running.services
        shop.engine.attach()
        try:
            if release:
                return _release(shop, release)
            done = shop.reconciling.reconcile(full=full)
            with shop.database.read() as session:
                numbers = order_numbers(session, done.findings)
        finally:
            shop.engine.stop()
            running.isolated.stop()
            shop.database.close()
    if as_json:
        findings = [{**asdict(f), "order": numbers.get(f.order_id or "")} for f in done.findings]
        print(json.dumps({**asdict(done), "findings": findings, "explained": done.explained}, indent=1))
    else:
        _show(done, numbers)
    return 0 if done.explained else 1


def _release(shop: Services, ref: str) -> int:
    with shop.database.write() as session:
        payment_id = session.scalar(sa.select(Payment.id).where(sa.or_(Payment.provider_ref == ref, Payment.id == ref)))
        released = payment_id is not None and shop.surplus.release(session, payment_id, "makegood reconcile --release")
    print(f"{ref} is on its way back." if released else f"There is no money of no order waiting under {ref}.")
    return 0 if released else 1


def _show(done: Reconciliation, numbers: dict[str, str]) -> None:
    console = Console(highlight=False, soft_wrap=True)
    for provider, counts in done.looked_at.items():
        if any(counts.values()):
            console.print(f" {provider:<8} {', '.join(_count(n, NAMES[name]) for name, n in counts.items())} looked at")
    if done.findings:
        console.print()
    for finding in sorted(done.findings, key=lambda f: f.explained):
        mark = "[green]·[/green]" if finding.explained else "[red]✗[/red]"
        about = numbers.get(finding.order_id or "", "")
        console.print(f" {mark} {about + '  ' if about else ''}{finding.text}  [dim]{finding.ref}[/dim]")
    for problem in done.unanswered:
        console.print(f" [yellow]?[/yellow] could not be asked: {problem}")
    console.print(f"\n {_verdict(done)}")


def _verdict(done: Reconciliation) -> str:
    differing = sum(not finding.explained for finding in done.findings)
    if differing:
        return f"[red]{_count(differing, 'difference')} that a person has to look at[/red]"
    if done.unanswered:
        return "[yellow]not every provider could be asked[/yellow]"
    return "[green]everything is explained[/green]"


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"
