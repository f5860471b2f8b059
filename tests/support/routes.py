"""The routes of an application, read from the application."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from starlette.routing import BaseRoute, Mount, Route


def starlette_of(app: Any) -> Any:
    """What has routes inside whatever plain ASGI middleware is wrapped around it; None if nothing has."""
    while app is not None and not hasattr(app, "routes"):
        app = getattr(app, "app", None) or getattr(app, "_app", None)
    return app


def routes_of(app: Any) -> set[tuple[str, str]]:
    """Every (method, path template) there is. HEAD goes with GET, so it is left out."""
    return {(method, path) for route, path in _walk(starlette_of(app).routes) for method in _methods(route)}


def _methods(route: BaseRoute) -> set[str]:
    if methods := getattr(route, "methods", None):
        return set(methods) - {"HEAD"}
    endpoint = getattr(route, "endpoint", None)
    if isinstance(endpoint, type):
        return {
            name for name in ("GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS") if hasattr(endpoint, name.lower())
        }
    return {"*"}


def _walk(routes: list[BaseRoute], prefix: str = "") -> Iterator[tuple[BaseRoute, str]]:
    for route in routes:
        if isinstance(route, Mount):
            inner = starlette_of(route.app)
            if inner is None:  # such as static files: whatever is below is one handler's
                yield route, prefix + route.path + "/{path}"
            else:
                yield from _walk(list(inner.routes), prefix + route.path)
        elif isinstance(route, Route):
            yield route, prefix + route.path
        else:
            raise TypeError(f"a kind of route these tests do not know: {route!r}")
