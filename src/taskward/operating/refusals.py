"""Requests refused before the application sees them: rendered, counted and logged like any other."""

import contextlib
import random

import structlog

from taskward.operating.envelope import SECURITY_HEADERS
from taskward.operating.metrics import Metrics
from taskward.problems import (
    BAD_REQUEST,
    CONTENT_TOO_LARGE,
    HEAD_TOO_LARGE,
    REQUEST_TIMEOUT,
    URI_TOO_LONG,
    render,
)

#: The route of a request that was not read far enough to have one.
UNREAD = "unread"

_KINDS = {kind.status: kind for kind in (BAD_REQUEST, REQUEST_TIMEOUT, CONTENT_TOO_LARGE, URI_TOO_LONG, HEAD_TOO_LARGE)}

_log = structlog.get_logger("taskward.request")


class Refusals:
    """What a connection calls to refuse a request; see ``taskward.server.refusal.Renderer``."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics

    def __call__(
        self, status: int, detail: str | None, client: str | None, request_id: str | None
    ) -> tuple[list[tuple[bytes, bytes]], bytes]:
        kind = _KINDS[status]
        request_id = request_id or f"{random.getrandbits(128):032x}"
        answer = render(request_id, kind, detail)
        added = ((b"x-request-id", request_id.encode()), (b"cache-control", b"no-store"))
        with contextlib.suppress(Exception):  # the metrics' own trouble
            self._metrics.answered("", UNREAD, status, 0)
        with contextlib.suppress(Exception):  # the log's own trouble
            # Neither method nor path: nothing that was sent is trusted enough to be repeated.
            _log.info(
                "request",
                status=status,
                client=client,
                request_id=request_id,
                code=kind.code,
                reason=detail or kind.detail,
            )
        return [*answer.raw_headers, *SECURITY_HEADERS, *added], bytes(answer.body)
