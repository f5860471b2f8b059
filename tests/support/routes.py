"""The routes an application really has, read from the application itself, so that none can be forgotten."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from starlette.routing import BaseRoute, Mount, Route


def starlette_of(app: Any) -> Any:
    """The Starlette application inside whatever plain ASGI middleware is wrapped around it."""
    while not hasattr(app, "routes"):
        inner = [value for value in vars(app).values() if callable(value) and not isinstance(value, type)]
        app = getattr(app, "app", None) or getattr(app, "_app", None) or inner[0]
    return app


def routes_of(app: Any) -> set[tuple[str, str]]:
    """Every (method, path template) there is. HEAD goes with GET, so it is left out."""
    return {
        (method, path)
        for route, path in _walk(starlette_of(app).routes)
        for method in (getattr(route, "methods", None) or {"*"})
        if method != "HEAD"
    }


def _walk(routes: list[BaseRoute], prefix: str = "") -> Iterator[tuple[BaseRoute, str]]:
    for route in routes:
        if isinstance(route, Mount):
            if route.routes:
                yield from _walk(list(route.routes), prefix + route.path)
            else:  # such as static files: whatever is below is one handler's
                yield route, prefix + route.path + "/{path}"
        elif isinstance(route, Route):
            yield route, prefix + route.path
        else:
            raise TypeError(f"a kind of route these tests do not know: {route!r}")
