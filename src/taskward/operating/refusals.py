"""Requests refused before the application sees them: rendered, counted and logged like any other."""

import contextlib

import structlog

from taskward.operating.envelope import SECURITY_HEADERS, new_request_id
from taskward.operating.metrics import Metrics
from taskward.problems import (
    BAD_REQUEST,
    CONTENT_TOO_LARGE,
    HEAD_TOO_LARGE,
    REQUEST_TIMEOUT,
    URI_TOO_LONG,
    render,
)

#: The route label of a request that was refused before routing.
UNREAD = "unread"

_KINDS = {kind.status: kind for kind in (BAD_REQUEST, REQUEST_TIMEOUT, CONTENT_TOO_LARGE, URI_TOO_LONG, HEAD_TOO_LARGE)}

_log = structlog.get_logger("taskward.request")


class Refusals:
    """The renderer of refusals; see ``taskward.server.refusal.Renderer``."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics

    def __call__(
        self, status: int, detail: str | None, client: str | None, request_id: str | None
    ) -> tuple[list[tuple[bytes, bytes]], bytes]:
        kind = _KINDS[status]
        request_id = request_id or new_request_id()
        answer = render(request_id, kind, detail)
        added = ((b"x-request-id", request_id.encode()), (b"cache-control", b"no-store"))
        with contextlib.suppress(Exception):  # failing metrics change no answer
            self._metrics.answered("", UNREAD, status, 0)
        with contextlib.suppress(Exception):  # a failing log changes no answer
            # No method and no path: the request may not be valid HTTP.
            _log.info(
                "request",
                status=status,
                client=client,
                request_id=request_id,
                code=kind.code,
                reason=detail or kind.detail,
            )
        return [*answer.raw_headers, *SECURITY_HEADERS, *added], bytes(answer.body)
