"""Where the API is mounted: the ``{user_id}`` of the path is settled once, and a repository made for its owner."""

import re
from collections.abc import Iterable

from starlette.routing import BaseRoute, Match, Mount, Route
from starlette.types import ASGIApp, Receive, Scope, Send

from taskward.database.engine import Database
from taskward.problems import ContentTooLarge, NotAcceptable, NotOwner
from taskward.tasks.query import MAX_BODY
from taskward.tasks.repository import Tasks

#: What most clients send, known without being read: nothing, everything, JSON.
_ACCEPTED = frozenset({b"", b"*/*", b"application/json"})


def match_to_the_end(routes: Iterable[BaseRoute]) -> None:
    """Let no route match a path with a line end after it, as Starlette's patterns do: ``/docs%0a`` is not ``/docs``."""
    for route in routes:
        if isinstance(route, Route):
            route.path_regex = re.compile(route.path_regex.pattern.removesuffix("$") + r"\Z")


class PrivateMount(Mount):
    """Everything at its path and below, whatever the rest of the path looks like.

    Starlette's own Mount matches by a regular expression, past which a line end slips to the routes outside.
    """

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        path = scope["path"]
        if scope["type"] != "http" or not (path == self.path or path.startswith(f"{self.path}/")):
            return Match.NONE, {}
        return Match.FULL, {"root_path": self.path, "app_root_path": "", "endpoint": self.app}


class OwnerGate:
    """Sits behind authentication: ``scope["tasks"]`` becomes the caller's own repository, or the answer is 403.

    The path user is the token's subject or ``me``. The answer for anybody else is the same whether or not they exist,
    because nothing is looked up to give it.
    """

    def __init__(self, app: ASGIApp, db: Database) -> None:
        self._app = app
        self._db = db

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        _check_headers(scope)
        owner = scope["user"].subject
        _, _, user_id = scope["path"].removeprefix(scope["root_path"]).partition("/")
        user_id = user_id.partition("/")[0]
        if user_id != "me" and user_id != owner:
            raise NotOwner
        scope["tasks"] = Tasks(self._db, owner)
        await self._app(scope, receive, send)


def _check_headers(scope: Scope) -> None:
    """What can be refused before a handler is chosen: an oversized body announced, an Accept that rules out JSON."""
    accept = b""
    for name, value in scope["headers"]:
        if name == b"content-length" and value.isdigit() and int(value) > MAX_BODY:
            raise ContentTooLarge
        if name == b"accept":
            accept = accept + b"," + value if accept else value  # several are one list (RFC 9110 §5.3)
    if accept not in _ACCEPTED and not _accepts_json(accept.decode("latin-1")):
        raise NotAcceptable


def _accepts_json(accept: str) -> bool:
    """RFC 9110 §12.5.1, for the one media type there is: the most specific range that covers it decides."""
    best, answer = -1, False
    for item in accept.split(","):
        media_range, *parameters = (part.strip().lower() for part in item.split(";"))
        specific = {"*/*": 0, "application/*": 1, "application/json": 2}.get(media_range, -1)
        if specific > best:
            best, answer = (
                specific,
                not any(p.replace(" ", "") in ("q=0", "q=0.0", "q=0.00", "q=0.000") for p in parameters),
            )
    return answer
