"""On PostgreSQL changes of one draft come at the same moment: each version has one content, and what is charged is the
price of what is ordered."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from threading import Barrier, Event, current_thread
from typing import Any

import pytest
import sqlalchemy as sa
from pydantic import BaseModel

from makegood.accounts.callers import Caller
from makegood.app import Running, build
from makegood.catalog.models import Promotion
from makegood.catalog.products import Products
from makegood.catalog.promotions import PromotionUnknown
from makegood.catalog.quotes import QuoteOutdated
from makegood.checkout import drafts, ordering
from makegood.checkout.drafts import read_options
from makegood.checkout.erasing import Erasing
from makegood.checkout.errors import OrderOpen
from makegood.checkout.models import Draft
from makegood.checkout.open_orders import OpenOrder
from makegood.kernel.ids import new_id
from makegood.kernel.settings import Settings
from makegood.orders.models import Order, OrderInput
from makegood.payments.models import Payment
from makegood.product_api import PriceLine, Product
from makegood.storage.assets import Asset
from tests.operations.plugins import notes
from tests.postgres import Postgres
from tests.shops import KEY, SECRET, Provider, free_port, until

PATIENCE = 1.5
"""Seconds in which whoever is not locked out has long done what it came for."""
AT_ONCE = 6


class Letters(notes.Notes):
    """Priced by its letters, those on the paper too."""

    def price(self, options: BaseModel, facts: Mapping[str, Mapping[str, Any]]) -> Sequence[PriceLine]:
        letters = len(options.model_dump()["text"]) + sum(int(fact["letters"]) for fact in facts.values())
        return [PriceLine("Letters", letters)]


@pytest.fixture(scope="module")
def provider(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Provider]:
    provider = Provider(tmp_path_factory.mktemp("provider"), free_port())
    provider.start()
    yield provider
    provider.stop()


@pytest.fixture(scope="module")
def office(tmp_path_factory: pytest.TempPathFactory, provider: Provider) -> Iterator[Running]:
    with Postgres() as server:
        settings = Settings(
            home=tmp_path_factory.mktemp("home"), env="test", database_url=server.create("shop"),
            sandbox_url=provider.url, sandbox_key=KEY, sandbox_webhook_secret=SECRET, isolated_processes=1,
            disk_floor_mb=1,
        )  # fmt: skip
        running = build(settings, products=Products({"notes": Letters()}))
        running.services.engine.prepare()
        running.services.engine.attach()
        yield running
        running.services.engine.stop()
        running.isolated.stop()
        running.services.database.close()


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(AT_ONCE) as pool:
        yield pool


class Desk:
    """One visitor and their draft."""

    def __init__(self, office: Running, folder: Path) -> None:
        self.parts, self._folder = office.services, folder
        self.caller: Caller = self.parts.accounts.visit()[0]
        self.draft = self.parts.drafts.start(self.caller, "notes", {"text": "a"}).id

    def change(self, text: str) -> Draft:
        return self.parts.drafts.change(self.caller, self.draft, {"text": text})

    def put(self, text: str) -> Draft:
        paper = self._folder / f"{new_id()}.txt"
        paper.write_text(text)
        return self.parts.drafts.put_file(self.caller, self.draft, "paper", paper, "paper.txt")

    def quote(self, promotion: str | None = None) -> str:
        return self.parts.ordering.quote(self.caller, self.draft, 1, promotion)[1]

    def place(self, quote: str, email: str = "kim@example.com") -> str:
        return self.parts.ordering.place(self.caller, self.draft, email, quote, str(uuid.uuid4()))

    def payable(self, order_id: str) -> str:
        """Ask the provider for the order's payment; its id there."""
        payments = sa.select(Payment).where(Payment.order_id == order_id)
        with self.parts.database.read() as session:
            payment = session.scalars(payments).one()
        self.parts.ordering._requesting.request(payment.id)
        with self.parts.database.read() as session:
            return str(session.scalars(payments).one().provider_ref)

    def ordered(self, order_id: str) -> tuple[int, int]:
        """What the order costs, and how many letters it has."""
        with self.parts.database.read() as session:
            [line] = session.get_one(Order, order_id).lines
            papers = sa.select(sa.func.coalesce(sa.func.sum(Asset.size), 0)).select_from(OrderInput)
            papers = papers.join(Asset, Asset.id == OrderInput.asset_id).where(OrderInput.order_line_id == line.id)
            return line.amount_minor, len(line.options["text"]) + int(session.scalar(papers) or 0)

    def waiting(self) -> int:
        """How many transactions wait for a row that another one has locked."""
        query = sa.text("SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'")
        with self.parts.database.read() as session:
            return int(session.scalar(query) or 0)


