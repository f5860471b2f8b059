"""The API described: ``/openapi.json`` for machines, ``/docs`` for people."""

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Mount, Route

from taskward.openapi import page
from taskward.openapi.document import document


def routes() -> list[Route | Mount]:
    described = document()

    async def openapi(request: Request) -> Response:
        return JSONResponse(described)

    return [Route("/openapi.json", openapi), *page.routes()]
