"""The post office's own process: its database counts what was made and undone by reference, and keeps when that was and
how it answered who looked."""

from __future__ import annotations

import json
import sqlite3
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Lock
from typing import Any

TABLES = """
CREATE TABLE IF NOT EXISTS mailbox (reference TEXT PRIMARY KEY, alive INT, created INT, destroyed INT);
CREATE TABLE IF NOT EXISTS look (reference TEXT, at REAL, status INT);
CREATE TABLE IF NOT EXISTS term (reference TEXT PRIMARY KEY, since REAL, ended REAL);
"""


class Desk(BaseHTTPRequestHandler):
    """Answers one request."""

    database: sqlite3.Connection
    lock = Lock()
    mood: dict[str, Any] = {"slow": 0, "fails": ""}  # noqa: RUF012 - one mood for all requests

    def answer(self) -> None:
        reference = self.path.rpartition("/")[2]
        if self.path == "/ledger":
            self.say(
                200,
                {
                    row[0]: dict(zip(("alive", "created", "destroyed"), row[1:], strict=True))
                    for row in self.run("SELECT * FROM mailbox")
                },
            )
        elif self.path == "/looks":
            looks: dict[str, list[tuple[float, int]]] = {}
            for whose, at, status in self.run("SELECT reference, at, status FROM look ORDER BY at"):
                looks.setdefault(whose, []).append((at, status))
            self.say(200, looks)
        elif self.path == "/terms":
            self.say(200, {row[0]: row[1:] for row in self.run("SELECT * FROM term")})
        elif self.path == "/control":
            words = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            self.run("UPDATE mailbox SET alive = 0 WHERE reference = ?", words.pop("lose", ""))
            self.mood.update(words)
            self.say(204)
        else:
            time.sleep(self.mood["slow"])
            failing = self.command in self.mood["fails"].split()
            status, body = (503, None) if failing else getattr(self, f"{self.command.lower()}_mailbox")(reference)
            if self.command == "GET":
                self.run("INSERT INTO look VALUES (?, ?, ?)", reference, time.time(), status)
            self.say(status, body)

    do_GET = do_PUT = do_DELETE = do_POST = answer  # noqa: N815 - the names that the base class calls

    def get_mailbox(self, reference: str) -> tuple[int, Any]:
        alive = self.run("SELECT 1 FROM mailbox WHERE reference = ? AND alive", reference)
        return 200 if alive else 404, {"address": f"{reference}@post.example"}

    def put_mailbox(self, reference: str) -> tuple[int, Any]:
        made = (
            "INSERT INTO mailbox VALUES (?, 1, 1, 0) ON CONFLICT DO UPDATE SET alive = 1, created = created + 1 - alive"
        )
        self.run(made, reference)
        self.run("INSERT INTO term VALUES (?, ?, NULL) ON CONFLICT DO NOTHING", reference, time.time())
        return 201, {"address": f"{reference}@post.example"}

    def delete_mailbox(self, reference: str) -> tuple[int, Any]:
        undone = "UPDATE mailbox SET alive = 0, destroyed = destroyed + 1 WHERE reference = ? AND alive RETURNING 1"
        if not self.run(undone, reference):
            return 404, None
        self.run("UPDATE term SET ended = ? WHERE reference = ?", time.time(), reference)
        return 204, None

    def run(self, sql: str, *values: object) -> list[Any]:
        with self.lock, self.database:
            return self.database.execute(sql, values).fetchall()

    def say(self, status: int, body: Any = None) -> None:
        data = b"" if body is None else json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_: object) -> None:
        """The ledger says it all."""


if __name__ == "__main__":
    Desk.database = sqlite3.connect(sys.argv[1], check_same_thread=False)
    Desk.database.executescript(TABLES)
    ThreadingHTTPServer(("127.0.0.1", int(sys.argv[2])), Desk).serve_forever()
