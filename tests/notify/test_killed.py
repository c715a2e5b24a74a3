"""The one moment in which a mail may be sent twice."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.notify.mail_server import MailServer

SHOP = Path(__file__).with_name("killed_shop.py")


def test_killed_between_acceptance_and_record_the_mail_comes_again_under_its_message_id(tmp_path: Path) -> None:
    server = MailServer().start()
    environment = os.environ | {
        "MAKEGOOD_HOME": str(tmp_path), "MAKEGOOD_ENV": "test",
        "MAKEGOOD_SMTP_HOST": "127.0.0.1", "MAKEGOOD_SMTP_PORT": str(server.port), "MAKEGOOD_SMTP_TLS": "none",
        "PYTHONPATH": os.pathsep.join(path for path in sys.path if path),
    }  # fmt: skip
    (tmp_path / "die-at").write_text("mail:accepted")
    try:
        first = subprocess.run([sys.executable, str(SHOP)], env=environment, timeout=60, check=False)
        if first.returncode != -signal.SIGKILL:
            pytest.fail(f"the shop was not killed: {first.returncode}")
        assert len(server.mails) == 1
        subprocess.run([sys.executable, str(SHOP)], env=environment, timeout=60, check=True)
        assert len(server.mails) == 2, "accepted, but never recorded: it must be sent again"
        assert len({mail["Message-ID"] for mail in server.mails}) == 1
        subprocess.run([sys.executable, str(SHOP)], env=environment, timeout=60, check=True)
        assert len(server.mails) == 2, "recorded: never again"
    finally:
        server.stop()
