"""Operators are told outside of the shop: once for many, rarely again, that it is over, and never not at all."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session

from makegood.kernel import schema
from makegood.kernel.clock import MovedClock
from makegood.kernel.database import Database
from makegood.kernel.settings import Settings
from makegood.notify.alert_models import Alert, open_alerts
from makegood.notify.alerts import Alerts, Condition, Subject
from makegood.notify.models import Mail, MailState
from makegood.orders.models import Obligation, Order
from makegood.payments.models import Difference, ReconciliationCursor
from makegood.proof import conditions
from tests.operations.note_shop import NoteShop, buy_note, mails, obligation, order_note
from tests.shops import until


class Chat:
    """Where operators read: a real HTTP server that takes apprise's JSON, or refuses it while it is told to."""

    def __init__(self) -> None:
        self.messages: list[dict[str, Any]] = []
        self.asked, self.refuses = 0, False
        chat = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                chat.asked += 1
                body = self.rfile.read(int(self.headers["Content-Length"]))
                refuses = chat.refuses
                if not refuses:
                    chat.messages.append(json.loads(body))
                self.send_response(500 if refuses else 200)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                """Quietly."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        Thread(target=self._server.serve_forever, daemon=True).start()

    @property
    def url(self) -> str:
        return f"json://127.0.0.1:{self._server.server_port}"

    @property
    def titles(self) -> list[str]:
        return [message["title"] for message in self.messages]

    def about(self, text: str) -> list[dict[str, Any]]:
        """The messages that name `text`."""
        return [message for message in self.messages if text in message["message"]]

    def close(self) -> None:
        self._server.shutdown()


class Trouble:
    """A condition that finds what the test puts there."""

    kind, title = "trouble", "There is trouble"

    def __init__(self, *, happens: bool = False) -> None:
        self.happens, self.found, self.breaks = happens, list[str](), False

    def subjects(self, session: Session, now: datetime) -> list[Subject]:
        if self.breaks:
            raise OSError("nobody can look there")
        return [Subject(name, f"{name} is in trouble") for name in self.found]


@pytest.fixture
def chat() -> Iterator[Chat]:
    server = Chat()
    yield server
    server.close()


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    fresh = Database(f"sqlite:///{tmp_path / 'shop.db'}")
    schema.migrate(fresh)
    yield fresh
    fresh.close()


@pytest.fixture
def clock() -> MovedClock:
    return MovedClock()


def watch(database: Database, clock: MovedClock, trouble: Condition, *chats: Chat) -> Alerts:
    urls = ", ".join(chat.url for chat in chats)
    return Alerts(database, clock, Settings(alert_urls=urls, shop_name="Shop"), [trouble])


def test_many_subjects_are_one_message_and_the_end_is_told_once(
    database: Database, clock: MovedClock, chat: Chat
) -> None:
    trouble = Trouble()
    alerts = watch(database, clock, trouble, chat)
    trouble.found = [f"order {n}" for n in range(40)]

    for _ in range(3):
        alerts.run()
    for left in (["order 39"], [], []):
        trouble.found = left
        alerts.run()

    assert chat.titles == ["Shop: There is trouble (40)", "Shop: over: There is trouble"]
    assert "order 7 is in trouble" in chat.messages[0]["message"]
    assert "and 10 more" in chat.messages[0]["message"]
    assert "order 7 is in trouble" in chat.messages[1]["message"]


def test_it_is_repeated_after_hours_with_what_has_come_since(database: Database, clock: MovedClock, chat: Chat) -> None:
    trouble = Trouble()
    alerts = watch(database, clock, trouble, chat)
    trouble.found = ["first"]
    alerts.run()
    trouble.found = ["first", "second"]
    clock.offset = timedelta(hours=5)
    alerts.run()
    assert len(chat.messages) == 1

    clock.offset = timedelta(hours=7)
    alerts.run()
    alerts.run()

    assert len(chat.messages) == 2
    assert "second" in chat.messages[1]["message"]


def test_what_nobody_accepts_stays_untold_and_is_tried_again(database: Database, clock: MovedClock, chat: Chat) -> None:
    trouble = Trouble()
    alerts = watch(database, clock, trouble, chat)
    chat.refuses, trouble.found = True, ["an order"]

    alerts.run()
    alerts.run()

    assert chat.asked == 2
    with database.read() as session:
        [row] = open_alerts(session)
    assert row.told_at is None
    assert "did not accept" in str(row.last_error)
    chat.refuses = False
    alerts.run()
    assert len(chat.about("an order is in trouble")) == 1


def test_what_was_over_before_anybody_accepted_is_still_told(database: Database, clock: MovedClock, chat: Chat) -> None:
    trouble = Trouble()
    alerts = watch(database, clock, trouble, chat)
    chat.refuses, trouble.found = True, ["an order"]
    alerts.run()
    trouble.found = []
    alerts.run()
    chat.refuses = False

    alerts.run()
    alerts.run()

    assert chat.titles == ["Shop: over: There is trouble"]
    assert "over before it could be told" in chat.messages[0]["message"]


def test_one_address_that_refuses_does_not_make_the_others_hear_it_again(
    database: Database, clock: MovedClock, chat: Chat
) -> None:
    other, trouble = Chat(), Trouble()
    alerts = watch(database, clock, trouble, chat, other)
    other.refuses, trouble.found = True, ["an order"]
    for _ in range(3):
        alerts.run()
    other.refuses = False
    alerts.run()

    assert (len(chat.messages), len(other.messages)) == (1, 1)
    other.close()


@pytest.mark.parametrize("happens", [False, True], ids=["lasts", "happens"])
def test_an_address_that_is_dead_keeps_no_other_from_hearing_what_comes_later(
    database: Database, clock: MovedClock, chat: Chat, happens: bool
) -> None:
    dead, trouble = Chat(), Trouble(happens=happens)
    alerts = watch(database, clock, trouble, dead, chat)
    dead.refuses = True
    for number in range(4):
        trouble.found.append(f"order {number}")
        clock.offset = timedelta(hours=7 * number)
        alerts.run()
        alerts.run()

    assert [message["message"].splitlines()[-1] for message in chat.messages] == [
        f"- order {number} is in trouble" for number in range(4)
    ]
    dead.refuses = False
    for _ in range(3):
        alerts.run()
    assert "order 3 is in trouble" in dead.messages[-1]["message"]
    assert len(dead.messages) == (4 if happens else 1)
    assert {title.partition(" (")[0] for title in dead.titles} == {"Shop: There is trouble"}
    trouble.found = []
    alerts.run()
    alerts.run()
    ends = [] if happens else ["Shop: over: There is trouble"]
    assert (chat.titles[4:], dead.titles[len(dead.titles) - len(ends) :]) == (ends, ends)
    dead.close()


def test_what_happens_is_told_once_each_and_has_no_end(database: Database, clock: MovedClock, chat: Chat) -> None:
    trouble = Trouble(happens=True)
    alerts = watch(database, clock, trouble, chat)
    trouble.found = ["first"]
    alerts.run()
    trouble.found = ["first", "second", "third"]
    alerts.run()
    assert len(chat.messages) == 1

    clock.offset = timedelta(hours=7)
    alerts.run()
    trouble.found = []
    alerts.run()

    assert len(chat.messages) == 2
    assert "first" not in chat.messages[1]["message"]
    assert "second" in chat.messages[1]["message"]
    assert "third" in chat.messages[1]["message"]


def test_two_processes_tell_it_once(database: Database, clock: MovedClock, chat: Chat) -> None:
    trouble = Trouble()
    both = [watch(database, clock, trouble, chat) for _ in range(2)]
    trouble.found = ["an order"]
    both[0].look()
    threads = [Thread(target=alerts.run) for alerts in both]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)

    assert len(chat.messages) == 1


def test_a_condition_that_cannot_be_looked_at_is_told_and_ends_nothing(
    database: Database, clock: MovedClock, chat: Chat
) -> None:
    trouble = Trouble()
    alerts = watch(database, clock, trouble, chat)
    trouble.found = ["an order"]
    alerts.run()

    trouble.breaks = True
    alerts.run()

    assert [title.removeprefix("Shop: ") for title in chat.titles] == [
        "There is trouble", "The shop can't look after itself",
    ]  # fmt: skip
    assert "nobody can look there" in chat.messages[1]["message"]


def test_who_looks_for_the_first_time_does_not_end_that_nobody_works(
    database: Database, clock: MovedClock, chat: Chat
) -> None:
    pages, command = (watch(database, clock, conditions.WorkerSilent(list, 10), chat) for _ in range(2))
    pages.run()
    assert chat.messages == []
    clock.offset = timedelta(minutes=1)
    pages.run()

    command.run()

    assert chat.titles == ["Shop: What is paid for may not be worked on"]
    with database.read() as session:
        assert len(open_alerts(session)) == 1


def test_a_list_that_nobody_reads_to_its_end_is_told_of_once_the_shop_has_had_its_time(
    database: Database, clock: MovedClock, chat: Chat
) -> None:
    def behind() -> conditions.ReconciliationBehind:
        return conditions.ReconciliationBehind(["sandbox"], timedelta(minutes=10))

    with database.write() as session:
        for provider, finished in (("sandbox", clock.now()), ("gone", None)):
            row = ReconciliationCursor(provider=provider, stream="refunds", version=0, finished_at=finished)
            session.add(row)
    clock.offset = timedelta(days=2)
    # The shop stood still for two days, and reads on now.
    worker, command = (watch(database, clock, behind(), chat) for _ in range(2))
    worker.run()
    assert chat.messages == []
    clock.offset += timedelta(minutes=11)
    worker.run()
    command.run()
    assert chat.titles == ["Shop: A payment provider's list is not read to its end"]
    assert "sandbox: refunds" in chat.messages[0]["message"]
    assert "gone" not in chat.messages[0]["message"]

    with database.write() as session:
        session.execute(sa.update(ReconciliationCursor).values(finished_at=clock.now()))
    worker.run()
    assert chat.titles[1:] == ["Shop: over: A payment provider's list is not read to its end"]


def test_many_that_were_told_of_hide_none_that_comes_later(
    database: Database, clock: MovedClock, chat: Chat, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(conditions, "MOST", 3)
    alerts = watch(database, clock, conditions.MailFailed(), chat)
    refused(database, clock, *(f"early {number}" for number in range(5)))
    alerts.run()
    clock.offset = timedelta(hours=7)
    refused(database, clock, "late")

    alerts.run()

    assert len(chat.about("late")) == 1


def refused(database: Database, clock: MovedClock, *subjects: str) -> None:
    """Mails that no server took."""
    with database.write() as session:
        for subject in subjects:
            session.add(
                Mail(
                    id=subject, key=subject, message_id=subject, to="nobody@example.com", subject=subject, html="",
                    text="", headers={}, state=MailState.FAILED, tries=1, next_try_at=clock.now(),
                    give_up_at=clock.now(), last_error="550 nobody", created_at=clock.now(),
                )
            )  # fmt: skip


@pytest.fixture(scope="module")
def office_chat() -> Iterator[Chat]:
    server = Chat()
    yield server
    server.close()


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory, office_chat: Chat) -> Iterator[NoteShop]:
    settings = {"MAKEGOOD_ALERT_URLS": office_chat.url, "MAKEGOOD_ALERT_SECONDS": "0.3"}
    with NoteShop(tmp_path_factory.mktemp("alerts"), **settings, MAKEGOOD_ALERT_STUCK_ATTEMPTS="2") as running:
        yield running


def test_what_fails_again_and_again_is_told_and_so_is_its_end(shop: NoteShop, office_chat: Chat) -> None:
    customer = shop.customer()
    office_chat.refuses = True
    (shop.control / "fail").touch()
    numbers = [buy_note(shop, customer), buy_note(shop, customer)]

    def stuck() -> bool:
        _, said = shop.cli("alerts", "--json")
        return all(number in json.dumps(json.loads(said)["open"]) for number in numbers)

    until(stuck, 40, "both orders being stuck")
    asked = office_chat.asked
    until(lambda: office_chat.asked > asked + 1, 20, "a message that names both")
    office_chat.refuses = False

    told = until(lambda: office_chat.about(numbers[0]), 20, "the message")
    assert numbers[1] in told[0]["message"]
    assert "NO_INK: The pen is dry." in told[0]["message"]
    code, said = shop.cli("alerts")
    assert code == 1
    assert "Making fails again and again" in said
    (shop.control / "fail").unlink()
    for number in numbers:
        assert customer.at_rest(number)["state"] == "delivered"
    for number in numbers:
        until(lambda number=number: len(office_chat.about(number)) > 1, 20, "the end notice")
        assert len(office_chat.about(number)) == 2
    assert [title for title in office_chat.titles if "over: Making fails" in title]


def test_what_is_not_delivered_by_its_deadline_goes_back_with_an_apology_and_an_alert(
    shop: NoteShop, office_chat: Chat
) -> None:
    customer = shop.customer()
    (shop.control / "fail").touch()
    number = buy_note(shop, customer, text="Late")
    with shop.beside() as office:
        owed = obligation(office, number)
        with office.services.database.write() as session:
            session.execute(sa.update(Obligation).where(Obligation.id == owed.id).values(deadline_at=owed.owed_at))
        order = customer.at_rest(number)
        (shop.control / "fail").unlink()
        assert (order["state"], shop.provider.kept(order["payment"]["id"])) == ("refunded", 0)
        until(lambda: {"apology", "refunded"} <= set(mails(shop, office, number)), 20, "the mails")
        assert mails(shop, office, number).count("apology") == 1
    outbox = customer.http.get("/outbox").text
    assert f"We are sorry: we could not make your order {number}" in outbox
    told = until(lambda: [m for m in office_chat.about(number) if "deadline" in m["title"]], 20, "the alert")
    assert "$1.00" in told[0]["message"]


def calm(shop: NoteShop) -> bool:
    """Whether there is nothing to tell."""
    with shop.beside() as office, office.services.database.read() as session:
        return session.scalar(sa.select(Alert.id).where(Alert.end_told_at.is_(None))) is None


def test_a_kill_between_telling_and_noting_it_repeats_the_message_and_loses_none(
    shop: NoteShop, office_chat: Chat
) -> None:
    customer = shop.customer()
    until(lambda: calm(shop), 20, "the end of what was before")
    office_chat.refuses = True
    (shop.control / "fail").touch()
    number = buy_note(shop, customer)
    until(lambda: not calm(shop), 20, "the alert")
    shop.die_at("alert:accepted")
    office_chat.refuses = False
    shop.wait_for_death()
    before = len(office_chat.about(number))
    assert before == 1
    with shop.beside() as office, office.services.database.write() as session:
        # The lease of the dead process ends at once instead of in two minutes.
        session.execute(sa.update(Alert).values(telling_until=None))
    shop.start()

    until(lambda: len(office_chat.about(number)) > before, 30, "the message once more")
    with shop.beside() as office, office.services.database.read() as session:
        until(lambda: any(row.told_at for row in open_alerts(session)) or session.rollback(), 20, "the note of it")
    (shop.control / "fail").unlink()
    assert customer.at_rest(number)["state"] == "delivered"


def test_a_dispute_is_told_until_it_is_decided(shop: NoteShop, office_chat: Chat) -> None:
    customer = shop.customer()
    number = buy_note(shop, customer)
    order = customer.at_rest(number)
    [paid] = shop.provider.payments(order["payment"]["id"])

    opened = shop.provider.http.post(f"/v1/test/payments/{paid['id']}/dispute", json={"webhook": "normal"})

    assert opened.status_code < 300, opened.text
    told = until(lambda: [m for m in office_chat.about(number) if "disputed" in m["title"]], 30, "the alert")
    assert "$1.00" in told[0]["message"]


def test_money_that_cant_be_booked_is_told_until_it_is(shop: NoteShop, office_chat: Chat) -> None:
    customer = shop.customer()
    number = order_note(shop, customer)
    ref = str(customer.payable(number)["ref"])
    with shop.beside() as office, office.services.database.write() as session:
        # Nobody can be written to at such an address, so the receipt can't be posted.
        session.execute(sa.update(Order).where(Order.number == number).values(email="nobody"))
    shop.provider.act(ref, webhook="never")

    assert shop.cli("reconcile")[0] == 1
    with shop.beside() as office, office.services.database.write() as session:
        ago = office.services.clock.now() - timedelta(hours=1)
        changed = session.execute(sa.update(Difference).where(Difference.ref == ref).values(found_at=ago))
        assert changed.rowcount == 1  # type: ignore[attr-defined]

    [told] = until(lambda: office_chat.about(number), 20, "the alert")
    assert "it can't be booked" in told["message"]
    with shop.beside() as office, office.services.database.write() as session:
        session.execute(sa.update(Order).where(Order.number == number).values(email="kim@example.com"))
    assert shop.cli("reconcile")[0] == 0
    assert customer.at_rest(number)["state"] == "delivered"
    until(lambda: len(office_chat.about(number)) == 2, 20, "the end notice")
