"""A shop of its own process, to be killed: posts one mail (once) and runs until it is accepted."""

from __future__ import annotations

import sys
import time

from makegood.engine import Engine
from makegood.kernel import schema
from makegood.kernel.clock import SystemClock
from makegood.kernel.database import Database
from makegood.kernel.settings import Settings
from makegood.notify import Mail, Mailer, MailState
from tests.notify.example_letters import letters


def main() -> None:
    settings = Settings()
    database = Database(settings.database)
    schema.migrate(database)
    # Polling finds nothing here: starting has to be enough.
    engine = Engine(database, workers=2, poll_seconds=3600, lease_seconds=2)
    mailer = Mailer(database, engine, SystemClock(), settings)
    mailer.register(engine)
    engine.launch()
    with database.write() as session:
        mail_id = mailer.post(session, key="receipt/killed", to="killed@example.org", letter=letters()[1])
    deadline = time.monotonic() + 90
    while time.monotonic() < deadline:
        with database.read() as session:
            if session.get_one(Mail, mail_id).state == MailState.ACCEPTED:
                engine.stop()
                return
        time.sleep(0.05)
    sys.exit("the mail was not accepted in time")


if __name__ == "__main__":
    main()
