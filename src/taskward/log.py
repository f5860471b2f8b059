"""The log: structlog, for people on a console or as JSON for machines, and what authentication has to say in it."""

import logging
import sys
import time
from typing import Any

import orjson
import structlog
from structlog.typing import EventDict, WrappedLogger

from taskward.auth import AuthEvents, InvalidToken
from taskward.auth.events import safe_kid
from taskward.metrics import Metrics

SUMMARY_SECONDS = 10.0


def configure(level: str, log_format: str) -> None:
    """Set up structlog, and the standard library's logging of the libraries underneath, for this process."""
    number = getattr(logging, level.upper())
    shared: list[Any] = [structlog.processors.add_log_level, structlog.processors.TimeStamper(fmt="iso", utc=True)]
    if log_format == "json":
        renderer: list[Any] = [structlog.processors.format_exc_info, _json]
        factory: Any = structlog.BytesLoggerFactory(sys.stderr.buffer)
    else:
        # Plain tracebacks: the prettier ones print local variables, and those hold Authorization headers.
        plain = structlog.dev.plain_traceback
        renderer = [structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty(), exception_formatter=plain)]
        factory = structlog.PrintLoggerFactory(sys.stderr)
    structlog.configure(
        processors=[*shared, *renderer],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=factory,
        cache_logger_on_first_use=True,
    )
    root = logging.getLogger()
    root.handlers[:] = [_ToStructlog()]
    root.setLevel(max(number, logging.WARNING))
    for name in ("uvicorn", "uvicorn.error"):
        logging.getLogger(name).setLevel(number)
    logging.getLogger("uvicorn.access").disabled = True  # one line a request is ours


def _json(_: WrappedLogger, __: str, event: EventDict) -> bytes:
    return orjson.dumps(event, default=repr)


class _ToStructlog(logging.Handler):
    """Lines of libraries that log by the standard library, in the same form as ours."""

    def emit(self, record: logging.LogRecord) -> None:
        logger = structlog.get_logger(record.name)
        logger.log(record.levelno, record.getMessage(), exc_info=record.exc_info, logger=record.name)


class LoggedEvents(AuthEvents):
    """Authentication's events, counted and logged; never a token.

    Refusals past an address's limit are summed up, one line in ten seconds.
    """

    def __init__(self, metrics: Metrics, request_id: Any) -> None:
        self._metrics = metrics
        self._request_id = request_id
        self._log = structlog.get_logger("taskward.auth")
        self._suppressed = 0
        self._summed_up_at = 0.0

    def accepted(self, *, cached: bool) -> None:
        self._metrics.authenticated("cached" if cached else "verified")

    def missing(self) -> None:
        self._metrics.authenticated("missing")

    def unavailable(self) -> None:
        self._metrics.authenticated("keys_unavailable")
        self._log.warning("token not judged", reason="keys_unavailable", request_id=self._request_id.get())

    def refused(self, refusal: InvalidToken, *, address: str | None, throttled: bool) -> None:
        self._metrics.authenticated("throttled" if throttled else str(refusal.reason))
        if throttled:
            self._suppressed += 1
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
        moment = time.monotonic()
        if self._suppressed and (now or moment - self._summed_up_at >= SUMMARY_SECONDS):
            self._log.warning("refused tokens past the limit", count=self._suppressed)
            self._suppressed, self._summed_up_at = 0, moment

    def fetched(self, *, outcome: str, detail: str, seconds: float, keys: int) -> None:
        self._metrics.fetched(outcome, seconds)
        if outcome == "failed":
            self._log.warning("key set not fetched", detail=detail, seconds=round(seconds, 3))
        elif outcome == "replaced":
            self._log.info("key set fetched", keys=keys, seconds=round(seconds, 3))

    def key_refused(self, kid: str, reason: str) -> None:
        self._log.warning("key left out", kid=safe_kid(kid), reason=reason)
