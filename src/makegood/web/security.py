"""Headers on every answer, and requests from other sites turned away."""

from __future__ import annotations

from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from makegood.kernel.errors import Rejected

SAFE = {"GET", "HEAD", "OPTIONS"}
PROLONGED = "prolonged_cookie"
"""In a request's state, the cookie of a session that it prolonged."""
MOST_BYTES = 2 << 20
"""Of a request that is no upload."""

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; media-src 'self' blob:; "
    "font-src 'self'; connect-src 'self'; worker-src 'self' blob:; form-action {forms}; frame-src 'self'; "
    "frame-ancestors 'none'; base-uri 'none'; manifest-src 'self'"
)


class RequestTooBig(Rejected):
    code = "REQUEST_TOO_BIG"
    status = 413
    customer = "This is more than we can take at once. Nothing was changed or charged."
    operator = "A request that is no upload had a body of over {kilobytes} kB."


class CrossSite(Rejected):
    code = "CROSS_SITE"
    status = 403
    customer = "This request came from another site and was not carried out."
    operator = "A {method} with a session cookie came from {origin}."


class Security:
    """ASGI middleware. A session cookie counts for an unsafe method only from our own pages: the browser says where a
    request comes from (`Sec-Fetch-Site`, else `Origin`), and a client that isn't a browser sends neither. Bodies are
    bounded here, but for uploads: PUT, and what goes to the addresses in `uploads`."""

    def __init__(
        self,
        app: ASGIApp,
        *,
        form_targets: list[str],
        exempt: tuple[str, ...],
        uploads: tuple[str, ...],
        reject: ASGIApp,
    ) -> None:
        self._app, self._exempt, self._uploads, self._reject = app, exempt, uploads, reject
        self._policy = POLICY.format(forms=" ".join(["'self'", *form_targets]))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"].startswith(self._exempt):
            await self._app(scope, receive, send)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers.setdefault("Content-Security-Policy", self._policy)
                headers.setdefault("X-Content-Type-Options", "nosniff")
                headers.setdefault("Referrer-Policy", "same-origin")
                headers.setdefault("Cross-Origin-Opener-Policy", "same-origin")
                headers.setdefault("Permissions-Policy", "microphone=(self), camera=(self), geolocation=()")
                headers.setdefault("Cache-Control", "no-store")
                if PROLONGED in scope.get("state", {}) and "set-cookie" not in headers:
                    headers.append("Set-Cookie", scope["state"][PROLONGED])
            await send(message)

        if scope["method"] == "HEAD":
            # Whatever can be got can be asked about; the server leaves the body out.
            scope = {**scope, "method": "GET"}
        if scope["method"] != "PUT" and not scope["path"].startswith(self._uploads):
            receive = _at_most(MOST_BYTES, receive)
        is_foreign = scope["method"] not in SAFE and _is_cross_site(Headers(scope=scope))
        await (self._reject if is_foreign else self._app)(scope, receive, send_with_headers)


def _at_most(limit: int, receive: Receive) -> Receive:
    """Stop reading a body that goes over the limit; uploads have limits of their own."""
    taken = 0

    async def read() -> Message:
        nonlocal taken
        message = await receive()
        taken += len(message.get("body", b""))
        if taken > limit:
            raise RequestTooBig(kilobytes=limit >> 10)
        return message

    return read


def _is_cross_site(headers: Headers) -> bool:
    site = headers.get("sec-fetch-site")
    if site is not None:
        return site not in ("same-origin", "none")
    origin = headers.get("origin")
    return origin is not None and urlsplit(origin).netloc != headers.get("host")
