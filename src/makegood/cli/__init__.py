"""The command line: `makegood …`. Heavy imports wait until a command needs them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

app = typer.Typer(no_args_is_help=True, add_completion=False, help="What is paid is delivered.")


@app.command()
def serve(
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "",
    port: Annotated[int, typer.Option(help="Port to listen on.")] = 0,
) -> None:
    """Run the shop: pages, API, work and sweeps in one process (MAKEGOOD_WORK=false: without the work)."""
    from makegood.cli.serving import serve as run

    raise typer.Exit(run(host, port))


@app.command()
def worker() -> None:
    """Work on what is owed, beside the processes that serve; any number, on any host that reaches the database."""
    from makegood.cli.serving import work

    raise typer.Exit(work())


@app.command()
def migrate(
    check: Annotated[bool, typer.Option("--check", help="Only tell whether models and migrations agree.")] = False,
) -> None:
    """Bring the database to this release's schema."""
    from makegood.cli.schema import migrate as run

    raise typer.Exit(run(check))


@app.command()
def buy(
    product: Annotated[str, typer.Argument(help="What to buy, e.g. posters.")],
    file: Annotated[list[str] | None, typer.Option(help="SLOT=PATH; again for each file.")] = None,
    option: Annotated[list[str] | None, typer.Option(help="NAME=VALUE; again for each option.")] = None,
    out: Annotated[Path, typer.Option(help="Folder for what was bought.")] = Path(),
    url: Annotated[str, typer.Option(help="Address of a running shop; else the home's own.")] = "",
    email: Annotated[str, typer.Option(help="Where mails go.")] = "customer@example.com",
    quantity: Annotated[int, typer.Option(help="How many.")] = 1,
    promotion: Annotated[str, typer.Option(help="A promotion code.")] = "",
    card: Annotated[str, typer.Option(help="Which of the sandbox's test cards pays.")] = "4242 4242 4242 4242",
    timeout: Annotated[float, typer.Option(help="Seconds to wait for the delivery.")] = 300,
    json: Annotated[bool, typer.Option("--json", help="Print the order as JSON.")] = False,
) -> None:
    """Order, pay with a test card of the sandbox, wait, and save what was made."""
    from makegood.cli.buying import Purchase
    from makegood.cli.buying import buy as run

    purchase = Purchase(product, file or [], option or [], out, email, quantity, promotion, card, timeout)
    raise typer.Exit(run(purchase, url, as_json=json))


@app.command()
def promotion(
    code: Annotated[str, typer.Argument(help="The code that customers type.")],
    percent: Annotated[int, typer.Option(min=1, max=100, help="How much comes off.")],
    uses: Annotated[
        int | None, typer.Option(min=1, help="How often it may be used; without limit if not given.")
    ] = None,
    product: Annotated[str | None, typer.Option(help="Only for this product.")] = None,
) -> None:
    """Add a promotion code, or change it."""
    from makegood.cli.promotions import add

    raise typer.Exit(add(code, percent, uses, product))


@app.command()
def proof(json: Annotated[bool, typer.Option("--json", help="Print the report as JSON.")] = False) -> None:
    """Check the promise from the tables, the object store and the payment providers' own word. Reads only."""
    from makegood.cli.proving import proof as run

    raise typer.Exit(run(as_json=json))


orders = typer.Typer(no_args_is_help=True, help="Look at orders, and help one along.")
app.add_typer(orders, name="orders")
Number = Annotated[str, typer.Argument(help="The order's number, in any writing.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@orders.command()
def show(number: Number, json: AsJson = False) -> None:
    """What was ordered, what has become of it, and why."""
    from makegood.cli.ordering import show as run

    raise typer.Exit(run(number, as_json=json))


@orders.command()
def logs(number: Number, json: AsJson = False) -> None:
    """Everything that happened to the order, with the time of every step."""
    from makegood.cli.ordering import logs as run

    raise typer.Exit(run(number, as_json=json))


@orders.command()
def retry(number: Number) -> None:
    """Begin a new attempt now at everything that is still owed."""
    from makegood.cli.ordering import retry as run

    raise typer.Exit(run(number))


@orders.command()
def refund(
    number: Number,
    reason: Annotated[str, typer.Option(help="A sentence that the customer will read.")],
) -> None:
    """Give all of the order's money back; what has not been delivered is not made any more."""
    from makegood.cli.ordering import refund as run

    raise typer.Exit(run(number, reason))


operators = typer.Typer(no_args_is_help=True, help="Who may come into the console.")
app.add_typer(operators, name="operators")
Email = Annotated[str, typer.Argument(help="The operator's e-mail address.")]


@operators.command("add")
def add_operator(
    email: Email,
    role: Annotated[
        Literal["viewer", "operator", "owner"] | None,
        typer.Option(help="A viewer reads, an operator also acts, an owner also manages operators."),
    ] = None,
    json: AsJson = False,
) -> None:
    """Add an operator, or let one start over: prints a one-time link. The first one becomes owner."""
    from makegood.cli.operators import add as run

    raise typer.Exit(run(email, role, as_json=json))


@operators.command("list")
def list_operators(json: AsJson = False) -> None:
    """Everybody who may come in, and when they were last seen."""
    from makegood.cli.operators import show as run

    raise typer.Exit(run(as_json=json))


@operators.command("disable")
def disable_operator(email: Email) -> None:
    """End an operator's rights and sessions at once."""
    from makegood.cli.operators import disable as run

    raise typer.Exit(run(email))


@app.command()
def openapi(
    check: Annotated[bool, typer.Option("--check", help="Only tell whether docs/openapi.json is true.")] = False,
) -> None:
    """Write the API's description to docs/openapi.json."""
    from makegood.cli.schema import openapi as run

    raise typer.Exit(run(check))


def main() -> None:
    """The entry point."""
    app()
