"""Every failure the service answers with, and its one rendering: problem+json (RFC 9457).

::

    Problem
    ├── BadRequest            400 bad_request           malformed_json, invalid_request
    ├── NotOwner              403 authorization_error   not_owner
    ├── NotFound              404 not_found             not_found
    ├── NotAcceptable         406 not_acceptable        not_acceptable
    ├── RequestTimeout        408 request_timeout       request_timeout
    ├── PreconditionFailed    412 precondition_failed   precondition_failed
    ├── ContentTooLarge       413 content_too_large     content_too_large
    ├── UriTooLong            414 uri_too_long          uri_too_long
    ├── UnsupportedMediaType  415 unsupported_media_type
    ├── Invalid               422 validation_error      validation_error, every bad field in ``errors``
    ├── HeadTooLarge          431 header_fields_too_large
    ├── Leaving               503 unavailable           shutting_down, from readiness alone
    └── DatabaseUnavailable   503 unavailable           database_unavailable
    AuthError (tokenward) 400, 401, 429, 503        rendered here like the rest
"""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, ClassVar

import orjson
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from tokenward import AuthError

MEDIA_TYPE = "application/problem+json"


class Problem(Exception):
    """A refusal with its answer. ``detail`` is a fixed phrase for the client."""

    status: ClassVar[int]
    error_type: ClassVar[str]
    code: str
    detail: str

    def __init__(
        self,
        detail: str | None = None,
        *,
        code: str | None = None,
        headers: Mapping[str, str] | None = None,
        errors: list[dict[str, str]] | None = None,
    ) -> None:
        self.detail = detail or self.detail
        self.code = code or self.code
        self.headers = dict(headers or {})
        self.errors = errors
        super().__init__(self.detail)


class BadRequest(Problem):
    status, error_type, code = 400, "bad_request", "invalid_request"
    detail = "The request cannot be read"


class PreflightRefused(BadRequest):
    detail = "Pages of that origin may not ask for this; CORS_ORIGINS says which may"


class NotOwner(Problem):
    status, error_type, code = 403, "authorization_error", "not_owner"
    detail = "The path names somebody else; use your own id, or me"


class NotFound(Problem):
    status, error_type, code = 404, "not_found", "not_found"
    detail = "There is nothing here by that name"


class NotAcceptable(Problem):
    status, error_type, code = 406, "not_acceptable", "not_acceptable"
    detail = "Answers are application/json; the Accept header rules that out"


class RequestTimeout(Problem):
    status, error_type, code = 408, "request_timeout", "request_timeout"
    detail = "The request took too long to arrive"


class PreconditionFailed(Problem):
    status, error_type, code = 412, "precondition_failed", "precondition_failed"
    detail = "The task has changed since that ETag; fetch it again and decide anew"


class ContentTooLarge(Problem):
    status, error_type, code = 413, "content_too_large", "content_too_large"
    detail = "The body is larger than 64 KiB"


class UriTooLong(Problem):
    status, error_type, code = 414, "uri_too_long", "uri_too_long"
    detail = "The address is longer than 8 KiB"


class UnsupportedMediaType(Problem):
    status, error_type, code = 415, "unsupported_media_type", "unsupported_media_type"
    detail = "Send the body as application/json"


class Invalid(Problem):
    status, error_type, code = 422, "validation_error", "validation_error"
    detail = "Some of what was sent is not valid; see errors"


class HeadTooLarge(Problem):
    status, error_type, code = 431, "header_fields_too_large", "header_fields_too_large"
    detail = "A request has at most 100 header fields and 64 KiB of them"


class Leaving(Problem):
    status, error_type, code = 503, "unavailable", "shutting_down"
    detail = "This process is about to end; others serve"

    def __init__(self) -> None:
        super().__init__(headers={"Retry-After": "1"})


class DatabaseUnavailable(Problem):
    """The database cannot be used right now. ``reason`` is for the log."""

    status, error_type, code = 503, "unavailable", "database_unavailable"
    detail = "The database cannot be reached right now; try again shortly"

    def __init__(self, reason: str, detail: str | None = None) -> None:
        super().__init__(detail, headers={"Retry-After": "1"})
        self.reason = reason


_AUTH_ERROR_TYPES = {
    400: "bad_request",
    401: "authentication_error",
    429: "rate_limited",
    503: "unavailable",
}


def render(
    request_id: str,
    status: int,
    error_type: str,
    code: str,
    detail: str,
    headers: Mapping[str, str] | None = None,
    errors: list[dict[str, str]] | None = None,
) -> Response:
    """The one shape of an error (RFC 9457 §3.1, with the members the contract adds)."""
    body: dict[str, Any] = {
        "type": "about:blank",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": detail,
        "status_code": status,
        "error_type": error_type,
        "code": code,
        "request_id": request_id,
    }
    if errors:
        body["errors"] = errors
    return Response(orjson.dumps(body), status, dict(headers or {}), MEDIA_TYPE)


def _request_id(request: Request) -> str:
    return str(request.scope.get("request_id", ""))


async def on_problem(request: Request, error: Exception) -> Response:
    assert isinstance(error, Problem)  # noqa: S101 - only these are registered for it
    return render(
        _request_id(request), error.status, error.error_type, error.code, error.detail, error.headers, error.errors
    )


async def on_auth_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, AuthError)  # noqa: S101 - only these are registered for it
    error_type = _AUTH_ERROR_TYPES[error.status]
    return render(_request_id(request), error.status, error_type, error.code, error.phrase, error.headers)


async def on_http_exception(request: Request, error: Exception) -> Response:
    """Starlette's own refusals: no such route, or not with this method."""
    assert isinstance(error, HTTPException)  # noqa: S101 - only these are registered for it
    if error.status_code == 404:
        return await on_problem(request, NotFound())
    word = HTTPStatus(error.status_code).name.lower()
    detail = "This path does not answer to that method; see Allow" if error.status_code == 405 else error.detail
    return render(_request_id(request), error.status_code, word, word, detail, error.headers)


async def on_crash(request: Request, error: Exception) -> Response:
    """Anything nobody foresaw: told to the log in full, to the client not at all."""
    return render(_request_id(request), 500, "internal_error", "internal_error", "Something went wrong on our side")


HANDLERS: dict[Any, Any] = {
    Problem: on_problem,
    AuthError: on_auth_error,
    HTTPException: on_http_exception,
    Exception: on_crash,
}
