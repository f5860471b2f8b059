"""The check of ``{user_id}``, made once for every resource, where the API is mounted."""

from typing import Any

from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from taskward.api.request import EVENT_STREAM, JSON, MAX_BODY
from taskward.database.engine import Database, Rows
from taskward.problems import CONTENT_TOO_LARGE, NOT_ACCEPTABLE, NOT_OWNER, Problem

#: Accept values of most clients, which need no parsing.
_ACCEPTED = frozenset({b"", b"*/*", b"application/json"})


class OwnerGate:
    """Middleware after authentication: sets ``scope["rows"]`` to the rows of the caller, or raises Problem (403).

    ``{user_id}`` must be the token's subject or ``me``. Every other value gets the same 403, whether such a user exists
    or not: nothing is looked up.
    """

    def __init__(self, app: ASGIApp, database: Database, streams: Any) -> None:
        self._app = app
        self._database = database
        self._streams = streams  # of the events resource; passed on

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        _check_headers(scope)
        owner = scope["user"].subject
        _, _, user_id = scope["path"].removeprefix(scope["root_path"]).partition("/")
        user_id = user_id.partition("/")[0]
        if user_id != "me" and user_id != owner:
            raise Problem(NOT_OWNER)
        scope["rows"] = self._database.of(owner)
        scope["streams"] = self._streams
        await self._app(scope, receive, send)


def rows_of(request: Request) -> Rows:
    """The rows of the caller. A handler makes its repository of them."""
    rows: Rows = request.scope["rows"]
    return rows


def _check_headers(scope: Scope) -> None:
    """Raises Problem for a Content-Length above the limit (413) and for an Accept that excludes the answer (406)."""
    accept = b""
    for name, value in scope["headers"]:
        if name == b"content-length" and value.isdigit() and int(value) > MAX_BODY:
            raise Problem(CONTENT_TOO_LARGE)
        if name == b"accept":
            accept = accept + b"," + value if accept else value  # several fields form one list (RFC 9110 §5.3)
    if scope["path"].endswith("/events"):
        wanted = EVENT_STREAM
    elif accept in _ACCEPTED:
        return
    else:
        wanted = JSON
    if accept and not _accepts(wanted, accept.decode("latin-1")):
        raise Problem(NOT_ACCEPTABLE, f"Answers here are {wanted}; the Accept header excludes that")


def _accepts(wanted: str, accept: str) -> bool:
    """Whether Accept allows this media type: the most specific range that covers it decides (RFC 9110 §12.5.1)."""
    best, answer = -1, False
    for item in accept.split(","):
        media_range, *parameters = (part.strip().lower() for part in item.split(";"))
        kind = wanted.partition("/")[0]
        specific = {"*/*": 0, f"{kind}/*": 1, wanted: 2}.get(media_range, -1)
        if specific > best:
            best, answer = (
                specific,
                not any(p.replace(" ", "") in ("q=0", "q=0.0", "q=0.00", "q=0.000") for p in parameters),
            )
    return answer