@pytest.fixture
def desk(office: Running, tmp_path: Path) -> Desk:
    return Desk(office, tmp_path)


def at_once(desk: Desk, pool: ThreadPoolExecutor, *acts: Callable[[], Draft]) -> list[int]:
    """The versions that these changes made, all of them begun before the first of them could end."""
    with desk.parts.database.write() as session:
        session.execute(sa.select(Draft.id).where(Draft.id == desk.draft).with_for_update())
        changing = [pool.submit(act) for act in acts]
        until(lambda: desk.waiting() == len(acts), 20, "everybody waiting for the draft")
    return sorted(change.result(30).version for change in changing)


def test_changes_at_the_same_moment_are_versions_of_their_own(desk: Desk, pool: ThreadPoolExecutor) -> None:
    desk.put("first")

    def remove() -> Draft:
        return desk.parts.drafts.remove_file(desk.caller, desk.draft, "paper")

    versions = at_once(desk, pool, lambda: desk.change("one"), lambda: desk.change("another"), remove)

    assert versions == [3, 4, 5]


def test_files_at_the_same_moment_are_versions_of_their_own_and_one_of_them_stays(
    desk: Desk, pool: ThreadPoolExecutor
) -> None:
    versions = at_once(desk, pool, lambda: desk.put("one"), lambda: desk.put("another"), lambda: desk.change("b"))

    assert versions == [2, 3, 4]
    assert len(desk.parts.drafts.get(desk.caller, desk.draft).files) == 1


