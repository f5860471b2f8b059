"""The log: structlog, as text for a console or as JSON, with the events of authentication."""

import asyncio
import json
import logging
import sys
import time
from typing import Any

import orjson
import structlog
from structlog.typing import EventDict, WrappedLogger

from taskward.operating.metrics import Metrics
from taskward.operating.writer import WriterFactory, say, say_out
from tokenward import AuthEvents, InvalidToken
from tokenward.events import safe_kid

SUMMARY_SECONDS = 10.0
STARTING_SECONDS = 30.0


def configure(level: str, log_format: str, *, traced: bool = False) -> None:
    """Configure structlog and the standard library's logging for this process.

    With ``traced``, lines written inside a span carry its ``trace_id``.
    """
    number = getattr(logging, level.upper())
    shared: list[Any] = [structlog.processors.add_log_level, structlog.processors.TimeStamper(fmt="iso", utc=True)]
    if traced:
        from taskward.operating.traces import add_trace_id  # needs the extra "otel"

        shared.append(add_trace_id)
    if log_format == "json":
        renderer: list[Any] = [structlog.processors.format_exc_info, _json]
        notice = b'{"event": "log lines were dropped", "level": "warning", "count": %d}'
    else:
        # Rich tracebacks would print local variables, which hold Authorization headers.
        plain = structlog.dev.plain_traceback
        colors = sys.stderr is not None and sys.stderr.isatty()
        renderer = [_harmless, structlog.dev.ConsoleRenderer(colors=colors, exception_formatter=plain)]
        notice = b"[warning  ] log lines were dropped         count=%d"
    structlog.configure(
        processors=[*shared, *renderer],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=WriterFactory(sys.stderr, notice),
        cache_logger_on_first_use=True,
    )
    root = logging.getLogger()
    root.handlers[:] = [_ToStructlog()]
    root.setLevel(max(number, logging.WARNING))
    for name in ("uvicorn", "uvicorn.error"):
        logging.getLogger(name).setLevel(number)
    logging.getLogger("uvicorn.access").disabled = True  # the envelope writes one line per request


def tell(text: str, log_format: str, *, failed: bool = True) -> None:
    """Print why a command ends: as a log line if the log is JSON, else as text."""
    if log_format == "json":
        structlog.get_logger("taskward").log(logging.ERROR if failed else logging.INFO, text)
    elif failed:
        say(text)
    else:
        say_out(text)


def _json(_: WrappedLogger, __: str, event: EventDict) -> bytes:
    try:
        return orjson.dumps(event, default=repr)
    except TypeError:  # orjson refuses lone surrogates and numbers above 64 bits; json writes them
        return json.dumps(event, default=repr).encode()


def _harmless(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    """Escape text with control characters, for the console: it must not move the cursor or begin a line."""
    for name, value in event.items():
        if isinstance(value, str) and not value.isprintable() and name != "exception":
            event[name] = value.strip() if value.strip().isprintable() else ascii(value)
    return event


class _ToStructlog(logging.Handler):
    """Passes records of the standard library's logging to structlog."""

    def emit(self, record: logging.LogRecord) -> None:
        try:
            logger = structlog.get_logger(record.name)
            logger.log(record.levelno, record.getMessage(), exc_info=record.exc_info, logger=record.name)
        except Exception:  # a wrong format string must not make the library fail
            structlog.get_logger(record.name).error("a log record cannot be formatted", logger=record.name)


class LoggedEvents(AuthEvents):
    """The events of authentication, counted and logged. No line holds a token.

    Refusals above the limit of a client IP are summed up in one line every ten seconds.
    """

    def __init__(self, metrics: Metrics, request_id: Any) -> None:
        self._metrics = metrics
        self._request_id = request_id
        self._log = structlog.get_logger("taskward.authentication")
        self._suppressed = 0
        self._next: asyncio.TimerHandle | None = None
        #: Until then a failed fetch is no warning: the issuer may still be starting.
        self._starting_until: float | None = time.monotonic() + STARTING_SECONDS

    def accepted(self, *, cached: bool) -> None:
        self._metrics.authenticated("cached" if cached else "verified")

    def out_of_step(self, lag: float) -> None:
        self._metrics.authenticated("revocations_unavailable")
        self._log.warning(
            "token not judged",
            reason="revocations_unavailable",
            lag=round(lag, 1) if lag < 1e9 else None,
            request_id=self._request_id.get(),
        )

    def unproved(self, *, reason: str) -> None:
        self._metrics.authenticated("proofs_unavailable")
        self._log.warning(
            "token not judged", reason="proofs_unavailable", detail=reason, request_id=self._request_id.get()
        )

    def missing(self) -> None:
        self._metrics.authenticated("missing")

    def unavailable(self, *, reason: str) -> None:
        self._metrics.authenticated("keys_unavailable")
        self._log.warning(
            "token not judged", reason="keys_unavailable", detail=reason, request_id=self._request_id.get()
        )

    def uncounted(self, reason: str) -> None:
        self._log.warning("refused tokens cannot be counted", reason=reason)

    def refused(self, refusal: InvalidToken, *, address: str | None, throttled: bool) -> None:
        self._metrics.authenticated("throttled" if throttled else str(refusal.reason))
        if throttled:
            self._suppressed += 1
            if self._next is None:
                self.sum_up()
            return
        self._log.warning(
            "token refused",
            reason=str(refusal.reason),
            detail=refusal.detail,
            kid=safe_kid(refusal.kid),
            address=address,
            request_id=self._request_id.get(),
        )

    def sum_up(self, *, now: bool = False) -> None:
        """Write one line with the number of refusals above the limit since the last line, and schedule the next.

        With ``now``, at shutdown, no next line is scheduled.
        """
        if self._next is not None:
            self._next.cancel()
            self._next = None
        if self._suppressed:
            self._log.warning("refused tokens past the limit", count=self._suppressed)
            self._suppressed = 0
            if not now:
                self._next = asyncio.get_running_loop().call_later(SUMMARY_SECONDS, self.sum_up)

    def fetched(self, *, outcome: str, detail: str, seconds: float, keys: int) -> None:
        self._metrics.fetched(outcome, seconds)
        if outcome == "failed":
            starting = self._starting_until is not None and time.monotonic() < self._starting_until
            write = self._log.info if starting else self._log.warning
            write("key set not fetched", detail=detail, seconds=round(seconds, 3))
            return
        self._starting_until = None
        if outcome == "replaced":
            self._log.info("key set fetched", keys=keys, seconds=round(seconds, 3))

    def key_refused(self, kid: str, reason: str) -> None:
        self._log.warning("key left out", kid=safe_kid(kid), reason=reason)
