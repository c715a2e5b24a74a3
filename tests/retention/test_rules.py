"""What nobody needs goes, what somebody needs stays, and both are said; whatever the clock does."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
import sqlalchemy as sa

from makegood.app import Running
from makegood.kernel.clock import MovedClock
from makegood.kernel.ids import new_id
from makegood.notify.alert_models import open_alerts
from makegood.orders.models import Order
from makegood.storage import assets
from makegood.storage.assets import Asset
from makegood.storage.objects import digest
from makegood.storage.retention import last_runs
from tests.operations.note_shop import NoteShop, buy_note, obligation, order_note
from tests.shops import Customer, objects, until


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[NoteShop]:
    with NoteShop(tmp_path_factory.mktemp("retention"), MAKEGOOD_UNHELD_HOURS="0") as running:
        yield running


@pytest.fixture(scope="module")
def office(shop: NoteShop) -> Iterator[Running]:
    with shop.beside(unheld_hours=0) as running:
        yield running


def days(count: float) -> MovedClock:
    return MovedClock(timedelta(days=count))


def papers(shop: NoteShop, text: str) -> list[Path]:
    """The stored objects with these bytes."""
    return [path for path, has in objects(shop.home).items() if has == text.encode()]


def order_long_ago(shop: NoteShop, paper: str, ago: float) -> Customer:
    """A customer who ordered a note so many days ago and has not paid; the order can still be paid today."""
    with shop.beside(MovedClock(timedelta(days=-ago)), payment_minutes=1440 * 31, session_days=365) as past:
        parts = past.services
        caller, cookie = parts.accounts.visit()
        draft = parts.drafts.start(caller, "notes", {})
        given = shop.home.parent / "paper.txt"
        given.write_text(paper)
        parts.drafts.put_file(caller, draft.id, "paper", given, given.name)
        _, token = parts.ordering.quote(caller, draft.id, 1, None)
        parts.ordering.place(caller, draft.id, "old@example.com", token, str(uuid.uuid4()))
    customer = shop.customer()
    customer.http = httpx.Client(base_url=shop.url, timeout=60, cookies={"makegood": cookie})
    return customer


def test_paid_on_day_30_is_not_deleted_on_day_30(shop: NoteShop) -> None:
    customer = order_long_ago(shop, "thirty days old", 30)
    [listed] = customer.expect(200, "GET", "/api/v1/orders")
    number = listed["number"]
    ref = customer.payable(number)["ref"]

    with shop.beside(unpaid_days=0, paid_input_days=30, delivery_days=30, unheld_hours=0) as night:
        night.services.retention.run()
        shop.provider.act(ref)
        order = customer.at_rest(number)
        night.services.retention.run()
    assert order["state"] == "delivered"
    url = order["units"][0]["artefacts"][0]["url"]
    rules: dict[str, Any] = {"paid_input_days": 30, "delivery_days": 30, "unheld_hours": 0}
    with shop.beside(days(29), **rules) as later:
        later.services.retention.run()
    assert customer.http.get(url).status_code == 200
    assert papers(shop, "thirty days old")

    with shop.beside(days(31), **rules) as later:
        run = later.services.retention.run()
    assert run.deleted >= 2
    assert customer.http.get(url).status_code == 410
    assert not papers(shop, "thirty days old")


def test_what_would_go_and_why_the_rest_stays_is_said_beforehand_and_reported_afterwards(
    shop: NoteShop, office: Running
) -> None:
    customer = shop.customer()
    draft = shop.home.parent / "draft.txt"
    draft.write_text("only a draft")
    customer.draft({"paper": draft}, "notes")
    number = buy_note(shop, customer, paper="paid for")
    customer.at_rest(number)
    waiting = order_note(shop, customer, paper="may be paid")
    with shop.beside(days(2), unheld_hours=0) as later:
        plan = later.services.retention.plan()
        goes = {line.name: line.count for line in plan.going}
        stays = {line.name: line.why for line in plan.staying}
        assert goes["drafts"] >= 1
        assert {"inputs of paid orders", "deliveries", "unpaid orders"} <= set(stays)
        assert "kept for ever" in stays["deliveries"]

    code, said = shop.cli("retention", "--dry-run", "--json")

    assert code == 0
    assert json.loads(said)["done"] is None
    assert papers(shop, "only a draft")
    with office.services.database.read() as session:
        before = len(last_runs(session, 1000))
    assert shop.cli("retention")[0] == 0
    with office.services.database.read() as session:
        runs = last_runs(session, 1000)
    assert (len(runs), runs[0].by) == (before + 1, "cli")
    assert any(line["name"] == "deliveries" for line in runs[0].report["staying"])
    assert papers(shop, "paid for")
    assert papers(shop, "may be paid")
    assert customer.order(waiting)["state"] == "awaiting_payment"


def test_an_order_that_nobody_paid_keeps_its_files_for_its_days_and_no_longer(shop: NoteShop, office: Running) -> None:
    customer = shop.customer()
    number = order_note(shop, customer, paper="never paid")
    customer.payable(number)
    with office.services.database.write() as session:
        closing = sa.update(Order).where(Order.number == number).values(closed_at=office.services.clock.now())
        session.execute(closing.values(open_for=None))
    for after, there in ((6.9, True), (7.1, False)):
        with shop.beside(days(after), unheld_hours=0) as later:
            later.services.drafts.expire()
            later.services.retention.run()
        assert bool(papers(shop, "never paid")) is there


def unheld(shop: NoteShop, office: Running, text: str) -> Asset:
    """A stored object with a row that nothing holds."""
    source = shop.home.parent / "unheld.txt"
    source.write_text(text)
    sha256, size = digest(source)
    key = f"uploads/{new_id()}/{sha256}"
    parts = office.services
    parts.objects.put(key, source, sha256)
    with parts.database.write() as session:
        asset_id = assets.add(
            session, parts.clock, asset_id=new_id(), key=key, sha256=sha256, size=size, media_type="text/plain",
            file_name="unheld.txt", kind=assets.HoldKind.DRAFT, holder="gone",
        )  # fmt: skip
        assets.release(session, assets.HoldKind.DRAFT, "gone")
        return session.get_one(Asset, asset_id)


def test_a_deletion_that_fails_is_told_and_tried_again_and_the_others_go(shop: NoteShop, office: Running) -> None:
    stubborn, willing = unheld(shop, office, "stubborn"), unheld(shop, office, "willing")
    place = shop.home / "objects" / stubborn.key
    place.unlink()
    (place / "a folder with something in it").mkdir(parents=True)

    run = office.services.retention.run()

    assert run.failed == 1
    assert stubborn.key in run.report["failures"][0]
    assert not (shop.home / "objects" / willing.key).exists()
    office.services.alerts.look()
    with office.services.database.read() as session:
        [alert] = [row for row in open_alerts(session) if row.kind == "retention.failing"]
    assert stubborn.key in alert.subjects[0]["text"]
    (place / "a folder with something in it").rmdir()
    place.rmdir()
    run = office.services.retention.run()
    office.services.alerts.look()
    assert run.failed == 0
    with office.services.database.read() as session:
        assert [row for row in open_alerts(session) if row.kind == "retention.failing"] == []
        assert session.get_one(Asset, stubborn.id).deleted_at is not None


def test_an_object_without_a_row_is_reported_and_then_deleted_when_it_is_old(shop: NoteShop, office: Running) -> None:
    orphanage = shop.home / "objects" / "artefacts" / "nobody"
    orphanage.mkdir(parents=True)
    old, new = orphanage / ("a" * 64), orphanage / ("b" * 64)
    for path in (old, new):
        path.write_text("left behind")
    yesterday = time.time() - 25 * 3600
    os.utime(old, (yesterday, yesterday))

    found = office.services.orphans.run()

    assert found.orphans == (f"artefacts/nobody/{'a' * 64}",)
    assert old.exists()
    run = office.services.retention.run()
    assert [line["count"] for line in run.report["going"] if line["name"] == "without a row"] == [1]
    assert (old.exists(), new.exists()) == (False, True)


PUTS = """
import sys
from pathlib import Path
from makegood.storage.objects import ObjectStore, digest
source = Path(sys.argv[2])
sha256 = digest(source)[0]
ObjectStore(Path(sys.argv[1])).put("uploads/cut-off/" + sha256, source, sha256)
"""


def test_what_a_killed_write_has_left_is_found_and_goes_when_it_is_old(shop: NoteShop, office: Running) -> None:
    source, folder = shop.home.parent / "large", shop.home / "objects" / "uploads" / "cut-off"
    with source.open("wb") as file:
        file.truncate(1 << 30)
    writing = subprocess.Popen([sys.executable, "-c", PUTS, str(shop.home / "objects"), str(source)])
    until(lambda: folder.exists() and [*folder.iterdir()], 30, "the beginning of the write")
    writing.kill()
    writing.wait()
    [left] = folder.iterdir()
    source.unlink()

    assert office.services.orphans.run().unfinished == ()
    yesterday = time.time() - 25 * 3600
    os.utime(left, (yesterday, yesterday))

    assert office.services.orphans.run().unfinished == (f"uploads/cut-off/{left.name}",)
    assert not left.exists()


def test_an_orphan_that_is_made_once_more_is_taken_over_instead_of_deleted(shop: NoteShop, office: Running) -> None:
    parts = office.services
    source = shop.home.parent / "again.txt"
    source.write_text("made again")
    sha256, size = digest(source)
    key = f"artefacts/interrupted/note.txt/{sha256}"
    parts.objects.put(key, source, sha256)
    yesterday = time.time() - 25 * 3600
    os.utime(shop.home / "objects" / key, (yesterday, yesterday))
    assert parts.orphans.run().orphans == (key,)

    parts.objects.put(key, source, sha256)
    with parts.database.write() as session:
        assets.add(
            session, parts.clock, asset_id=new_id(), key=key, sha256=sha256, size=size, media_type="text/plain",
            file_name="note.txt", kind=assets.HoldKind.DELIVERY, holder="interrupted",
        )  # fmt: skip
    parts.retention.run()

    assert (shop.home / "objects" / key).exists()


def test_a_row_without_its_object_is_told_and_what_can_be_made_again_is(shop: NoteShop, office: Running) -> None:
    customer = shop.customer()
    number = buy_note(shop, customer, paper="soon to be lost")
    url = customer.at_rest(number)["units"][0]["artefacts"][0]["url"]
    before = customer.http.get(url).content
    [made] = (shop.home / "objects" / "artefacts" / obligation(office, number).id).rglob("note.txt/*")
    made.unlink()

    assert len(office.services.orphans.run().missing) == 1

    until(lambda: customer.http.get(url).status_code == 200, 40, "the file")
    assert customer.http.get(url).content == before
    [paper] = papers(shop, "soon to be lost")
    paper.unlink()
    assert len(office.services.orphans.run().missing) == 1
    office.services.alerts.look()
    with office.services.database.read() as session:
        [alert] = [row for row in open_alerts(session) if row.kind == "file.missing"]
    assert "paper.txt" in alert.subjects[0]["text"]
    paper.write_text("soon to be lost")
    office.services.orphans.run()
    office.services.alerts.look()
    with office.services.database.read() as session:
        assert [row for row in open_alerts(session) if row.kind == "file.missing"] == []


def test_a_kill_in_the_middle_of_a_deletion_leaves_nothing_undone(shop: NoteShop, office: Running) -> None:
    victim = unheld(shop, office, "half deleted")
    with office.services.database.write() as session:
        session.get_one(Asset, victim.id).deleting_at = office.services.clock.now()
    (shop.home / "objects" / victim.key).unlink()

    run = office.services.retention.run()

    assert run.failed == 0
    with office.services.database.read() as session:
        assert session.get_one(Asset, victim.id).deleted_at is not None
