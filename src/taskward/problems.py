"""Every error that the service answers with, as data, and its rendering as problem+json (RFC 9457)."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, NamedTuple

import orjson
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from tokenward import AuthError

MEDIA_TYPE = "application/problem+json"

#: Name and description of each error status in OpenAPI.
DESCRIBED = {
    400: ("BadRequest", "The request cannot be read: body not JSON, or two Authorization headers."),
    401: ("Unauthenticated", "The token is missing or refused; see `WWW-Authenticate`."),
    403: ("NotOwner", "The path names another user than the token."),
    404: ("NotFound", "The caller has no such task."),
    405: ("MethodNotAllowed", "The path does not have this method; see `Allow`."),
    406: ("NotAcceptable", "The Accept header excludes the media type of the answer."),
    412: ("PreconditionFailed", "`If-Match` no longer holds."),
    413: ("ContentTooLarge", "The body is larger than 64 KiB."),
    415: ("UnsupportedMediaType", "The body has another media type than the operation takes."),
    422: ("Invalid", "The body or the query is not valid; `errors` names every bad field."),
    429: (
        "TooManyFailures",
        "Too many refused tokens from this client IP, or too many open streams; see `Retry-After`.",
    ),
    500: ("Crashed", "Something went wrong on our side."),
    503: ("Unavailable", "Keys, revocations or the database are unavailable; see `Retry-After`."),
}

#: ``error_type`` by status of the errors of tokenward. Code and text come from the error.
_AUTH_TYPES = {
    400: "bad_request",
    401: "authentication_error",
    403: "authorization_error",
    429: "rate_limited",
    503: "unavailable",
}


class Kind(NamedTuple):
    """One kind of error. ``detail`` is the fixed sentence that the client gets."""

    status: int
    error_type: str
    code: str
    detail: str


def _named(status: int, word: str, detail: str) -> Kind:
    return Kind(status, word, word, detail)


BAD_REQUEST = Kind(400, "bad_request", "invalid_request", "The request cannot be read")
MALFORMED_JSON = Kind(400, "bad_request", "malformed_json", "The body is not valid JSON")
PREFLIGHT_REFUSED = Kind(400, "bad_request", "invalid_request", "CORS does not allow this origin, method or header")
NOT_OWNER = Kind(403, "authorization_error", "not_owner", "The path names another user; use your own id, or me")
NOT_FOUND = _named(404, "not_found", "There is nothing at this path")
METHOD_NOT_ALLOWED = _named(405, "method_not_allowed", "This path does not have that method; see Allow")
NOT_ACCEPTABLE = _named(406, "not_acceptable", "Answers are application/json; the Accept header excludes that")
REQUEST_TIMEOUT = _named(408, "request_timeout", "The request took too long to arrive")
PRECONDITION_FAILED = _named(
    412, "precondition_failed", "The task has changed since that ETag; fetch it again and decide again"
)
CONTENT_TOO_LARGE = _named(413, "content_too_large", "The body is larger than 64 KiB")
URI_TOO_LONG = _named(414, "uri_too_long", "The URL is longer than 8 KiB")
UNSUPPORTED_MEDIA_TYPE = _named(415, "unsupported_media_type", "Send the body as application/json")
INVALID = _named(422, "validation_error", "The body or the query is not valid; see errors")
TOO_MANY_STREAMS = Kind(
    429,
    "rate_limited",
    "too_many_streams",
    "There are too many open event streams; close one, or poll the list instead",
)
HEAD_TOO_LARGE = _named(431, "header_fields_too_large", "A request has at most 100 header fields and 64 KiB of them")
CRASHED = _named(500, "internal_error", "Something went wrong on our side")
SHUTTING_DOWN = Kind(503, "unavailable", "shutting_down", "This process is shutting down; try again")
DATABASE_UNAVAILABLE = Kind(
    503, "unavailable", "database_unavailable", "The database cannot be reached right now; try again shortly"
)


class Problem(Exception):
    """An error that is answered with ``kind``, or with ``detail`` in place of its fixed sentence.

    ``errors`` has one entry ``{"field", "message"}`` for each bad field. ``reason`` is written to the log only.
    """

    def __init__(
        self,
        kind: Kind,
        detail: str | None = None,
        *,
        headers: Mapping[str, str] | None = None,
        errors: list[dict[str, str]] | None = None,
        reason: str = "",
    ) -> None:
        super().__init__(detail or kind.detail)
        self.kind = kind
        self.detail = detail or kind.detail
        self.headers = {"Retry-After": "1"} if kind.status == 503 else dict(headers or {})
        self.errors = errors
        self.reason = reason


class Invalid(Problem):
    """422 with every bad field at once: ``[{"field", "message"}]``."""

    def __init__(self, errors: list[dict[str, str]]) -> None:
        super().__init__(INVALID, errors=errors)
        self.errors: list[dict[str, str]] = errors


class DatabaseUnavailable(Problem):
    """503: the database cannot be used right now. ``reason`` is written to the log only."""

    def __init__(self, reason: str, detail: str | None = None) -> None:
        super().__init__(DATABASE_UNAVAILABLE, detail, reason=reason)


def render(
    request_id: str,
    kind: Kind,
    detail: str | None = None,
    headers: Mapping[str, str] | None = None,
    errors: list[dict[str, str]] | None = None,
) -> Response:
    """The body of every error: the members of RFC 9457 §3.1, and those that the contract adds."""
    body: dict[str, Any] = {
        "type": "about:blank",
        "title": HTTPStatus(kind.status).phrase,
        "status": kind.status,
        "detail": detail or kind.detail,
        "status_code": kind.status,
        "error_type": kind.error_type,
        "code": kind.code,
        "request_id": request_id,
    }
    if errors:
        body["errors"] = errors
    return Response(orjson.dumps(body), kind.status, dict(headers or {}), MEDIA_TYPE)


def _answer(request: Request, kind: Kind, reason: str, *rest: Any) -> Response:
    """Render the error, and put its code and reason into the scope for the request's log line."""
    request.scope["problem"] = (kind.code, reason)
    return render(str(request.scope.get("request_id", "")), kind, *rest)


async def on_problem(request: Request, error: Exception) -> Response:
    assert isinstance(error, Problem)  # noqa: S101 - only these are registered for it
    return _answer(request, error.kind, error.reason, error.detail, error.headers, error.errors)


async def on_auth_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, AuthError)  # noqa: S101 - only these are registered for it
    kind = Kind(error.status, _AUTH_TYPES[error.status], error.code, error.phrase)
    reason = str(getattr(error, "reason", "") or (error if error.status == 503 else ""))
    return _answer(request, kind, reason, None, error.headers)


async def on_http_exception(request: Request, error: Exception) -> Response:
    """Errors that Starlette raises: no such route, or no such method."""
    assert isinstance(error, HTTPException)  # noqa: S101 - only these are registered for it
    if error.status_code == 404:
        return _answer(request, NOT_FOUND, "")
    if error.status_code == 405:
        return _answer(request, METHOD_NOT_ALLOWED, "", None, error.headers)
    kind = _named(error.status_code, HTTPStatus(error.status_code).name.lower(), error.detail)
    return _answer(request, kind, "", None, error.headers)


async def on_crash(request: Request, error: Exception) -> Response:
    """An unexpected exception. The client gets a fixed sentence; the envelope logs the traceback."""
    return _answer(request, CRASHED, "")


HANDLERS: dict[Any, Any] = {
    Problem: on_problem,
    AuthError: on_auth_error,
    HTTPException: on_http_exception,
    Exception: on_crash,
}
