"""The API's door: who may call, what a body may be, idempotency, faults, and how refusals are told."""

from __future__ import annotations

import hmac
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from makegood.kernel.errors import MakegoodError
from makegood.payments.providers.sandbox.server import faults, idempotency
from makegood.payments.providers.sandbox.server.courier import Courier
from makegood.payments.providers.sandbox.server.database import Books, Tx
from makegood.payments.providers.sandbox.server.errors import BodyTooLarge, InvalidField, Unauthorized
from makegood.payments.providers.sandbox.server.fields import Fields, parse_object

LONGEST_BODY = 64 * 1024
"""Bytes of a request's body."""

REDIRECT_WAITS = 5.0
"""Seconds for which an answer waits for webhooks that are to arrive before it."""


@dataclass(frozen=True, slots=True)
class Call:
    """One API call: what its path names, and its fields (of the body, or of the query in a GET)."""

    path: dict[str, str]
    fields: Fields


@dataclass(frozen=True, slots=True)
class Answer:
    """What is answered, and the deliveries that have to be tried first."""

    body: dict[str, Any]
    status: int = 200
    wait_for: list[str] = field(default_factory=list)


Handle = Callable[[Tx, Call], Answer]


async def read_body(request: Request) -> bytes:
    """The whole body, if it isn't longer than the sandbox reads."""
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > LONGEST_BODY:
            raise BodyTooLarge(limit=LONGEST_BODY)
    return bytes(body)


def told(problem: MakegoodError) -> JSONResponse:
    """A refusal as it is on the wire."""
    error = {"code": problem.code.lower(), "message": problem.for_customer(), "field": problem.facts.get("field")}
    headers = {"WWW-Authenticate": "Bearer"} if problem.status == 401 else None
    return JSONResponse({"error": error}, status_code=problem.status, headers=headers)


@dataclass(frozen=True, slots=True)
class Door:
    """Turns what an API call does to the books into an endpoint."""

    books: Books
    courier: Courier
    api_key: str

    def endpoint(
        self, handle: Handle, *, keyed: bool = False, faulty: bool = True
    ) -> Callable[[Request], Awaitable[Response]]:
        """An endpoint for `handle`; `keyed` ones honour Idempotency-Key, `faulty` ones the faults of tests."""

        async def answer(request: Request) -> Response:
            try:
                self._require_key(request)
                body = await read_body(request)
                return await self._answer(request, body, handle, keyed, faulty)
            except MakegoodError as problem:
                return told(problem)

        return answer

    def _require_key(self, request: Request) -> None:
        scheme, _, key = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not hmac.compare_digest(key.strip().encode(), self.api_key.encode()):
            raise Unauthorized

    async def _answer(self, request: Request, body: bytes, handle: Handle, keyed: bool, faulty: bool) -> Response:
        path = request.url.path.removeprefix(request.scope.get("root_path", ""))
        fault = await run_in_threadpool(self._take_fault, request.method, path) if faulty else None
        if fault is not None and fault["moment"] == faults.Moment.BEFORE:
            return await faults.spoil(fault)
        key = request.headers.get("idempotency-key") if keyed else None
        if key is not None and not 1 <= len(key) <= 255:
            raise InvalidField(field="Idempotency-Key", problem="must have 1 to 255 characters")
        values = dict(request.query_params) if request.method == "GET" else parse_object(body or b"{}")
        call = Call(dict(request.path_params), Fields(values))
        response = await run_in_threadpool(self._handle, handle, call, path, body, key, request.method != "GET")
        return response if fault is None else await faults.spoil(fault)

    def _take_fault(self, method: str, path: str) -> Any:
        with self.books.read() as tx:
            if faults.matching(tx, method, path) is None:
                return None
        with self.books.write() as tx:
            fault = faults.matching(tx, method, path)
            if fault is not None:
                faults.use_up(tx, fault)
            return fault

    def _handle(self, handle: Handle, call: Call, path: str, body: bytes, key: str | None, writes: bool) -> Response:
        try:
            with self.books.write() if writes else self.books.read() as tx:
                known = idempotency.recall(tx, key, path, body) if key is not None else None
                if known is not None:
                    return JSONResponse(known[1], status_code=known[0], headers={"Idempotent-Replayed": "true"})
                answer = handle(tx, call)
                if key is not None:
                    idempotency.keep(tx, key, path, body, answer.status, answer.body)
        except MakegoodError as problem:
            # Told here, so that a fault after the commit spoils refusals as well.
            return told(problem)
        if answer.wait_for:
            self.courier.wait_for_first_try(answer.wait_for, REDIRECT_WAITS)
        return JSONResponse(answer.body, status_code=answer.status)
