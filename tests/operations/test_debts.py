"""Money that is owed back and does not get there is named by everybody who looks, whatever keeps it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta

import pytest
import sqlalchemy as sa

from makegood.app import Running
from makegood.engine import WorkState
from makegood.kernel.clock import MovedClock
from makegood.orders.models import Obligation, Refund
from makegood.orders.reversals import pay_back_work_id
from makegood.orders.states import RefundState
from makegood.payments.models import CountedRefund, Payment, PaymentEvent
from makegood.payments.provider import ProviderRefund
from makegood.proof import prove
from makegood.proof.conditions import RefundFailing
from tests.operations.note_shop import NoteShop, buy_note, obligation
from tests.shops import until

SOON, LATER, DAYS = timedelta(minutes=2), timedelta(hours=2), timedelta(days=2)


@dataclass
class Stopped:
    """A shop that was stopped, with two delivered notes. Of the first the money is to go back whole, of the second a
    part of it; nobody has asked the provider for either."""

    shop: NoteShop
    office: Running
    whole: str
    part: str

    def alerted(self, age: timedelta) -> list[str]:
        """What the alert about refunds says when that much time has passed."""
        services = self.office.services
        with services.database.read() as session:
            condition = RefundFailing(timedelta(minutes=10))
            return [subject.text for subject in condition.subjects(session, services.clock.now() + age)]

    def waiting(self) -> str:
        """What the doctor says about who works."""
        _, said = self.shop.cli("doctor", "--json")
        problems = [str(check["problem"]) for check in json.loads(said)["checks"]]
        return next(problem for problem in problems if "nobody works" in problem)


@pytest.fixture(scope="module")
def stopped(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stopped]:
    with NoteShop(tmp_path_factory.mktemp("debts")) as shop:
        customer = shop.customer()
        whole, part = buy_note(shop, customer), buy_note(shop, customer)
        for number in (whole, part):
            assert customer.at_rest(number)["state"] == "delivered"
        with shop.beside() as office:
            until(lambda: handled(office), 30, "nothing being left to do")
        shop.stop()
        with shop.beside() as office:
            with office.services.database.write() as session:
                obligations = office.services.obligations
                assert obligations.give_back(session, obligation(office, whole).id, "It tore.")
                assert obligations.give_part(session, obligation(office, part).id, 30, "It is late.", "late")
            yield Stopped(shop, office, whole, part)


def handled(office: Running) -> bool:
    """Whether every notification was handled before the shop was stopped."""
    with office.services.database.read() as session:
        return session.scalar(sa.select(PaymentEvent.id).where(PaymentEvent.handled_at.is_(None))) is None


def test_a_refund_under_way_contradicts_nothing_and_one_that_takes_days_does(stopped: Stopped) -> None:
    code, said = stopped.shop.cli("proof", "--json")
    assert (code, json.loads(said)["violations"]) == (0, [])

    services = stopped.office.services
    report = prove(services.database, services.objects, {}, MovedClock(DAYS))

    found = {v.order: v.problem for v in report.violations if v.clause == "what is owed back goes back within a day"}
    assert found.keys() == {stopped.whole, stopped.part}
    assert "$1.00 is owed back since" in found[stopped.whole]
    assert "$0.30 is owed back since" in found[stopped.part]


def test_a_refund_that_nobody_asks_for_is_told_by_its_age(stopped: Stopped) -> None:
    assert stopped.alerted(SOON) == []

    told = stopped.alerted(LATER)

    assert len(told) == 2
    assert any(stopped.whole in line and "$1.00" in line for line in told)
    assert any(stopped.part in line and "$0.30" in line for line in told)


def test_the_doctor_says_what_waits_when_nobody_works(stopped: Stopped) -> None:
    assert "2 refunds" in stopped.waiting()
    assert "unit" not in stopped.waiting()
    with stopped.office.services.database.write() as session:
        session.execute(sa.update(PaymentEvent).values(handled_at=None))
        events = session.scalar(sa.select(sa.func.count()).select_from(PaymentEvent))
        [payment] = session.scalars(sa.select(Payment).limit(1))
        values = {column.name: getattr(payment, column.name) for column in Payment.__table__.columns}
        asked = {"id": "asked", "provider_ref": None, "state": "requested", "captured_minor": 0, "problem": "none"}
        session.execute(sa.insert(Payment).values({**values, **asked}))

    said = stopped.waiting()

    assert f"{events} notifications" in said
    assert "1 payment request" in said
    with stopped.office.services.database.write() as session:
        session.execute(sa.update(PaymentEvent).values(handled_at=stopped.office.services.clock.now()))
        session.execute(sa.delete(Payment).where(Payment.id == "asked"))


class Odd:
    """A provider whose answers nobody has foreseen."""

    def find_refund(self, reference: str) -> ProviderRefund:
        raise KeyError("status")


class Nonsense:
    """A provider that says something that can't be counted."""

    def find_refund(self, reference: str) -> ProviderRefund:
        return ProviderRefund("re_odd", reference, "succeeded", 0, "USD")


@pytest.mark.parametrize(
    ("provider", "problem"), [(Odd(), "KeyError: 'status'"), (Nonsense(), "IntegrityError")], ids=["asking", "counting"]
)
def test_whatever_ends_a_try_is_kept_with_the_refund(
    stopped: Stopped, monkeypatch: pytest.MonkeyPatch, provider: object, problem: str
) -> None:
    refunding, database = stopped.office.services.refunding, stopped.office.services.database
    monkeypatch.setitem(refunding._providers, "sandbox", provider)
    owed = obligation(stopped.office, stopped.whole)

    with pytest.raises((KeyError, sa.exc.IntegrityError)):
        refunding.refund(owed.id)

    with database.read() as session:
        refund = session.scalars(sa.select(Refund).where(Refund.obligation_id == owed.id)).one()
        assert session.scalar(sa.select(sa.func.count()).select_from(CountedRefund)) == 0
        assert session.get_one(Obligation, owed.id).money == "refunding"
    assert refund.state == RefundState.RECORDED
    assert problem in str(refund.last_error)
    assert any(problem in line for line in stopped.alerted(LATER))


def test_asking_again_is_the_try_that_the_refund_says(stopped: Stopped) -> None:
    services = stopped.office.services
    owed = obligation(stopped.office, stopped.part)
    of_unit = sa.select(Refund).where(Refund.obligation_id == owed.id)
    with services.database.read() as session:
        before = session.scalars(of_unit).one()

    assert services.refunding.retry(before.id, "ann@shop.example")

    with services.database.read() as session:
        after = session.scalars(of_unit).one()
    assert after.tries == before.tries + 1
    assert services.engine.state(pay_back_work_id(after.id, after.tries)) == WorkState.WAITING


def test_the_next_start_gives_all_of_it_back(stopped: Stopped) -> None:
    stopped.shop.start()
    until(lambda: not stopped.alerted(DAYS), 30, "everything going back")
    assert stopped.shop.cli("proof")[0] == 0
