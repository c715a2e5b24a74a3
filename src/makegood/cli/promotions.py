"""`makegood promotion`."""

from __future__ import annotations

import sys

from makegood.catalog.models import Promotion
from makegood.cli.database import migrated
from makegood.kernel.errors import MakegoodError
from makegood.kernel.settings import Settings


def add(code: str, percent: int, uses: int | None, product: str | None) -> int:
    """Add the promotion, or change the one of that code."""
    code = code.strip().upper()
    try:
        with migrated(Settings()) as database, database.write() as session:
            session.merge(Promotion(code=code, percent=percent, product_id=product, uses_left=uses, until=None))
    except MakegoodError as error:
        print(error.for_operator(), file=sys.stderr)
        return 1
    print(f"{code}: {percent} % off")
    return 0
