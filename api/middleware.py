"""What every request passes through: an id, security headers, a log line, a count, a net under unforeseen errors."""

from __future__ import annotations

import logging
import time

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.errors import answer, internal_error
from api.logs import choose_request_id, request_id
from api.metrics import Metrics

log = logging.getLogger("tessera.api")

# Only our own files: no inline script or style, no other host, no frame of another site.
CONTENT_SECURITY_POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' data:",
        "font-src 'self'",
        "connect-src 'self'",
        "frame-src 'self'",
        "form-action 'self'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
    )
)
_SECURITY_HEADERS = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
}
# Asked every few seconds by machines; their lines would bury the others.
_QUIET = frozenset({"/healthz", "/readyz", "/metrics"})


class Observer:
    """ASGI middleware around the whole application."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        """Wrap `app`; count into `metrics`."""
        self.app = app
        self.metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        token = request_id.set(choose_request_id(Headers(scope=scope).get("x-request-id")))
        exchange = _Exchange(send)
        started = time.perf_counter()
        try:
            await self.app(scope, receive, exchange.send)
        except Exception:
            log.exception("%s %s failed", scope["method"], scope["path"])
            # Once the answer has begun, the cut connection is the only sign of failure left.
            if exchange.status is not None:
                raise
            await answer(Request(scope), internal_error())(scope, receive, exchange.send)
        finally:
            self._record(scope, exchange, time.perf_counter() - started)
            request_id.reset(token)

    def _record(self, scope: Scope, exchange: _Exchange, seconds: float) -> None:
        status = exchange.status if exchange.status is not None else 499
        route = getattr(scope.get("route"), "path", "unmatched")
        self.metrics.requests.labels(scope["method"], route, str(status)).inc()
        self.metrics.latency.labels(scope["method"], route).observe(seconds)
        level = logging.DEBUG if scope["path"] in _QUIET and status < 400 else logging.INFO
        log.log(level, "%s %s %d %d B %.3f s", scope["method"], scope["path"], status, exchange.sent, seconds)


class _Exchange:
    """The answering half of one request: adds headers on the way out and remembers status and size."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self.status: int | None = None
        self.sent = 0

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            headers = MutableHeaders(scope=message)
            headers["X-Request-ID"] = request_id.get()
            for name, value in _SECURITY_HEADERS.items():
                headers.setdefault(name, value)
        elif message["type"] == "http.response.body":
            self.sent += len(message.get("body", b""))
        await self._send(message)
