"""`makegood doctor`."""

from __future__ import annotations

import json

from pydantic import ValidationError
from rich.console import Console
from rich.markup import escape

from makegood.cli.home import address_of
from makegood.cli.parts import parts
from makegood.kernel import logs
from makegood.kernel.errors import MakegoodError
from makegood.kernel.settings import Settings
from makegood.product_api import Check
from makegood.proof.doctor import Examined
from makegood.proof.doctor import as_json as data_of
from makegood.proof.findings import found

SETTINGS = "Set it right; src/makegood/kernel/settings.py says what each setting may be."
HOME = "MAKEGOOD_HOME must be a folder that this user may write to."


def doctor(*, as_json: bool) -> int:
    """Look at everything; 0 only if all of it is well."""
    logs.configure(json=False, level="CRITICAL")
    examined = examine()
    wrong = [line for each in examined for line in each.findings.lines if line.problem]
    if as_json:
        _print_json(examined)
    else:
        _show(examined, len(wrong))
    return 1 if wrong else 0


def examine() -> list[Examined]:
    """What is found, even where the settings or the home can't be used at all."""
    try:
        settings = Settings()
    except ValidationError as error:
        wrong = [(str(each["loc"][0]), each["msg"]) for each in error.errors()]
        lines = [Check(f"setting MAKEGOOD_{name.upper()}", problem, SETTINGS) for name, problem in wrong]
        return [Examined("settings", found("settings", lines))]
    try:
        with parts(settings) as there:
            return [*there.doctor.examine(), Examined("shop", found("shop", [_shop(settings)]))]
    except MakegoodError as error:
        return [Examined("shop", found("shop", [Check("the shop's parts", error.for_operator(), HOME)]))]
    except OSError as error:
        return [Examined("home", found("home", [Check(f"home {settings.home.absolute()}", str(error), HOME)]))]


def _shop(settings: Settings) -> Check:
    address = address_of(settings.home)
    return Check(f"shop: it runs at {address}" if address else "shop: it is not running from this home")


def _print_json(examined: list[Examined]) -> None:
    lines = data_of(examined)
    print(json.dumps({"ok": all(line["ok"] for line in lines), "checks": lines}, indent=1))


def _show(examined: list[Examined], wrong: int) -> None:
    console = Console(highlight=False, soft_wrap=True)
    for each in examined:
        for line in each.findings.lines:
            if not line.problem:
                console.print(f" [green]✓[/green] {escape(line.name)}")
                continue
            console.print(f" [red]✗[/red] {escape(line.name)}: {escape(line.problem)}")
            if line.mend:
                console.print(f"   [dim]→ {escape(line.mend)}[/dim]")
    verdict = f"[red]{wrong} to mend[/red]" if wrong else "[green]all is well[/green]"
    console.print(f"\n {sum(len(each.findings.lines) for each in examined)} looks: {verdict}")
