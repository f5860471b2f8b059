"""What a connection refuses by itself, and the form of what renders it; the application brings its own renderer."""

from collections.abc import Callable

Headers = list[tuple[bytes, bytes]]
Renderer = Callable[[int, str | None, str | None, str | None], tuple[Headers, bytes]]
"""Takes status, detail (None for the usual text of that status), client IP and request ID (None for a new one).

Returns header fields and body, and counts and logs the refusal. It never raises.
"""

RENDERER = "refusals"
"""Where the renderer is in the lifespan's state, which uvicorn hands to each connection."""


class Refused(Exception):
    """A request that is not passed on. ``detail`` is a fixed phrase, never a part of the request."""

    def __init__(self, status: int, detail: str | None = None) -> None:
        super().__init__(status, detail)
        self.status = status
        self.detail = detail


def bare(status: int, detail: str | None, client: str | None, request_id: str | None) -> tuple[Headers, bytes]:
    """For an application without a renderer: the status alone."""
    return [(b"content-length", b"0")], b""
