from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from makegood.accounts import Accounts
from makegood.kernel import schema
from makegood.kernel.clock import MovedClock
from makegood.kernel.database import Database
from makegood.kernel.settings import Settings
from makegood.kernel.signing import Signer
from makegood.notify import Mailer
from tests.accounts.front_door import Door, NoWorkers


@pytest.fixture
def door(tmp_path: Path) -> Iterator[Door]:
    settings = Settings(home=tmp_path)
    database, clock = Database(settings.database), MovedClock()
    schema.migrate(database)
    engine: Any = NoWorkers()
    mailer = Mailer(database, engine, clock, settings)
    yield Door(Accounts(database, mailer, clock, settings, Signer(b"test")), database, clock)
    database.close()
