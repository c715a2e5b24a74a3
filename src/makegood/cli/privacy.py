"""`makegood privacy export` and `makegood privacy erase`."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from pathlib import Path

from makegood.checkout.erasing import Erasing
from makegood.checkout.exporting import Exporting
from makegood.cli.beside import beside
from makegood.kernel.errors import MakegoodError


def export(email: str, out: Path, *, as_json: bool) -> int:
    """Write all that is known of the person."""
    with beside() as running:
        shop = running.services
        try:
            data = Exporting(shop.database, shop.objects, shop.clock, shop.signer).export(email, out)
        except MakegoodError as error:
            print(error.for_operator(), file=sys.stderr)
            return 1
    files = sum(path.is_file() for path in (out / "files").rglob("*")) if (out / "files").exists() else 0
    counts = {"orders": len(data["orders"]), "drafts": len(data["drafts"]), "mails": len(data["mails"]), "files": files}
    if as_json:
        print(json.dumps({"out": str(out), **counts}, indent=1))
    else:
        print(f"Written to {out}: " + ", ".join(f"{count} {what}" for what, count in counts.items()))
    return 0


def erase(email: str, *, as_json: bool) -> int:
    """Take the person out, and say what stays and why. 1 if a file could not be deleted."""
    with beside() as running:
        shop = running.services
        try:
            done = Erasing(shop.database, shop.engine, shop.clock, shop.signer, shop.retention).erase(email)
        except MakegoodError as error:
            print(error.for_operator(), file=sys.stderr)
            return 1
    if as_json:
        print(json.dumps(asdict(done), indent=1))
        return 1 if done.problems else 0
    account = "and the account" if done.account else "no account"
    print(f"Erased: {len(done.orders)} orders, {done.drafts} drafts, {done.mails} mails, {account}.")
    for number in done.orders:
        print(f"  {number}: its figures stay, as the books need them; the person is out")
    for number, reasons in done.kept.items():
        print(f"  {number} stays: {', '.join(reasons)}")
    for problem in done.problems:
        print(f"  ✗ {problem}")
    return 1 if done.problems else 0
