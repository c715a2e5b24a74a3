"""The outbox, with the real engine and a real mail server."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from makegood.engine import Engine, WorkState
from makegood.kernel import audit, schema
from makegood.kernel.clock import MovedClock
from makegood.kernel.database import Database
from makegood.kernel.ids import new_id
from makegood.kernel.settings import Settings
from makegood.notify import Mail, Mailer, MailState
from makegood.notify.errors import HeaderInjection, SenderInvalid
from makegood.notify.transport import Envelope
from tests.notify.example_letters import letters
from tests.notify.mail_server import MailServer
from tests.shops import until


@dataclass
class Shop:
    database: Database
    engine: Engine
    clock: MovedClock
    settings: Settings
    mailer: Mailer
    server: MailServer

    def post(self, to: str, *, key: str = "", order_id: str | None = None, letter: int = 1) -> str:
        with self.database.write() as session:
            return self.mailer.post(session, key=key or new_id(), to=to, letter=letters()[letter], order_id=order_id)

    def mail(self, mail_id: str) -> Mail:
        with self.database.read() as session:
            return session.get_one(Mail, mail_id)

    def until(self, mail_id: str, holds: Callable[[Mail], bool]) -> Mail:
        deadline = time.monotonic() + 90
        while not holds(mail := self.mail(mail_id)):
            assert time.monotonic() < deadline, f"{mail.state} after {mail.tries} tries: {mail.last_error}"
            time.sleep(0.05)
        return mail

    def events(self, mail_id: str) -> list[str]:
        with self.database.read() as session:
            query = sa.select(audit.AuditEvent.event).where(audit.AuditEvent.subject == mail_id)
            return list(session.scalars(query.order_by(audit.AuditEvent.id)))


@pytest.fixture(scope="module")
def whole_shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    home: Path = tmp_path_factory.mktemp("notify")
    server = MailServer().start()
    settings = Settings(
        home=home, smtp_host="127.0.0.1", smtp_port=server.port, smtp_tls="none",
        mail_from="Poster & Söhne <shop@shop.example>",
    )  # fmt: skip
    database, clock = Database(settings.database), MovedClock()
    schema.migrate(database)
    engine = Engine(database, workers=2, poll_seconds=0.1, lease_seconds=2)
    mailer = Mailer(database, engine, clock, settings)
    mailer.register(engine)
    engine.launch()
    yield Shop(database, engine, clock, settings, mailer, server)
    engine.stop()
    database.close()
    server.stop()


@pytest.fixture
def shop(whole_shop: Shop) -> Shop:
    whole_shop.clock.offset = timedelta()
    return whole_shop


def test_a_posted_mail_arrives_whole(shop: Shop) -> None:
    mail_id = shop.post("whole@example.org", order_id="order-1")
    row = shop.until(mail_id, lambda mail: mail.state == MailState.ACCEPTED)
    (mail,) = shop.server.to("whole@example.org")
    assert mail["Message-ID"] == row.message_id and mail["Message-ID"].endswith("@shop.example>")
    assert mail["From"].addresses[0].display_name == "Poster & Söhne" and mail["To"] == "whole@example.org"
    assert mail["Auto-Submitted"] == "auto-generated" and mail["Date"].datetime is not None
    assert mail["List-Unsubscribe"] is None
    kinds = [part.get_content_type() for part in mail.iter_parts()]
    assert kinds == ["text/plain", "text/html"]
    for kind in ("plain", "html"):
        body = mail.get_body([kind])
        assert body is not None and "$9.87" in body.get_content()
    assert row.accepted_by == f"127.0.0.1:{shop.server.port}: taken"
    assert shop.events(mail_id) == ["mail.queued", "mail.accepted"]


def test_the_same_key_is_told_once(shop: Shop) -> None:
    first = shop.post("once@example.org", key="receipt/once")
    second = shop.post("somebody-else@example.org", key="receipt/once")
    shop.until(first, lambda mail: mail.state == MailState.ACCEPTED)
    assert first == second and len(shop.server.to("once@example.org")) == 1


def test_a_transaction_that_is_rolled_back_tells_nothing(shop: Shop) -> None:
    with shop.database.write() as session:
        mail_id = shop.mailer.post(session, key="rolled-back", to="never@example.org", letter=letters()[1])
        session.rollback()
    marker = shop.post("after@example.org")
    shop.until(marker, lambda mail: mail.state == MailState.ACCEPTED)
    with shop.database.read() as session:
        assert session.get(Mail, mail_id) is None
    assert shop.server.to("never@example.org") == []


def test_a_temporary_refusal_is_tried_again_later_under_the_same_message_id(shop: Shop) -> None:
    shop.server.answers["later@example.org"] = ["451 try later", "452 still full"]
    mail_id = shop.post("later@example.org")
    delayed = shop.until(mail_id, lambda mail: mail.last_error is not None)
    assert delayed.state == MailState.WAITING and "451 try later" in str(delayed.last_error)
    assert shop.mailer.sweep() == 0, "not due yet"
    shop.clock.offset += timedelta(minutes=5)
    assert until(shop.mailer.sweep, 10, "the try that failed having ended") == 1
    shop.until(mail_id, lambda mail: "452 still full" in str(mail.last_error))
    shop.clock.offset += timedelta(minutes=5)
    assert until(shop.mailer.sweep, 10, "the try that failed having ended") == 1
    shop.until(mail_id, lambda mail: mail.state == MailState.ACCEPTED)
    (mail,) = shop.server.to("later@example.org")
    assert mail["Message-ID"] == delayed.message_id
    assert shop.events(mail_id) == ["mail.queued", "mail.delayed", "mail.delayed", "mail.accepted"]


def test_a_final_refusal_is_recorded_and_left_alone_until_an_operator_wants_it_again(shop: Shop) -> None:
    shop.server.answers["gone@example.org"] = ["550 no such mailbox"]
    mail_id = shop.post("gone@example.org")
    failed = shop.until(mail_id, lambda mail: mail.state == MailState.FAILED)
    assert "550 no such mailbox" in str(failed.last_error)
    shop.clock.offset += timedelta(days=1)
    assert shop.mailer.sweep() == 0
    assert shop.mailer.retry(mail_id) and not shop.mailer.retry(mail_id)
    shop.until(mail_id, lambda mail: mail.state == MailState.ACCEPTED)
    assert len(shop.server.to("gone@example.org")) == 1


def test_a_server_that_is_away_is_waited_for(shop: Shop) -> None:
    shop.server.stop()
    try:
        mail_id = shop.post("patient@example.org")
        away = shop.until(mail_id, lambda mail: mail.last_error is not None)
        assert away.state == MailState.WAITING and "MAIL_SERVER_UNREACHABLE" in str(away.last_error)
    finally:
        shop.server.start()
    shop.clock.offset += timedelta(hours=2)
    until(shop.mailer.sweep, 10, "the try that failed having ended")
    shop.until(mail_id, lambda mail: mail.state == MailState.ACCEPTED)


def test_a_mail_that_has_lost_its_use_is_given_up(shop: Shop) -> None:
    shop.server.answers["sleepy@example.org"] = ["451 try later"] * 2
    mail_id = shop.post("sleepy@example.org", letter=0)
    shop.until(mail_id, lambda mail: mail.last_error is not None)
    shop.clock.offset += timedelta(hours=2)
    until(shop.mailer.sweep, 10, "the try that failed having ended")
    shop.until(mail_id, lambda mail: mail.state == MailState.FAILED)
    assert shop.server.to("sleepy@example.org") == []


def test_a_mail_that_fails_as_nobody_has_foreseen_is_delayed_and_sent_later(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    def surprise(_mail: Mail) -> bytes:
        raise ValueError("nobody thought of this")

    with monkeypatch.context() as patched:
        patched.setattr("makegood.notify.mails.compose", surprise)
        mail_id = shop.post("kim@example.com")
        mail = shop.until(mail_id, lambda mail: mail.last_error is not None)
    assert "nobody thought of this" in str(mail.last_error)
    assert mail.state == MailState.WAITING

    shop.clock.offset += timedelta(hours=2)
    until(shop.mailer.sweep, 10, "the try that failed having ended")
    shop.until(mail_id, lambda mail: mail.state == MailState.ACCEPTED)


def test_a_mail_whose_worker_broke_without_a_record_is_taken_up_after_its_lease(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = threading.Event()

    def breaks(envelope: Envelope) -> str:
        broken.set()
        raise RuntimeError("not one of ours")

    with monkeypatch.context() as patch:
        patch.setattr(shop.mailer._transport, "send", breaks)
        mail_id = shop.post("broken@example.org")
        assert broken.wait(30)
        identity = f"mail/{mail_id}/1"
        deadline = time.monotonic() + 90
        while shop.engine.state(identity) != WorkState.ENDED and time.monotonic() < deadline:
            time.sleep(0.05)
    assert shop.mailer.sweep() == 0, "it may still be on its way"
    shop.clock.offset += timedelta(minutes=5)
    assert shop.mailer.sweep() == 1
    assert shop.until(mail_id, lambda mail: mail.state == MailState.ACCEPTED).tries == 2


def test_an_attempt_that_was_overtaken_sends_nothing(shop: Shop) -> None:
    shop.server.answers["overtaken@example.org"] = ["451 try later"]
    mail_id = shop.post("overtaken@example.org")
    shop.until(mail_id, lambda mail: mail.last_error is not None)
    with shop.database.write() as session:
        session.execute(sa.update(Mail).where(Mail.id == mail_id).values(tries=2))
    shop.mailer.send(mail_id, 1)
    assert shop.server.to("overtaken@example.org") == []
    for _ in range(2):
        shop.mailer.send(mail_id, 2)
    assert len(shop.server.to("overtaken@example.org")) == 1


@pytest.mark.parametrize(
    "to",
    [
        "a@example.org\r\nBcc: b@example.org", "a@example.org\nX: y", "a@example.org,b@example.org", "a@b@example.org",
        "Anna <a@example.org>", "a@example.org\u2028", "a@exämple.org", "a@example.org\0", "@example.org", "",
    ],
)  # fmt: skip
def test_a_recipient_that_is_not_one_bare_address_is_refused_before_anything_is_kept(shop: Shop, to: str) -> None:
    with pytest.raises(HeaderInjection):
        shop.post(to, key=f"hostile/{to!r}")
    with shop.database.read() as session:
        assert session.scalar(sa.select(Mail.id).where(Mail.key == f"hostile/{to!r}")) is None


@pytest.mark.parametrize("sender", ["", "nobody", "Shop <shop@x.example>\r\nBcc: a@x.example", "Shop <@>"])
def test_a_shop_whose_own_address_is_wrong_says_so_at_its_start(shop: Shop, sender: str) -> None:
    settings = Settings(home=shop.settings.home, mail_from=sender)
    with pytest.raises(SenderInvalid):
        Mailer(shop.database, shop.engine, shop.clock, settings)


def test_without_a_mail_server_the_outbox_itself_accepts(shop: Shop) -> None:
    mailer = Mailer(shop.database, shop.engine, shop.clock, Settings(home=shop.settings.home))
    shop.server.refuses_at_rcpt["outbox@example.org"] = "450 not yet"
    mail_id = shop.post("outbox@example.org")
    shop.until(mail_id, lambda mail: mail.last_error is not None)
    mailer.send(mail_id, 1)
    assert shop.mail(mail_id).accepted_by == "outbox"
