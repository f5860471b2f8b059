"""How a path finds its handler: everything below the API's mount is private, and every match is exact."""

import re
from collections.abc import Iterable

from starlette.endpoints import HTTPEndpoint
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Match, Mount, Route
from starlette.types import Receive, Scope, Send

METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")


class Endpoint(HTTPEndpoint):
    """Starlette's, which looks once at the methods it has and not at each request; all of them are coroutines."""

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
        """Called before each answer is sent: what it changed can be told to others."""


class PrivateMount(Mount):
    """Everything at its path and below, whatever the rest of the path looks like.

    Starlette's own Mount matches by a regular expression, past which a line end slips to the routes outside.
    """

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        path = scope["path"]
        if scope["type"] != "http" or not (path == self.path or path.startswith(f"{self.path}/")):
            return Match.NONE, {}
        return Match.FULL, {"root_path": self.path, "app_root_path": "", "endpoint": self.app}


def match_to_the_end(routes: Iterable[BaseRoute]) -> None:
    """Let no route match a path with a line end after it, as Starlette's patterns do: ``/docs%0a`` is not ``/docs``."""
    for route in routes:
        if isinstance(route, Route):
            route.path_regex = re.compile(route.path_regex.pattern.removesuffix("$") + r"\Z")
