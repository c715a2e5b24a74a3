"""`makegood promotion`."""

from __future__ import annotations

from makegood.catalog.models import Promotion
from makegood.kernel import schema
from makegood.kernel.database import Database
from makegood.kernel.settings import Settings


def add(code: str, percent: int, uses: int | None, product: str | None) -> int:
    """Add the promotion, or change the one of that code."""
    settings = Settings()
    settings.home.mkdir(parents=True, exist_ok=True)
    database = Database(settings.database)
    schema.migrate(database)
    with database.write() as session:
        session.merge(
            Promotion(code=code.strip().upper(), percent=percent, product_id=product, uses_left=uses, until=None)
        )
    database.close()
    print(f"{code.strip().upper()}: {percent} % off")
    return 0
