"""Authentication in front of an ASGI application: as Starlette backend, as plain middleware and as dependency."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette
from starlette.authentication import requires
from starlette.middleware.authentication import AuthenticationMiddleware
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Mount, Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from tokenward import AuthError, BearerMiddleware, Tokenward
from tokenward.starlette import Bearer, BearerBackend, on_auth_error
from world import World, world


async def whoami(request: Request) -> JSONResponse:
    body = (await request.body()).decode()
    return JSONResponse({"user": request.user.subject, "auth": request.auth.scopes, "body": body})


async def dependent(request: Request) -> JSONResponse:
    return JSONResponse({"user": (await request.app.state.caller(request)).subject})


def behind(way: str, w: World) -> ASGIApp:
    """An application with this world's authenticator in front of it, in each of the ways there are."""
    if way == "backend":
        inner = Starlette(routes=[Route("/", whoami, methods=["POST"])])
        private = AuthenticationMiddleware(inner.router, backend=BearerBackend(w.authenticator))
        return Starlette(routes=[Mount("/", private)], exception_handlers={AuthError: on_auth_error})
    if way == "middleware":
        return BearerMiddleware(Starlette(routes=[Route("/", whoami, methods=["POST"])]), w.authenticator)
    caller = Bearer(w.authenticator)
    app = Starlette(
        routes=[Route("/", dependent, methods=["POST"])], exception_handlers=dict(caller.exception_handlers)
    )
    app.state.caller = caller
    return app


WAYS = ["backend", "middleware", "dependency"]


def client_at(app: ASGIApp, address: str | None, token: str) -> httpx.AsyncClient:
    async def without_address(scope: Scope, receive: Receive, send: Send) -> None:
        await app({**scope, "client": None}, receive, send)

    transport = httpx.ASGITransport(without_address if address is None else app, client=(address or "", 50_000))
    headers = {"authorization": f"Bearer {token}"}
    return httpx.AsyncClient(transport=transport, base_url="http://app.test", headers=headers)


@pytest.mark.parametrize("way", WAYS)
async def test_refusals_are_counted_per_client_ip_and_not_at_all_without_one(way: str) -> None:
    async with world(limit="2/minute") as w:
        app = behind(way, w)
        async with client_at(app, "192.0.2.1", "x") as one, client_at(app, "192.0.2.2", "x") as two:
            assert [(await one.post("/")).status_code for _ in range(3)] == [401, 401, 429]
            assert [(await two.post("/")).status_code for _ in range(3)] == [401, 401, 429]
        async with client_at(app, None, "x") as nowhere:
            assert [(await nowhere.post("/")).status_code for _ in range(4)] == [401] * 4
        assert [address for _, address, _ in w.events.refusals] == ["192.0.2.1"] * 3 + ["192.0.2.2"] * 3 + [None] * 4


@pytest.mark.parametrize("way", WAYS)
async def test_an_accepted_request_reaches_the_application_with_its_user_and_its_body(way: str) -> None:
    async with world() as w, client_at(behind(way, w), "192.0.2.1", w.issuer.token("alice")) as alice:
        told = (await alice.post("/", content="their own words")).json()
        assert told["user"] == "alice"
        if way != "dependency":
            assert told == {"user": "alice", "auth": ["authenticated"], "body": "their own words"}


@pytest.mark.parametrize("way", WAYS)
async def test_a_refusal_is_a_complete_problem_with_no_store(way: str) -> None:
    async with world() as w, client_at(behind(way, w), "192.0.2.1", "x") as nobody:
        answer = await nobody.post("/")
        assert answer.json() == {
            "type": "about:blank",
            "title": "Unauthorized",
            "status": 401,
            "code": "invalid_token",
            "detail": "The access token is malformed",
        }
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.headers["cache-control"] == "no-store"
        assert answer.headers["www-authenticate"] == (
            'Bearer error="invalid_token", error_description="The access token is malformed"'
        )


@pytest.mark.parametrize("extensions", [{}, {"extensions": None}, {"extensions": {}}, {"extensions": {"other": {}}}])
async def test_a_refused_websocket_without_the_denial_extension_is_closed_with_1008(
    extensions: dict[str, Any],
) -> None:
    async with world() as w:
        sent: list[Message] = []

        async def receive() -> Message:
            return {"type": "websocket.connect"}

        async def send(message: Message) -> None:
            sent.append(message)

        scope = {"type": "websocket", "path": "/", "headers": [(b"authorization", b"Bearer x")], **extensions}
        await behind("middleware", w)(scope, receive, send)
        assert sent == [{"type": "websocket.close", "code": 1008, "reason": "The access token is malformed"}]


async def test_the_lifespan_fetches_the_keys_at_startup_and_stops_refreshing_at_shutdown() -> None:
    async with world(started=False) as w:
        app = behind("middleware", w)
        said: asyncio.Queue[Message] = asyncio.Queue()
        heard: list[str] = []

        async def send(message: Message) -> None:
            heard.append(message["type"])

        said.put_nowait({"type": "lifespan.startup"})
        living = asyncio.create_task(app({"type": "lifespan", "state": {}}, said.get, send))
        await w.clock.advance(0)
        assert (heard, w.issuer.fetches) == (["lifespan.startup.complete"], 1)
        said.put_nowait({"type": "lifespan.shutdown"})
        await living
        assert heard == ["lifespan.startup.complete", "lifespan.shutdown.complete"]
        await w.clock.advance(10_000)
        assert w.issuer.fetches == 1


@pytest.mark.parametrize(
    ("root_path", "path", "status"),
    [
        ("", "/health", 200),
        ("/backend", "/backend/health", 200),
        ("/backend/", "/backend/health", 200),
        ("/backend", "/health", 200),
        ("/v1", "/v1/notes", 401),
        ("/health", "/health/notes", 401),
        ("/health", "/health", 401),
        ("/back", "/backend/health", 401),
        ("", "/health/", 401),
    ],
)
async def test_open_paths_are_compared_below_the_root_path(root_path: str, path: str, status: int) -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    guarded = BearerMiddleware(app, Tokenward.better_auth("https://app.example"), open_paths={"/health"})
    transport = httpx.ASGITransport(guarded, root_path=root_path)
    async with httpx.AsyncClient(transport=transport, base_url="http://app.test") as client:
        assert (await client.get(path)).status_code == status


async def told(request: Request) -> JSONResponse:
    return JSONResponse({"user": request.user and request.user.subject, "scopes": request.auth.scopes})


async def test_starlettes_requires_answers_a_caller_without_a_token_with_403() -> None:
    async with world() as w:
        private = requires("authenticated")(told)
        routes = [Route("/private", private), Route("/told", told), Route("/open", told), Route("/open/no", private)]
        app = BearerMiddleware(Starlette(routes=routes), w.authenticator, {"/open", "/open/no"}, optional=True)
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://app.test") as client:
            for path in ("/private", "/open/no"):
                assert (await client.get(path)).status_code == 403, path
            for path in ("/told", "/open"):
                assert (await client.get(path)).json() == {"user": None, "scopes": []}, path
            mine = w.issuer.headers("ada")
            assert (await client.get("/private", headers=mine)).json()["user"] == "ada"
            assert (await client.get("/told", headers={"authorization": "Bearer x"})).status_code == 401
