"""`makegood operators …`: who may come into the console. Works beside the running shop."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.table import Table

from makegood.accounts.operator_models import Role
from makegood.accounts.operators import Operators
from makegood.cli.database import migrated
from makegood.cli.home import address_of
from makegood.kernel.errors import MakegoodError
from makegood.kernel.settings import Settings
from makegood.kernel.shared_clock import clock_of

BY = "cli"


def add(email: str, role: str | None, *, as_json: bool) -> int:
    """Print a link that sets up the operator's password and second factor, once."""
    try:
        with _operators() as operators:
            invitation = operators.add(email, Role(role) if role else None, BY)
    except MakegoodError as error:
        return _refused(error)
    if as_json:
        said = {"email": invitation.email, "role": invitation.role, "link": invitation.link}
        print(json.dumps({**said, "expires_at": invitation.expires_at.isoformat(), "new": invitation.is_new}))
        return 0
    what = "is added as" if invitation.is_new else "starts over as"
    print(f"{invitation.email} {what} {invitation.role}. This link sets up password and second factor, once, until")
    print(f"{invitation.expires_at:%Y-%m-%d %H:%M} UTC:\n\n  {invitation.link}\n")
    if not invitation.is_new:
        print("Until it is used, the present password and second factor go on working.")
    return 0


def show(*, as_json: bool) -> int:
    """List everybody."""
    try:
        with _operators() as operators:
            everybody = operators.all()
    except MakegoodError as error:
        return _refused(error)
    if as_json:
        said = [
            {
                "email": each.email,
                "role": each.role,
                "state": each.state,
                "last_seen_at": each.last_seen_at and each.last_seen_at.isoformat(),
                "sessions": each.open_sessions,
                "recovery_codes": each.recovery_codes,
            }
            for each in everybody
        ]
        print(json.dumps(said, indent=1))
        return 0
    if not everybody:
        print("There are no operators yet. Add the first one:  makegood operators add EMAIL")
        return 0
    table = Table("operator", "role", "state", "last seen (UTC)", box=None, pad_edge=False, header_style="bold")
    table.add_column("sessions", justify="right")
    table.add_column("recovery codes", justify="right")
    for each in everybody:
        seen = f"{each.last_seen_at:%Y-%m-%d %H:%M}" if each.last_seen_at else "never"
        table.add_row(each.email, each.role, each.state, seen, str(each.open_sessions), str(each.recovery_codes))
    Console().print(table)
    return 0


def disable(email: str) -> int:
    """End an operator's rights and sessions at once, even the last owner's: who has the shell can add another."""
    try:
        with _operators() as operators:
            operators.disable(email, BY, even_last_owner=True)
    except MakegoodError as error:
        return _refused(error)
    print(f"{email.strip().lower()} is disabled; all their sessions have ended.")
    return 0


@contextmanager
def _operators() -> Iterator[Operators]:
    settings = Settings()
    served_at = address_of(settings.home)
    if served_at and not settings.public_url:
        # The shop may have been told another port than the one that is set.
        settings = settings.model_copy(update={"public_url": served_at})
    with migrated(settings) as database:
        yield Operators(database, clock_of(settings, database), settings)


def _refused(error: MakegoodError) -> int:
    print(error.for_operator(), file=sys.stderr)
    return 1
