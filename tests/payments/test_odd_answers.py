"""A provider that answers late, half, or with what is no answer: nothing is lost over it, and nothing stays."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest
import sqlalchemy as sa

from makegood.app import Running, build
from makegood.kernel.clock import MovedClock, SystemClock
from makegood.kernel.ids import new_id
from makegood.kernel.settings import Settings
from makegood.payments.models import CountedRefund, PaymentEvent
from makegood.payments.provider import (
    Page,
    ProviderHasNone,
    ProviderPayment,
    ProviderRefund,
    ProviderRefused,
    ProviderReversals,
    ProviderUnavailable,
    Stream,
)
from makegood.payments.providers.sandbox.adapter import SandboxProvider
from makegood.proof import prove

NOW = datetime.now(UTC)
AMOUNT = 500


def payment(ref: str, days: int, refunded: int = 0) -> ProviderPayment:
    """A payment of no order of ours, so many days old."""
    made = NOW - timedelta(days=days)
    return ProviderPayment(ref, None, "paid", AMOUNT, AMOUNT, refunded, "USD", None, True, created_at=made)


def refund(ref: str, of: str, state: str, days: int) -> ProviderRefund:
    return ProviderRefund(ref, None, state, AMOUNT, "USD", of, NOW - timedelta(days=days))


class Arranged:
    """A provider whose books are what the test writes into them, and which does what it says before it answers."""

    name, test = "sandbox", True

    def __init__(self) -> None:
        self.payments: dict[str, ProviderPayment] = {}
        self.refunds: dict[str, ProviderRefund] = {}
        self.lists = 0
        self.before_list: Callable[[Stream, str | None], Page | None] = lambda _stream, _cursor: None
        self.before: Callable[[str], None] = lambda _ref: None

    def list_recent(self, stream: Stream, since: datetime | None, cursor: str | None) -> Page:
        self.lists += 1
        arranged = self.before_list(stream, cursor)
        items = {"payments": self.payments, "refunds": self.refunds}.get(stream.value, {})
        young = [one for one in items.values() if since is None or one.created_at is None or one.created_at >= since]
        return arranged or Page(tuple(young))  # type: ignore[arg-type]

    def retrieve(self, ref: str) -> ProviderPayment:
        self.before(ref)
        if ref not in self.payments:
            raise ProviderHasNone(provider=self.name, problem="404")
        return self.payments[ref]

    def reversals(self, ref: str) -> ProviderReversals:
        self.before(ref)
        return ProviderReversals(tuple(one for one in self.refunds.values() if one.payment_ref == ref))


@pytest.fixture
def clock() -> MovedClock:
    return MovedClock()


@pytest.fixture
def shop(tmp_path: Path, clock: MovedClock) -> Iterator[Running]:
    running = build(Settings(home=tmp_path, isolated_processes=1), clock, hosts_sandbox=False)
    running.services.engine.prepare()
    running.services.engine.attach()
    yield running
    running.services.engine.stop()
    running.isolated.stop()
    running.services.database.close()


@pytest.fixture
def provider(shop: Running) -> Arranged:
    arranged = Arranged()
    shop.services.reconciling._providers["sandbox"] = arranged  # type: ignore[assignment]
    return arranged


def test_what_another_pass_has_booked_does_not_stay_a_difference(
    shop: Running, provider: Arranged, clock: MovedClock
) -> None:
    reconciling = shop.services.reconciling
    provider.payments = {"old": payment("old", 6), "new": payment("new", 0, AMOUNT)}
    provider.refunds = {
        "old refund": refund("old refund", "old", "pending", 5),
        "new refund": refund("new refund", "new", "succeeded", 0),
    }
    reconciling.reconcile()
    provider.refunds["old refund"] = refund("old refund", "old", "succeeded", 5)

    def another_pass_is_faster(ref: str) -> None:
        provider.before = lambda _ref: None
        reconciling.reconcile()
        raise ProviderUnavailable(provider="sandbox", problem=f"no answer about {ref} in time")

    provider.before = another_pass_is_faster
    reconciling.reconcile()
    provider.payments["old"] = payment("old", 6, AMOUNT)
    clock.offset = timedelta(hours=5)
    reconciling.reconcile()

    assert reconciling.reconcile().explained
    with shop.services.database.read() as session:
        counted = session.execute(sa.select(CountedRefund.ref, CountedRefund.amount_minor)).all()
    assert sorted(map(tuple, counted)) == [("new refund", AMOUNT), ("old refund", AMOUNT)]


def test_a_page_that_is_refused_each_time_ends_the_reading_of_its_list_alone(shop: Running, provider: Arranged) -> None:
    def refuse(stream: Stream, cursor: str | None) -> Page | None:
        if stream is Stream.PAYMENTS and cursor:
            raise ProviderRefused(provider="sandbox", problem="400 at the second page")
        return Page((), "second") if stream is Stream.PAYMENTS else None

    provider.before_list = refuse

    done = shop.services.reconciling.reconcile()

    assert [line.split(": ")[1] for line in done.unanswered] == ["payments"]
    assert (list(done.looked_at["sandbox"]), provider.lists) == (["refunds", "disputes"], 6)


def test_proof_names_what_it_found_whatever_else_is_not_answered_for(
    shop: Running, provider: Arranged, clock: MovedClock
) -> None:
    parts = shop.services
    provider.payments = {ref: payment(ref, 6) for ref in ("unseen", "unknown there", "went back")}
    parts.reconciling.reconcile()
    provider.payments["went back"] = payment("went back", 6, AMOUNT)
    del provider.payments["unknown there"]

    def unseen(ref: str) -> None:
        if ref == "unseen":
            raise ProviderUnavailable(provider="sandbox", problem="500")

    provider.before = unseen

    report = prove(parts.database, parts.objects, {"sandbox": provider}, clock, patience=())  # type: ignore[dict-item]

    about = [found for found in report.violations if found.clause.startswith("the payment providers' own word")]
    assert sorted(found.problem for found in about) == [
        "sandbox doesn't know it, our books say 500", "sandbox gave back 500, our books say 0",
    ]  # fmt: skip
    assert [line for line in report.unanswered if "own word" in line and "500" in line]


@pytest.mark.parametrize("status", [401, 403, 404])
def test_a_notification_is_nobodys_only_where_the_provider_has_no_such_payment(
    shop: Running, provider: Arranged, clock: MovedClock, status: int
) -> None:
    def answer(_ref: str) -> None:
        kind = ProviderHasNone if status == 404 else ProviderRefused
        raise kind(provider="sandbox", problem=str(status))

    provider.before = answer
    row = new_id()
    with shop.services.database.write() as session:
        session.add(
            PaymentEvent(
                id=row, provider="sandbox", event_id="e", kind="payment.succeeded", provider_ref="p", raw=b"{}",
                received_at=clock.now(), handle_try=1,
            )
        )  # fmt: skip

    if status == 404:
        shop.services.inbox.handle(row)
    else:
        with pytest.raises(ProviderRefused):
            shop.services.inbox.handle(row)

    with shop.services.database.read() as session:
        assert (session.get_one(PaymentEvent, row).handled_at is not None) == (status == 404)


@pytest.mark.parametrize("answer", [{"status": "maintenance"}, [], None, {"data": [{}], "next_cursor": None}])
@pytest.mark.parametrize("ask", ["list", "retrieve", "find", "reversals"])
def test_what_is_no_answer_of_the_provider_is_none(answer: object, ask: str) -> None:
    provider = SandboxProvider("http://provider/sandbox", "key", "secret", SystemClock())
    transport = httpx.MockTransport(lambda _request: httpx.Response(200, json=answer))
    provider._http = httpx.Client(base_url="http://provider", transport=transport)
    calls: dict[str, Callable[[], object]] = {
        "list": lambda: provider.list_recent(Stream.PAYMENTS, None, None),
        "retrieve": lambda: provider.retrieve("p"),
        "find": lambda: provider.find("r"),
        "reversals": lambda: provider.reversals("p"),
    }

    with pytest.raises(ProviderUnavailable):
        calls[ask]()


@pytest.mark.parametrize("status", [401, 404, 410])
def test_only_what_is_not_there_is_said_not_to_be(status: int) -> None:
    provider = SandboxProvider("http://provider/sandbox", "key", "secret", SystemClock())
    transport = httpx.MockTransport(lambda _request: httpx.Response(status, json={}))
    provider._http = httpx.Client(base_url="http://provider", transport=transport)

    with pytest.raises(ProviderRefused) as refused:
        provider.retrieve("p")

    assert isinstance(refused.value, ProviderHasNone) == (status != 401)