def test_a_change_that_was_begun_before_a_quote_is_not_sold_at_its_price(
    desk: Desk, pool: ThreadPoolExecutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    dear, begun, goes_on = "dear" * 100, Event(), Event()

    def slowly(product: Product, options: Mapping[str, Any]) -> dict[str, Any]:
        if options["text"] == dear:
            begun.set()
            assert goes_on.wait(30)
        return read_options(product, options)

    monkeypatch.setattr(drafts, "read_options", slowly)
    changing = pool.submit(desk.change, dear)
    assert begun.wait(30)
    quoting = pool.submit(lambda: (desk.change("b"), desk.quote())[1])
    wait([quoting], PATIENCE)
    goes_on.set()
    changing.result(30)

    with suppress(QuoteOutdated):
        charged, letters = desk.ordered(desk.place(quoting.result(30)))
        assert charged == letters


def test_a_file_that_comes_while_an_order_is_placed_is_not_sold_at_the_price_of_the_one_before(
    desk: Desk, pool: ThreadPoolExecutor
) -> None:
    desk.put("small")
    quote, placing, looked = desk.quote(), current_thread(), []

    def between(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        # The draft's row has been read, its files have not.
        if current_thread() is placing and "FROM draft_file" in statement and not looked:
            looked.append(statement)
            pool.submit(desk.put, "dear" * 100).result(30)

    engine = desk.parts.database.engine
    sa.event.listen(engine, "before_cursor_execute", between)
    try:
        with suppress(QuoteOutdated):
            charged, letters = desk.ordered(desk.place(quote))
            assert charged == letters
    finally:
        sa.event.remove(engine, "before_cursor_execute", between)
    assert looked


def test_a_submit_that_comes_several_times_at_once_is_one_order(
    desk: Desk, pool: ThreadPoolExecutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    quote, together = desk.quote(), Barrier(AT_ONCE)
    # Each of them has looked for an order by then, and found none.
    monkeypatch.setattr(ordering.faults, "reach", lambda place: place == "checkout:before" and together.wait(30))

    placed = list(pool.map(desk.place, [quote] * AT_ONCE))

    assert len(set(placed)) == 1


def test_of_two_corrections_at_once_one_can_be_paid(
    desk: Desk, pool: ThreadPoolExecutor, monkeypatch: pytest.MonkeyPatch, provider: Provider
) -> None:
    quote, together = desk.quote(), Barrier(2)
    first = desk.payable(desk.place(quote))
    # Both of them have ended the first order by then.
    monkeypatch.setattr(ordering.faults, "reach", lambda place: place == "checkout:before" and together.wait(30))

    placing = [pool.submit(desk.place, quote, email) for email in ("ann@example.com", "bob@example.com")]
    refused = [error for error in (each.exception(30) for each in placing) if error]

    assert [type(error) for error in refused] == [OrderOpen]
    assert provider.http.get(f"/v1/payments/{first}").json()["status"] == "expired"
    with desk.parts.database.read() as session:
        mine = sa.select(Order).where(Order.visitor_id == desk.caller.visitor_id, Order.closed_at.is_(None))
        assert len(session.scalars(mine).all()) == 1


def test_a_promotions_use_passes_on_to_one_order_only(
    desk: Desk, pool: ThreadPoolExecutor, monkeypatch: pytest.MonkeyPatch, provider: Provider
) -> None:
    with desk.parts.database.write() as session:
        session.add(Promotion(code="LAST", percent=50, product_id=None, until=None, uses_left=1))
    desk.change("letter")
    quote, open_orders = desk.quote("last"), desk.parts.ordering._open_orders
    desk.payable(desk.place(quote))
    end, together, is_paid, here = open_orders.end, Barrier(2), Event(), current_thread()

    def end_together(order: OpenOrder, draft: Draft) -> None:
        together.wait(30)
        end(order, draft)

    monkeypatch.setattr(open_orders, "end", end_together)
    # The second correction is placed when the first one is not open any more.
    monkeypatch.setattr(ordering.faults, "reach", lambda place: current_thread() is here or is_paid.wait(30))
    late = pool.submit(desk.place, quote, "ann@example.com")
    corrected = desk.place(quote, "bob@example.com")
    provider.act(desk.payable(corrected), webhook="never")
    desk.parts.settling.settle_order(corrected)
    is_paid.set()

    assert isinstance(late.exception(30), PromotionUnknown)
    assert desk.ordered(corrected)[0] == 3


def test_a_file_that_comes_while_its_owner_is_erased_goes_too(
    desk: Desk, pool: ThreadPoolExecutor, monkeypatch: pytest.MonkeyPatch, provider: Provider
) -> None:
    parts, email = desk.parts, "erased@example.com"
    order_id = desk.place(desk.quote(), email)
    provider.http.post(f"/v1/payments/{desk.payable(order_id)}/expire").raise_for_status()
    parts.settling.settle_order(order_id)
    touch, has_come, goes_on = parts.drafts._touch, Event(), Event()

    def slowly(draft: Draft) -> None:
        touch(draft)
        has_come.set()
        assert goes_on.wait(30)

    monkeypatch.setattr(parts.drafts, "_touch", slowly)
    putting = pool.submit(desk.put, "personal")
    assert has_come.wait(30)
    eraser = Erasing(parts.database, parts.engine, parts.clock, parts.signer, parts.retention)
    erasing = pool.submit(eraser.erase, email)
    wait([erasing], PATIENCE)
    goes_on.set()

    [file] = putting.result(30).files
    assert len(erasing.result(30).orders) == 1
    with parts.database.read() as session:
        assert session.get_one(Asset, file.asset_id).deleted_at is not None


def test_a_draft_that_is_changed_at_its_end_stays(desk: Desk, pool: ThreadPoolExecutor) -> None:
    with desk.parts.database.write() as session:
        draft = session.get_one(Draft, desk.draft, with_for_update=True)
        draft.expires_at = desk.parts.clock.now() - timedelta(seconds=1)
    with desk.parts.database.write() as session:
        draft = session.get_one(Draft, desk.draft, with_for_update=True)
        draft.expires_at = desk.parts.clock.now() + timedelta(hours=1)
        draft.version += 1
        session.flush()
        expiring = pool.submit(desk.parts.drafts.expire)
        wait([expiring], PATIENCE)
    expiring.result(30)

    assert desk.parts.drafts.get(desk.caller, desk.draft).version == 2
