"""Refusals by the connection itself, and the interface of their renderer, which the application provides."""

from collections.abc import Callable

Headers = list[tuple[bytes, bytes]]
Renderer = Callable[[int, str | None, str | None, str | None], tuple[Headers, bytes]]
"""Takes status, detail (None for the usual text of that status), client IP and request ID (None for a new one).

Returns header fields and body, and counts and logs the refusal. It never raises.
"""

RENDERER = "refusals"
"""The renderer's key in the lifespan state, which uvicorn passes to each connection."""


class Refused(Exception):
    """A request that is not passed to the application. ``detail`` is a fixed phrase, never a part of the request."""

    def __init__(self, status: int, detail: str | None = None) -> None:
        super().__init__(status, detail)
        self.status = status
        self.detail = detail


def bare(status: int, detail: str | None, client: str | None, request_id: str | None) -> tuple[Headers, bytes]:
    """The default renderer, for applications without one: a response without body."""
    return [(b"content-length", b"0")], b""
