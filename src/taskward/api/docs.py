"""The page at /docs: Swagger UI 5.31.0, whose files are part of the package."""

from pathlib import Path

from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

_STATIC = Path(__file__).parent / "static"

#: Swagger UI needs inline style attributes and icons from data: URLs. Scripts come from files only.
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)


async def page(request: Request) -> Response:
    return FileResponse(_STATIC / "docs.html", headers={"Content-Security-Policy": _POLICY}, media_type="text/html")


def routes() -> list[Route | Mount]:
    return [Route("/docs", page), Mount("/docs", StaticFiles(directory=_STATIC), name="docs-assets")]
