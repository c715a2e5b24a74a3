"""Posting and sending. A mail is a row first; the server comes later and can't undo anything by failing."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

import sqlalchemy as sa
from sqlalchemy.orm import Session

from makegood.engine import Engine, WorkState
from makegood.kernel import audit, faults, logs
from makegood.kernel.clock import Clock
from makegood.kernel.database import Database
from makegood.kernel.errors import MakegoodError
from makegood.kernel.ids import new_id
from makegood.kernel.settings import Settings
from makegood.notify.errors import MailNotSent
from makegood.notify.letters import Letter
from makegood.notify.message import check_header, check_recipient, compose, read_sender
from makegood.notify.models import ERASED_DOMAIN, MAIL, Mail, MailState, get
from makegood.notify.rendering import render
from makegood.notify.transport import CONVERSATION_SECONDS, Envelope, transport_for

WORKFLOW = "notify.send"
QUEUE = "mail"
"""Its own: a mail server that takes its time, or says nothing, keeps no payment and no refund waiting."""

# While a mail is being sent the sweep leaves it alone; a conversation can't last this long.
LEASE = timedelta(seconds=2 * CONVERSATION_SECONDS)
LONGEST_WAIT = timedelta(hours=1)
AT_A_TIME = 200

log = logs.get("notify")


class Mailer:
    """`post` in the transaction that has something to tell; a workflow sends, and `sweep` asks again.

    Delivery is at least once under one Message-ID: twice only when the process is killed between a server's
    acceptance and its record, or when the connection breaks in that moment.
    """

    def __init__(self, database: Database, engine: Engine, clock: Clock, settings: Settings) -> None:
        """A sender that can't be read from the settings raises `SenderInvalid`."""
        self._database = database
        self._engine = engine
        self._clock = clock
        self._settings = settings
        self._sender = read_sender(settings.mail_from)
        self._transport = transport_for(settings, own_name=self._sender.domain)

    def register(self, engine: Engine) -> None:
        """Make the sending workflow known; before the engine's launch."""
        engine.workflow(WORKFLOW, self.send, queue=QUEUE)

    def post(self, session: Session, *, key: str, to: str, letter: Letter, order_id: str | None = None) -> str:
        """Render the letter and put it into the outbox, in the caller's transaction; returns the mail's id. The
        same `key` again changes nothing. `to` is one bare ASCII address; anything else raises `HeaderInjection`.
        Nobody is written to who was taken out: the id is empty then."""
        known = session.scalar(sa.select(Mail.id).where(Mail.key == key))
        if known is not None:
            return known
        if to.endswith(f"@{ERASED_DOMAIN}"):
            audit.record(session, self._clock, "mail.not_written", key, order_id, key=key)
            return ""
        check_recipient(to)
        check_header("Subject", letter.subject)
        body = render(letter, shop_name=self._settings.shop_name, shop_url=self._settings.public_address)
        mail_id, now = new_id(), self._clock.now()
        mail = Mail(
            id=mail_id, key=key, message_id=f"<{mail_id}@{self._sender.domain}>", order_id=order_id, to=to,
            subject=letter.subject, html=body.html, text=body.text,
            headers={"From": self._settings.mail_from, "Auto-Submitted": "auto-generated"},
            state=MailState.WAITING, tries=1, next_try_at=now, give_up_at=now + letter.useful_for,
            accepted_at=None, accepted_by=None, last_error=None, created_at=now,
        )  # fmt: skip
        session.add(mail)
        session.flush()
        audit.record(session, self._clock, "mail.queued", mail_id, order_id, key=key, to=to)
        self._enqueue(session, mail_id, 1)
        return mail_id

    def send(self, mail_id: str, attempt: int) -> None:
        """The workflow: hand the mail to the server and record what it said. Does nothing when the mail is not
        waiting for this attempt any more. A failure is recorded, not raised: it belongs to the mail alone."""
        mail = self._claim(mail_id, attempt)
        if mail is None:
            return
        try:
            envelope = Envelope(self._sender.address, mail.to, compose(mail))
            accepted_by = self._transport.send(envelope)
        except MakegoodError as error:
            self._record_failure(mail, error)
            return
        except Exception as error:
            # Whatever it is, this mail must come to an end that somebody is told of.
            log.exception("mail.not_sent", mail=mail.id, key=mail.key)
            self._record_failure(mail, MailNotSent(problem=f"{type(error).__name__}: {error}"))
            return
        faults.reach("mail:accepted")
        self._record_acceptance(mail, accepted_by)

    def sweep(self) -> int:
        """Ask again for every due mail that nothing is working on; returns how many."""
        with self._database.read() as session:
            due = list(
                session.scalars(
                    sa.select(Mail).where(Mail.state == MailState.WAITING, Mail.next_try_at <= self._clock.now())
                    .order_by(Mail.next_try_at).limit(AT_A_TIME)
                )
            )  # fmt: skip
        alive = (WorkState.WAITING, WorkState.RUNNING)
        states = self._engine.states([mail_work_id(mail.id, mail.tries) for mail in due])
        return sum(self._ask_again(mail) for mail in due if states[mail_work_id(mail.id, mail.tries)] not in alive)

    def retry(self, mail_id: str, by: str | None = None) -> bool:
        """An operator's wish (`by`): send a failed mail again. Returns whether it was failed."""
        now = self._clock.now()
        with self._database.write() as session:
            mail = get(session, mail_id)
            again = MAIL.move(
                session, Mail.state, Mail.id == mail_id, MailState.WAITING, Mail.tries == mail.tries,
                come_from=[MailState.FAILED], tries=mail.tries + 1, next_try_at=now,
                give_up_at=now + Letter.useful_for,
            )  # fmt: skip
            if again:
                self._enqueue(session, mail_id, mail.tries + 1)
                audit.record(
                    session, self._clock, "mail.queued", mail_id, mail.order_id, key=mail.key, to=mail.to, by=by
                )
        return again

    def _enqueue(self, session: Session, mail_id: str, attempt: int) -> None:
        self._engine.enqueue(session, WORKFLOW, mail_work_id(mail_id, attempt), mail_id, attempt)

    def _claim(self, mail_id: str, attempt: int) -> Mail | None:
        with self._database.write() as session:
            # A workflow that was interrupted comes back with the same attempt and may claim it again.
            claimed: Sequence[Mail] = MAIL.take(
                session, Mail.state, Mail.id == mail_id, MailState.WAITING, Mail.tries == attempt,
                come_from=[MailState.WAITING], next_try_at=self._clock.now() + LEASE,
            )  # fmt: skip
            if not claimed:
                # Not waiting any more is well; not being there is not.
                get(session, mail_id)
            return next(iter(claimed), None)

    def _ask_again(self, mail: Mail) -> bool:
        with self._database.write() as session:
            still_due = MAIL.move(
                session, Mail.state, Mail.id == mail.id, MailState.WAITING, Mail.tries == mail.tries,
                Mail.next_try_at == mail.next_try_at, come_from=[MailState.WAITING], tries=mail.tries + 1,
            )  # fmt: skip
            if still_due:
                self._enqueue(session, mail.id, mail.tries + 1)
        return still_due

    def _record_acceptance(self, mail: Mail, accepted_by: str) -> None:
        with self._database.write() as session:
            # Whatever attempt it was: an accepted mail must not be sent again.
            recorded = MAIL.move(
                session, Mail.state, Mail.id == mail.id, MailState.ACCEPTED, accepted_at=self._clock.now(),
                accepted_by=accepted_by, last_error=None,
            )  # fmt: skip
            if recorded:
                audit.record(
                    session, self._clock, "mail.accepted", mail.id, mail.order_id, key=mail.key, server=accepted_by
                )
        log.info("mail.accepted", mail=mail.id, key=mail.key, order=mail.order_id, server=accepted_by)

    def _record_failure(self, mail: Mail, error: MakegoodError) -> None:
        now = self._clock.now()
        final = not error.can_heal or now >= mail.give_up_at
        wait = min(timedelta(seconds=self._settings.retry_seconds) * 2 ** min(mail.tries - 1, 20), LONGEST_WAIT)
        with self._database.write() as session:
            recorded = MAIL.move(
                session, Mail.state, Mail.id == mail.id, MailState.FAILED if final else MailState.WAITING,
                Mail.tries == mail.tries, come_from=[MailState.WAITING], next_try_at=now + wait,
                last_error=str(error),
            )  # fmt: skip
            if recorded:
                event = "mail.failed" if final else "mail.delayed"
                audit.record(
                    session, self._clock, event, mail.id, mail.order_id, key=mail.key, code=error.code,
                    reason=error.for_operator(), tries=mail.tries,
                )  # fmt: skip
        log.warning("mail.failed" if final else "mail.delayed", mail=mail.id, key=mail.key, error=str(error))


def mail_work_id(mail_id: str, attempt: int) -> str:
    """The workflow of one try at sending a mail."""
    return f"mail/{mail_id}/{attempt}"
