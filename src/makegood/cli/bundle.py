"""`makegood support-bundle`."""

from __future__ import annotations

import sys
from pathlib import Path

from sqlalchemy.exc import SQLAlchemyError

from makegood.cli.parts import Parts, parts
from makegood.kernel import logs
from makegood.kernel.clock import SystemClock
from makegood.kernel.errors import MakegoodError
from makegood.kernel.settings import Settings
from makegood.orders.reading import OrderNotFound, by_number
from makegood.proof.bundle import Shop, write


def bundle(order: str, out: Path | None, *, with_personal_data: bool) -> int:
    """Write the archive and print where it is; 0 if it was written."""
    logs.configure(json=False, level="CRITICAL")
    clock = SystemClock()
    target = out or Path(f"makegood-support-{clock.now():%Y%m%d-%H%M%S}.zip")
    if target.exists():
        return _complain(f"{target} exists already; nothing was written over it.")
    try:
        with parts(Settings()) as there:
            order_id = _order_id(there, order) if order else None
            _attach(there)
            shop = Shop(
                there.settings, there.database, there.products, there.engine, there.providers, there.doctor, clock
            )  # fmt: skip
            write(shop, target, order_id, with_personal_data=with_personal_data)
            there.engine.stop()
    except MakegoodError as error:
        return _complain(error.for_operator())
    except OSError as error:
        return _complain(f"{target} can't be written: {error.strerror}.")
    print(f"{target}  {target.stat().st_size:,} bytes")
    return 0


def _order_id(there: Parts, number: str) -> str | None:
    try:
        with there.database.read() as session:
            return by_number(session, number).id
    except OrderNotFound:
        raise
    except (MakegoodError, SQLAlchemyError) as error:
        # A shop that is broken needs its bundle most.
        print(
            f"{number} can't be looked up ({type(error).__name__}): the bundle is of the shop alone.", file=sys.stderr
        )
        return None


def _attach(there: Parts) -> None:
    try:
        there.engine.attach()
    except SQLAlchemyError as error:
        # The bundle of a shop whose database is away says so in its own parts.
        print(f"The engine can't be asked: {type(error).__name__}", file=sys.stderr)


def _complain(sentence: str) -> int:
    print(f"✗ {sentence}", file=sys.stderr)
    return 1
