"""`makegood buy`: order, pay, wait, save."""

from __future__ import annotations

import json
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from makegood.cli.home import address_of, free_port
from makegood.cli.shop_client import PurchaseFailed, ShopClient
from makegood.kernel import logs
from makegood.kernel.errors import MakegoodError
from makegood.kernel.settings import Settings


@dataclass(frozen=True, slots=True)
class Purchase:
    """What was asked for on the command line."""

    product: str
    files: list[str]
    options: list[str]
    out: Path
    email: str
    quantity: int
    promotion: str
    card: str
    timeout: float


def buy(purchase: Purchase, url: str, *, as_json: bool) -> int:
    """Buy it; returns the exit code: 0 only if every unit was delivered and saved."""
    console = Console(stderr=True)
    try:
        files = {slot: _existing(path) for slot, path in _pairs(purchase.files, "--file").items()}
        options = _pairs(purchase.options, "--option")
        _make_folder(purchase.out)
        with ExitStack() as stack:
            client = ShopClient(url or _own_shop(stack))
            order = _buy(client, purchase, files, options, console)
            saved = _save(client, order, purchase.out)
    except MakegoodError as error:
        _complain(console, error.for_operator())
        return 1
    if as_json:
        print(json.dumps({"order": order, "saved": [str(path) for path in saved]}))
    return _report(console, order, saved)


def _own_shop(stack: ExitStack) -> str:
    """The running shop of this home, or one of our own on loopback for as long as it takes."""
    logs.configure(json=False, level="WARNING")
    settings = Settings()
    running = address_of(settings.home)
    if running:
        return running
    from makegood.cli.serving import served

    port = free_port()
    # The poster's QR code keeps the address that customers will reach, if one is set.
    return stack.enter_context(served(settings.model_copy(update={"host": "127.0.0.1", "port": port})))


def _buy(
    client: ShopClient, purchase: Purchase, files: dict[str, Path], options: dict[str, str], console: Console
) -> dict[str, Any]:
    columns = (SpinnerColumn(), TextColumn("{task.description:<34}"), BarColumn(28), TimeElapsedColumn())
    with Progress(*columns, console=console, disable=not console.is_terminal) as progress:
        draft = client.start(purchase.product, client.typed(purchase.product, options, list(files)))
        for slot, path in files.items():
            task = progress.add_task(f"Uploading {path.name}", total=path.stat().st_size)
            client.upload(draft["id"], slot, path, lambda n, task=task: progress.advance(task, n))
        task = progress.add_task("Ordering and paying", total=1)
        order = client.order(draft["id"], purchase.email, purchase.quantity, purchase.promotion)
        client.pay(order["number"], purchase.card, purchase.timeout)
        progress.update(task, description=f"Paid {order['total']['text']} for {order['number']}", completed=1)
        task = progress.add_task("Waiting for the payment", total=None)
        for order in client.watch(order["number"], purchase.timeout):  # noqa: B020 - the same order, newer
            _show(progress, task, order)
    return order


def _show(progress: Progress, task: Any, order: dict[str, Any]) -> None:
    steps = [step for unit in order["units"] for step in unit["steps"]]
    now = next((step["label"] for step in steps if step["state"] == "now"), None)
    done = sum(step["state"] == "done" for step in steps)
    progress.update(
        task, total=len(steps), completed=done, description=now or order["state"].replace("_", " ").capitalize()
    )


def _save(client: ShopClient, order: dict[str, Any], out: Path) -> list[Path]:
    saved = []
    several = len(order["units"]) > 1
    for unit in order["units"]:
        for artefact in unit["artefacts"]:
            # The name comes from the shop: nothing but a plain file name may leave the folder.
            name = Path(artefact["file_name"]).name
            target = out / (f"{unit['no']}-{name}" if several else name)
            client.download(artefact["url"], target)
            saved.append(target)
    return saved


def _report(console: Console, order: dict[str, Any], saved: list[Path]) -> int:
    for path in saved:
        line = f"[green]✓[/green] {escape(str(path))}  {path.stat().st_size:,} bytes"
        console.print(line, highlight=False, soft_wrap=True)
    if order["state"] == "delivered" and saved:
        return 0
    problems = {unit["problem"]["detail"] for unit in order["units"] if unit["problem"]}
    why = " ".join(sorted(problems)) or (order["payment"] or {}).get("problem") or ""
    _complain(console, f"Order {order['number']} is {order['state'].replace('_', ' ')}. {why}".strip())
    return 1


def _complain(console: Console, sentence: str) -> None:
    """One line, whatever names and brackets are in it."""
    console.print(f"[red]✗[/red] {escape(sentence)}", highlight=False, soft_wrap=True)


def _pairs(texts: list[str], what: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for text in texts:
        name, sign, value = text.partition("=")
        if not sign:
            raise PurchaseFailed(what=f"{what} takes NAME=VALUE, not {name!r}.")
        if name in found:
            raise PurchaseFailed(what=f"{what} {name}=… is there twice.")
        found[name] = value
    return found


def _existing(path: str) -> Path:
    if not Path(path).is_file():
        raise PurchaseFailed(what=f"There is no file {path}.")
    return Path(path)


def _make_folder(out: Path) -> None:
    """Before anything is paid: what can't be saved should not be bought."""
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise PurchaseFailed(what=f"{out} can't be the folder for what is bought: {error.strerror}.") from error
