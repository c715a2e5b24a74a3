"""On PostgreSQL two transactions see each other only at their ends: a hold or a payment that comes while retention
looks must still win, or lose wholly."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from threading import Thread

import pytest
import sqlalchemy as sa

from makegood.app import Running, build
from makegood.catalog.products import Products
from makegood.kernel.clock import MovedClock
from makegood.kernel.ids import new_id
from makegood.kernel.settings import Settings
from makegood.orders.models import Order, OrderInput, OrderLine
from makegood.payments import settling
from makegood.storage import assets
from makegood.storage.assets import Asset, AssetGone, Hold, HoldKind
from makegood.storage.objects import digest
from tests.operations.plugins import notes
from tests.postgres import Postgres

PATIENCE = 1.5
"""Seconds in which whoever is not locked out has long done what it came for."""


@pytest.fixture(scope="module")
def office(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with Postgres() as server:
        home = tmp_path_factory.mktemp("home")
        settings = Settings(
            home=home, env="test", database_url=server.create("shop"), sandbox_url="http://127.0.0.1:9",
            isolated_processes=1, unheld_hours=0,
        )  # fmt: skip
        running = build(settings, MovedClock(timedelta(days=8)), Products({"notes": notes.product}))
        yield running
        running.isolated.stop()
        running.services.database.close()


def stored(office: Running, folder: Path, text: str) -> Asset:
    source = folder / "given.txt"
    source.write_text(text)
    sha256, size = digest(source)
    asset_id = new_id()
    key = f"uploads/{asset_id}/{sha256}"
    parts = office.services
    parts.objects.put(key, source, sha256)
    with parts.database.write() as session:
        assets.add(
            session, MovedClock(), asset_id=asset_id, key=key, sha256=sha256, size=size, media_type="text/plain",
            file_name="given.txt", kind=HoldKind.DRAFT, holder="gone",
        )  # fmt: skip
        assets.release(session, HoldKind.DRAFT, "gone")
        return session.get_one(Asset, asset_id)


def test_a_hold_that_is_taken_while_retention_looks_keeps_the_file(office: Running, tmp_path: Path) -> None:
    parts, asset = office.services, stored(office, tmp_path, "just in time")
    cleaning = Thread(target=parts.retention.delete, args=[[asset.id]])
    with parts.database.write() as session:
        assets.hold(session, parts.clock, [asset.id], HoldKind.ORDER, "an order")
        cleaning.start()
        cleaning.join(PATIENCE)
    cleaning.join(30)

    assert parts.objects.path(asset.key).read_text() == "just in time"
    with parts.database.read() as session:
        assert session.get_one(Asset, asset.id).deleting_at is None


def test_a_hold_that_comes_while_the_file_is_marked_is_refused(office: Running, tmp_path: Path) -> None:
    parts, asset = office.services, stored(office, tmp_path, "too late")
    refused: list[bool] = []

    def take() -> None:
        try:
            with parts.database.write() as session:
                assets.hold(session, parts.clock, [asset.id], HoldKind.ORDER, "a late order")
        except AssetGone:
            refused.append(True)

    taking = Thread(target=take)
    with parts.database.write() as session:
        session.get_one(Asset, asset.id, with_for_update=True).deleting_at = parts.clock.now()
        session.flush()
        taking.start()
        taking.join(PATIENCE)
    taking.join(30)

    assert refused == [True]
    with parts.database.read() as session:
        assert session.scalar(sa.select(Hold.id).where(Hold.asset_id == asset.id)) is None


def closed_order(office: Running, asset: Asset, derived: Asset | None = None) -> Order:
    """An unpaid order that was closed more than its days ago and still holds its input and what was derived from it."""
    parts, past = office.services, MovedClock()
    order = Order(
        id=new_id(), number=f"ORD-{new_id()[-10:].upper()}", email="late@example.com", currency="USD",
        discount_minor=0, tax_minor=0, total_minor=100, test=True, created_at=past.now(), closed_at=past.now(),
        lines=[
            OrderLine(
                id=new_id(), position=1, product_id="notes", description="Note", options={}, price=[], quantity=1,
                amount_minor=100, units=[],
                inputs=[
                    OrderInput(
                        id=new_id(), slot="paper", asset_id=asset.id, facts={},
                        derived={"scan": derived.id} if derived else {},
                    )
                ],
            )
        ],
    )  # fmt: skip
    with parts.database.write() as session:
        session.add(order)
        session.flush()
        needed = [one.id for one in (asset, derived) if one is not None]
        assets.hold(session, past, needed, HoldKind.ORDER, order.id)
    return order


def test_a_payment_that_comes_while_its_order_lets_go_keeps_the_files(office: Running, tmp_path: Path) -> None:
    parts, asset = office.services, stored(office, tmp_path, "paid at the last moment")
    order = closed_order(office, asset)
    cleaning = Thread(target=parts.retention.run)
    with parts.database.write() as session:
        assert parts.settling._unlock(session, settling._locked_order(session, order.id)) is None
        cleaning.start()
        cleaning.join(PATIENCE)
    cleaning.join(30)

    with parts.database.read() as session:
        assert session.get_one(Order, order.id).paid_at is not None
        assert assets.held_by(session, HoldKind.ORDER, order.id) == [asset.id]
    assert parts.objects.path(asset.key).exists()


def test_a_payment_that_comes_after_its_order_let_go_unlocks_nothing(office: Running, tmp_path: Path) -> None:
    parts, asset = office.services, stored(office, tmp_path, "paid too late")
    order = closed_order(office, asset)
    problems: list[str | None] = []

    def pay() -> None:
        with parts.database.write() as session:
            problems.append(parts.settling._unlock(session, settling._locked_order(session, order.id)))

    paying = Thread(target=pay)
    with parts.database.write() as session:
        session.execute(sa.select(Order.id).where(Order.id == order.id).with_for_update())
        assets.release(session, HoldKind.ORDER, order.id)
        paying.start()
        paying.join(PATIENCE)
    paying.join(30)

    assert problems == ["INPUTS_RELEASED"]


def test_a_payment_that_comes_after_what_was_derived_was_let_go_unlocks_nothing(
    office: Running, tmp_path: Path
) -> None:
    parts = office.services
    derived = stored(office, tmp_path, "its scan")
    order = closed_order(office, stored(office, tmp_path, "paid with its scan gone"), derived)

    def pay() -> str | None:
        with parts.database.write() as session:
            problem = parts.settling._unlock(session, settling._locked_order(session, order.id))
            session.rollback()
            return problem

    assert pay() is None
    with parts.database.write() as session:
        assets.release(session, HoldKind.ORDER, order.id, derived.id)
    assert pay() == "INPUTS_RELEASED"
