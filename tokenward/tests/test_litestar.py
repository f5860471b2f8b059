"""Litestar: every handler is private, whatever its method and kind."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from litestar import Litestar, Request, asgi, get, route
from litestar.types import Receive, Scope, Send

from tokenward import Tokenward
from tokenward.litestar import TokenwardPlugin, requires
from tokenward.testing import Issuer

PREFLIGHT = {"origin": "https://page.example", "access-control-request-method": "GET"}
SECRET = "a private body"


@route("/both", http_method=["GET", "OPTIONS"], status_code=200, media_type="text/plain")
async def both() -> str:
    return SECRET


@route("/only", http_method=["OPTIONS"], status_code=200, media_type="text/plain")
async def only() -> str:
    return SECRET


@asgi("/mounted", is_mount=True, copy_scope=True)
async def mounted(scope: Scope, receive: Receive, send: Send) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": SECRET.encode(), "more_body": False})


@get("/notes", media_type="text/plain")
async def notes() -> str:
    return SECRET


@get("/open", opt={"public": True})
async def public(request: Request[Any, Any, Any]) -> dict[str, bool]:
    return {"anonymous": request.user is None}


@pytest.fixture
async def issuer() -> Issuer:
    return Issuer("https://app.example")


async def asked(issuer: Issuer, *handlers: Any, **options: Any) -> AsyncIterator[httpx.AsyncClient]:
    auth = Tokenward.better_auth("https://app.example")
    app = Litestar(list(handlers), plugins=[TokenwardPlugin(auth)], openapi_config=None, **options)
    with issuer.behind(auth):
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://app.test") as client:
            yield client


@pytest.fixture
async def client(issuer: Issuer) -> AsyncIterator[httpx.AsyncClient]:
    async for each in asked(issuer, both, only, mounted, notes, public):
        yield each


@pytest.mark.parametrize("headers", [{}, PREFLIGHT], ids=["plain", "preflight"])
@pytest.mark.parametrize("path", ["/both", "/only", "/mounted", "/mounted/below"])
async def test_a_handler_that_takes_options_is_private(
    path: str, headers: dict[str, str], issuer: Issuer, client: httpx.AsyncClient
) -> None:
    refused = await client.options(path, headers=headers)
    assert (refused.status_code, refused.json()["code"]) == (401, "missing_token")
    assert SECRET not in refused.text
    answer = await client.options(path, headers={**headers, **issuer.headers("ada")})
    assert (answer.status_code, answer.text) == (200, SECRET)


@pytest.mark.parametrize("headers", [{}, PREFLIGHT], ids=["plain", "preflight"])
async def test_the_handler_that_litestar_makes_for_options_needs_no_token(
    headers: dict[str, str], client: httpx.AsyncClient
) -> None:
    answer = await client.options("/notes", headers=headers)
    assert (answer.status_code, answer.text, answer.headers["allow"]) == (204, "", "GET, OPTIONS")
    assert (await client.get("/notes", headers=headers)).status_code == 401


async def test_the_caller_of_a_public_handler_is_none(client: httpx.AsyncClient) -> None:
    assert (await client.get("/open")).json() == {"anonymous": True}


async def test_a_guard_of_the_application_refuses_callers_without_a_token(issuer: Issuer) -> None:
    async for client in asked(issuer, notes, public, guards=[requires(scopes=["notes:read"])]):
        for method, path in (("GET", "/open"), ("OPTIONS", "/notes"), ("GET", "/notes")):
            refused = await client.request(method, path)
            assert (refused.status_code, refused.json()["code"]) == (401, "missing_token"), (method, path)
        assert (await client.get("/notes", headers=issuer.headers(scope="notes:read"))).status_code == 200
