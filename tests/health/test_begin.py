"""A shop that opened broken begins to work after the repair, whatever comes between."""

from __future__ import annotations

from pathlib import Path
from threading import Event

import pytest
import sqlalchemy as sa

from makegood import app
from makegood.engine import Engine
from makegood.kernel.settings import Settings


def test_who_can_not_begin_after_the_repair_becomes_another_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise sa.exc.OperationalError("INSERT INTO worker", {}, Exception("database is locked"))

    monkeypatch.setattr(Engine, "launch", refuse)
    monkeypatch.setattr(app, "LOOK_SECONDS", 0.1)
    running = app.build(Settings(home=tmp_path, isolated_processes=1), hosts_sandbox=False)
    again = Event()
    running.on_fenced = again.set
    with running.services.database.engine.begin() as connection:
        connection.execute(sa.text("ALTER TABLE mail RENAME TO elsewhere"))
    running.start()
    try:
        assert not again.wait(0.5)
        with running.services.database.engine.begin() as connection:
            connection.execute(sa.text("ALTER TABLE elsewhere RENAME TO mail"))
        assert again.wait(30)
    finally:
        running.stop()
