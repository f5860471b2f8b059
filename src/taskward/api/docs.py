"""The page at /docs: Swagger UI 5.31.0, whose files are part of the package."""

from pathlib import Path

from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import Receive, Scope, Send

_STATIC = Path(__file__).parent / "static"

#: Swagger UI needs inline style attributes and icons from data: URLs. Scripts come from files only.
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)


class _WholeFile(FileResponse):
    """Starlette's. Range is ignored (RFC 9110 §14.2): Starlette refuses a malformed one in plain text."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await super().__call__(_without_range(scope), receive, send)


class _WholeFiles(StaticFiles):
    """Likewise, for the files beside the page."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await super().__call__(_without_range(scope), receive, send)


def _without_range(scope: Scope) -> Scope:
    return {**scope, "headers": [field for field in scope["headers"] if field[0] != b"range"]}


async def page(request: Request) -> Response:
    return _WholeFile(_STATIC / "docs.html", headers={"Content-Security-Policy": _POLICY}, media_type="text/html")


def routes() -> list[Route | Mount]:
    return [Route("/docs", page), Mount("/docs", _WholeFiles(directory=_STATIC), name="docs-assets")]
