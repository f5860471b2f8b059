"""Routing: exact matches, and a mount below which every path needs a token."""

import re
from collections.abc import Iterable

from starlette.endpoints import HTTPEndpoint
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Match, Mount, Route
from starlette.types import Receive, Scope, Send

METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")


class Endpoint(HTTPEndpoint):
    """Starlette's HTTPEndpoint, faster: methods are listed once per class, and every handler is a coroutine."""

    def __init_subclass__(cls) -> None:
        offered = [name for name in METHODS if hasattr(cls, name.lower())]
        cls._allowed_methods = ["HEAD", *offered] if "GET" in offered else offered

    def __init__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.scope, self.receive, self.send = scope, receive, send

    async def dispatch(self) -> None:
        method = self.scope["method"]
        request = Request(self.scope, self.receive, self.send)
        if method in self._allowed_methods:
            handler = getattr(self, "get" if method == "HEAD" else method.lower())
        else:
            handler = self.method_not_allowed
        response: Response = await handler(request)
        self.answering(request, response)
        await response(self.scope, self.receive, self.send)

    def answering(self, request: Request, response: Response) -> None:
        """Called with each answer before it is sent. A subclass notifies event streams here."""


class Json(Response):
    """An answer in JSON, with further header fields as ASGI has them: lower-case names, bytes."""

    def __init__(self, body: bytes, status: int = 200, *fields: tuple[bytes, bytes]) -> None:
        self.status_code, self.body, self.background = status, body, None
        self.raw_headers = [(b"content-length", b"%d" % len(body)), (b"content-type", b"application/json"), *fields]


class ResourceRoute(Route):
    """Starlette's Route, faster: a path with another number of slashes is not matched with the regular expression."""

    def __init__(self, path: str, endpoint: type[Endpoint]) -> None:
        super().__init__(path, endpoint)
        self._slashes = path.count("/")

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        if scope["path"].count("/") - scope["root_path"].count("/") != self._slashes:
            return Match.NONE, {}
        return super().matches(scope)


class PrivateMount(Mount):
    """A mount that matches its path and every path below.

    Starlette's Mount matches by a regular expression that does not match a path with a line end. Such a path would
    reach the routes outside, which need no token.
    """

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        path = scope["path"]
        if scope["type"] != "http" or not (path == self.path or path.startswith(f"{self.path}/")):
            return Match.NONE, {}
        return Match.FULL, {"root_path": self.path, "app_root_path": "", "endpoint": self.app}


def match_to_the_end(routes: Iterable[BaseRoute]) -> None:
    """Make routes match the whole path. Starlette's patterns also match a path and a line end, as in ``/docs%0a``."""
    for route in routes:
        if isinstance(route, Route):
            route.path_regex = re.compile(route.path_regex.pattern.removesuffix("$") + r"\Z")
