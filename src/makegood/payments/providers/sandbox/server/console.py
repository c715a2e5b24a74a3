"""The sandbox's own console: what was paid, given back and told, with a button that tells it again."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Awaitable, Callable
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from makegood.kernel.errors import MakegoodError
from makegood.kernel.ids import new_secret
from makegood.payments.providers.sandbox.server import events, ledger, payments
from makegood.payments.providers.sandbox.server.config import SandboxConfig
from makegood.payments.providers.sandbox.server.database import Books, Tx
from makegood.payments.providers.sandbox.server.errors import Forbidden
from makegood.payments.providers.sandbox.server.rendering import Pages, read_form

COOKIE = "makegood_sandbox_console"

SHOWN = 50
"""Rows of each list on one page."""

_PAYMENTS = (
    "SELECT * FROM payments WHERE :q = '' OR instr(id, :q) OR instr(reference, :q) OR instr(description, :q)"
    " ORDER BY seq DESC LIMIT :n OFFSET :skip"
)
_REFUNDS = (
    "SELECT * FROM refunds WHERE :q = '' OR instr(id, :q) OR instr(payment, :q) OR instr(coalesce(reference, ''), :q)"
    " ORDER BY seq DESC LIMIT :n OFFSET :skip"
)
_DELIVERIES = (
    "SELECT d.*, e.type, e.payment, e.body FROM deliveries d JOIN events e ON e.id = d.event"
    " WHERE :q = '' OR instr(d.id, :q) OR instr(e.id, :q) OR instr(e.payment, :q) OR instr(e.type, :q)"
    " ORDER BY d.seq DESC LIMIT :n OFFSET :skip"
)


class Console:
    """The pages at the sandbox's root. A cookie holds a nonce and its MAC; forms repeat another MAC of it."""

    def __init__(self, books: Books, config: SandboxConfig, pages: Pages) -> None:
        self._books = books
        self._config = config
        self._pages = pages

    @property
    def home(self) -> str:
        """The console's path as browsers see it."""
        return f"{self._config.base_path}/"

    def link(self) -> str:
        """An address that opens the console without asking for the key; as secret as the key."""
        return f"{self._config.root}/?key={self._mac('link')}"

    def routes(self) -> list[Route]:
        """The console, its sign-in and its replay button."""
        return [
            Route("/", self._guarded(self._show), methods=["GET"]),
            Route("/sign-in", self._guarded(self._sign_in), methods=["POST"]),
            Route("/deliveries/{id}/replay", self._guarded(self._replay), methods=["POST"]),
        ]

    def _guarded(
        self, handle: Callable[[Request, dict[str, str]], Response]
    ) -> Callable[[Request], Awaitable[Response]]:
        async def answer(request: Request) -> Response:
            try:
                form = await read_form(request) if request.method == "POST" else {}
                return await run_in_threadpool(handle, request, form)
            except MakegoodError as problem:
                return self._pages.render("problem.html", status=problem.status, message=problem.for_customer())

        return answer

    def _mac(self, purpose: str) -> str:
        return hmac.new(self._config.api_key.encode(), f"console:{purpose}".encode(), hashlib.sha256).hexdigest()

    def _nonce(self, request: Request) -> str | None:
        nonce, _, mac = request.cookies.get(COOKIE, "").partition(".")
        return nonce if nonce and _same(mac, self._mac(f"session:{nonce}")) else None

    def _signed_in(self, response: Response, nonce: str) -> Response:
        response.set_cookie(
            COOKIE,
            f"{nonce}.{self._mac(f'session:{nonce}')}",
            path=self.home,
            httponly=True,
            samesite="strict",
            secure=self._config.public_url.startswith("https://"),
        )
        return response

    def _home_signed_in(self) -> Response:
        return self._signed_in(RedirectResponse(self.home, status_code=303), new_secret())

    def _show(self, request: Request, form: dict[str, str]) -> Response:
        nonce = self._nonce(request)
        if nonce is None and _same(request.query_params.get("key", ""), self._mac("link")):
            return self._home_signed_in()
        if nonce is None and not self._config.open_console:
            return self._pages.render("sign_in.html", status=401, wrong=False)
        session = nonce or new_secret()
        question = request.query_params.get("q", "").strip()[:255]
        page_text = request.query_params.get("page", "")
        number = int(page_text) if page_text.isascii() and page_text.isdecimal() and len(page_text) < 6 else 1
        with self._books.read() as tx:
            values = _lists(tx, question, max(number, 1))
        response = self._pages.render("console.html", csrf=self._mac(f"csrf:{session}"), **values)
        return response if nonce else self._signed_in(response, session)

    def _sign_in(self, request: Request, form: dict[str, str]) -> Response:
        if not _same(form.get("api_key", "").strip(), self._config.api_key):
            return self._pages.render("sign_in.html", status=401, wrong=True)
        return self._home_signed_in()

    def _replay(self, request: Request, form: dict[str, str]) -> Response:
        nonce = self._nonce(request)
        if nonce is None or not _same(form.get("csrf", ""), self._mac(f"csrf:{nonce}")):
            raise Forbidden
        with self._books.write() as tx:
            events.replay(tx, request.path_params["id"])
        return RedirectResponse(f"{self.home}#deliveries", status_code=303)


def _same(given: str, expected: str) -> bool:
    return hmac.compare_digest(given.encode("utf-8", "replace"), expected.encode())


def _lists(tx: Tx, question: str, number: int) -> dict[str, Any]:
    values = {"q": question, "n": SHOWN + 1, "skip": (number - 1) * SHOWN}
    lists = {
        "payments": [payments.show(tx, row) for row in tx.sql.execute(_PAYMENTS, values).fetchall()],
        "refunds": tx.sql.execute(_REFUNDS, values).fetchall(),
        "deliveries": [events.show_delivery(tx, row) for row in tx.sql.execute(_DELIVERIES, values).fetchall()],
    }
    return {
        **{name: rows[:SHOWN] for name, rows in lists.items()},
        "more": any(len(rows) > SHOWN for rows in lists.values()),
        "sums": ledger.sums(tx),
        "question": question,
        "number": number,
    }
