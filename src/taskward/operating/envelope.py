"""The outermost ASGI middleware: request id, security headers, and one log line and one measurement per request."""

import contextlib
import random
import re
import time
from contextvars import ContextVar
from typing import Any

import structlog
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from taskward.operating.metrics import Metrics

#: The id of the current request, for log lines of all layers.
request_id_var: ContextVar[str | None] = ContextVar("request_id", default=None)

_REQUEST_ID = re.compile(rb"[A-Za-z0-9._-]{1,64}")
SECURITY_HEADERS = (
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"x-frame-options", b"DENY"),
    (b"cross-origin-opener-policy", b"same-origin"),
)
_NO_STORE = (b"cache-control", b"no-store")
_WELL = ("", "")
_NO_STATE: dict[str, Any] = {}

_log = structlog.get_logger("taskward.request")


class Envelope:
    """Adds its headers to every answer, and lets no exception through."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self._app = app
        self._metrics = metrics
        self._log = _log.bind() if _log.is_enabled_for(20) else None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = time.perf_counter()
        request_id = scope["request_id"] = _request_id(scope)
        request_id_var.set(request_id)
        added = [(b"x-request-id", request_id.encode()), *SECURITY_HEADERS]
        if scope["path"].startswith("/api/") or scope["path"] == "/api":
            added.append(_NO_STORE)
        scope["added_headers"] = added  # layers inside add to it
        status = 0

        async def send_with_headers(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"].extend(added)
            await send(message)

        try:
            await self._app(scope, receive, send_with_headers)
        except Exception:
            # Starlette's error middleware has answered the client and raised the error again. Log it once.
            with contextlib.suppress(Exception):  # a failing log changes no answer
                _log.exception("request crashed", request_id=request_id, method=scope["method"], path=scope["path"])
        finally:
            self._observe(scope, status, time.perf_counter() - started)

    def _observe(self, scope: Scope, status: int, seconds: float) -> None:
        """Count and log the answer. A failure here changes nothing: the answer has been sent."""
        if scope.get("state", _NO_STATE).get("refused"):
            return  # the connection has answered, counted and logged the request itself
        try:
            route = route_of(scope)
            self._metrics.answered(scope["method"], route, status, seconds)
            self._write_line(scope, route, status, seconds)
        except Exception:
            with contextlib.suppress(Exception):
                _log.exception("an answer was not counted or logged", request_id=scope["request_id"])

    def _write_line(self, scope: Scope, route: str, status: int, seconds: float) -> None:
        # A 429 gets no line: log.py sums refusals up, so that an attack cannot fill the disk. Successful probes from
        # this machine get no line either: a container's health check runs every few seconds.
        if self._log is not None and status != 429 and not (status == 200 and _is_own_probe(route, scope)):
            client = scope.get("client")
            code, reason = scope.get("problem", _WELL)
            why = {"code": code} if code else {}
            self._log.info(
                "request",
                method=scope["method"],
                path=scope["path"][:500],
                status=status,
                ms=round(seconds * 1000, 2),
                client=client[0] if client else None,
                request_id=scope["request_id"],
                **(why | {"reason": reason} if status == 503 and reason else why),
            )


def route_of(scope: Scope) -> str:
    """The path template of the request's route, from a bounded set; never the path of the request.

    When authentication refuses, or no route below a mount matches, it is the mount's path. Without a match: ``none``.
    """
    route = scope.get("route")
    path = str(getattr(route, "path", "none"))
    return f"{scope.get('root_path', '')}{path}" if isinstance(route, Route) else path


def _is_own_probe(route: str, scope: Scope) -> bool:
    client = scope.get("client")
    return route in ("/healthz", "/readyz") and client is not None and client[0] in ("127.0.0.1", "::1")


def _request_id(scope: Scope) -> str:
    """The X-Request-Id of the client if it is 1 to 64 characters of A-Z a-z 0-9 . _ -, else a new id."""
    for name, value in scope["headers"]:
        if name == b"x-request-id" and _REQUEST_ID.fullmatch(value):
            return str(value.decode("ascii"))
    return new_request_id()


def new_request_id() -> str:
    return f"{random.getrandbits(128):032x}"  # need not be secret: no system call
