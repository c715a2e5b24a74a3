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
    check: Annotated[
        bool, typer.Option("--check", help="Only tell what is pending, and whether models and migrations agree.")
    ] = False,
    pending: Annotated[bool, typer.Option("--pending", help="Only tell what the shop's database lacks.")] = False,
    recreate: Annotated[
        list[str] | None, typer.Option(help="Make this missing table anew, empty. Only if it held nothing.")
    ] = None,
) -> None:
    """Bring the database to this release's schema: the core's tables and each product's."""
    from makegood.cli import schema

    if recreate:
        raise typer.Exit(schema.recreate(recreate))
    raise typer.Exit(schema.check(only_database=pending) if check or pending else schema.migrate())


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


@app.command()
def reconcile(
    full: Annotated[bool, typer.Option("--full", help="Everything that the providers have ever had.")] = False,
    release: Annotated[
        str, typer.Option(help="Give this money of no order back now: the provider's id of it, e.g. pay_….")
    ] = "",
    json: Annotated[bool, typer.Option("--json", help="Print what was found as JSON.")] = False,
) -> None:
    """Compare the payment providers' lists with the books, both ways, now; make good what can be."""
    from makegood.cli.reconciling import reconcile as run

    raise typer.Exit(run(full=full, release=release, as_json=json))


@app.command()
def doctor(json: Annotated[bool, typer.Option("--json", help="Print the findings as JSON.")] = False) -> None:
    """Look at everything that the shop needs; each line says what is wrong and what mends it. 1 if anything is."""
    from makegood.cli.doctor import doctor as run

    raise typer.Exit(run(as_json=json))


@app.command(name="support-bundle")
def support_bundle(
    order: Annotated[str, typer.Option(help="An order, whose whole story is put in.")] = "",
    out: Annotated[Path | None, typer.Option(help="Where to write it; else into the present folder.")] = None,
    with_personal_data: Annotated[
        bool, typer.Option("--with-personal-data", help="Leave e-mail addresses and what customers wrote as they are.")
    ] = False,
) -> None:
    """Write one archive that tells what the shop is and how it is, for whoever helps. No secret is in it."""
    from makegood.cli.bundle import bundle as run

    raise typer.Exit(run(order, out, with_personal_data=with_personal_data))


orders = typer.Typer(no_args_is_help=True, help="Look at orders, and help one along.")
app.add_typer(orders, name="orders")
Wanted = Annotated[
    str, typer.Argument(help="An order's number or id, a payment's id, the beginning of one, or an e-mail address.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Reason = Annotated[str, typer.Option(help="Why; it is kept in the audit log.")]
UnitNo = Annotated[int | None, typer.Option("--unit", help="Only this unit; else all of them.")]


@orders.command()
def show(order: Wanted, json: AsJson = False) -> None:
    """What was ordered, what has become of it, and why."""
    from makegood.cli.ordering import show as run

    raise typer.Exit(run(order, as_json=json))


@orders.command()
def logs(order: Wanted, json: AsJson = False) -> None:
    """Everything that happened to the order, with the time of every step, and who fetched what."""
    from makegood.cli.ordering import logs as run

    raise typer.Exit(run(order, as_json=json))


@orders.command()
def retry(order: Wanted, reason: Reason, unit: UnitNo = None) -> None:
    """Begin a new attempt now at everything that is still owed."""
    from makegood.cli.ordering import retry as run

    raise typer.Exit(run(order, reason, unit))


@orders.command()
def refund(
    order: Wanted,
    reason: Annotated[str, typer.Option(help="A sentence that the customer will read.")],
    unit: UnitNo = None,
) -> None:
    """Give the money back; what has not been delivered is not made any more."""
    from makegood.cli.ordering import refund as run

    raise typer.Exit(run(order, reason, unit))


@orders.command()
def redeliver(order: Wanted, reason: Reason, unit: UnitNo = None) -> None:
    """Look at what was delivered, rebuild what is lost or damaged, and mail fresh links."""
    from makegood.cli.ordering import redeliver as run

    raise typer.Exit(run(order, reason, unit))


@orders.command()
def complete(
    order: Wanted,
    file: Annotated[list[Path], typer.Option(help="What was made by hand; again for each file.")],
    reason: Reason,
    unit: UnitNo = None,
) -> None:
    """Deliver what was made by hand in place of what could not be made."""
    from makegood.cli.ordering import complete as run

    raise typer.Exit(run(order, file, reason, unit))


@orders.command()
def goodwill(order: Wanted, reason: Reason, unit: UnitNo = None) -> None:
    """After its money went back: make it once more, at no price."""
    from makegood.cli.ordering import goodwill as run

    raise typer.Exit(run(order, reason, unit))


@app.command()
def recover(order: Annotated[str, typer.Option(help="An order to look at in particular.")] = "") -> None:
    """Look at everything that is not at rest now, and begin again what nothing works on."""
    from makegood.cli.recovering import recover as run

    raise typer.Exit(run(order))


@app.command()
def retention(
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would go.")] = False, json: AsJson = False
) -> None:
    """Delete files that nobody needs any more, by the rules in the settings."""
    from makegood.cli.retention import retention as run

    raise typer.Exit(run(dry_run=dry_run, as_json=json))


@app.command()
def alerts(json: AsJson = False) -> None:
    """What is amiss now, and what lately was."""
    from makegood.cli.alerting import alerts as run

    raise typer.Exit(run(as_json=json))


privacy = typer.Typer(no_args_is_help=True, help="A person's own data: hand them over, or take them out.")
app.add_typer(privacy, name="privacy")
Email = Annotated[str, typer.Option(help="The person's e-mail address, which they have proved to be theirs.")]


@privacy.command("export")
def privacy_export(
    email: Email, out: Annotated[Path, typer.Option(help="A new or empty folder.")], json: AsJson = False
) -> None:
    """Write all that is known of the person, and their files."""
    from makegood.cli.privacy import export as run

    raise typer.Exit(run(email, out, as_json=json))


@privacy.command("erase")
def privacy_erase(email: Email, json: AsJson = False) -> None:
    """Take out what nothing owed and no law needs, and say what stays and why."""
    from makegood.cli.privacy import erase as run

    raise typer.Exit(run(email, as_json=json))


operators = typer.Typer(no_args_is_help=True, help="Who may come into the console.")
app.add_typer(operators, name="operators")
OperatorEmail = Annotated[str, typer.Argument(help="The operator's e-mail address.")]


@operators.command("add")
def add_operator(
    email: OperatorEmail,
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
def disable_operator(email: OperatorEmail) -> None:
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
    try:
        app()
    except Exception as error:
        from makegood.cli.failing import sentence

        told = sentence(error)
        if told is None:
            raise
        typer.echo(f"✗ {told}\n  `makegood doctor` looks at everything and says what mends it.", err=True)
        raise SystemExit(1) from None
