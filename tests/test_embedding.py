"""`tokenward` in other people's applications: every block of docs/embedding.md, run as it stands there."""

from __future__ import annotations

import asyncio
import contextlib
import re
import socket
import sys
import types
from collections.abc import AsyncIterator, Iterator
from typing import Any

import httpx
import pytest
import uvicorn
from starlette.types import Message

from tests.support.issuer import JWKS_PATH, Answer, Issuer, SigningKey, spare_key
from tests.support.process import ROOT, free_port
from tests.support.service import eventually
from tokenward import AuthEvents, BearerMiddleware, Identity, jwks_authenticator

ISSUER = "https://app.example"
TEXT = (ROOT / "docs" / "embedding.md").read_text()
BLOCKS = dict(re.findall(r"^## ([^\n]+)\n(?:(?!^## ).)*?```python\n(.*?)```", TEXT, flags=re.DOTALL | re.MULTILINE))
OVER_HTTP = ["Starlette", "FastAPI", "Litestar", "With CORS"]


@pytest.fixture
def issuer() -> Issuer:
    return Issuer(ISSUER)


def built(heading: str, jwks_url: str) -> Any:
    """The application of this block; only the address of the key server is another one."""
    code = BLOCKS[heading]
    assert ISSUER + JWKS_PATH in code
    module = types.ModuleType(f"embedded_{heading.lower().replace(' ', '_')}")
    sys.modules[module.__name__] = module  # frameworks look types up where a function says it lives
    code = code.replace(ISSUER + JWKS_PATH, jwks_url)
    exec(compile(code, f"docs/embedding.md, {heading}", "exec", dont_inherit=True), vars(module))  # noqa: S102  # running what the page says is the point
    return module.app


class Server(uvicorn.Server):
    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield  # Ctrl-C belongs to pytest


@contextlib.asynccontextmanager
async def serving(app: Any) -> AsyncIterator[httpx.AsyncClient]:
    """The application on a real socket, started and stopped as a server does it."""
    listener = socket.create_server(("127.0.0.1", 0))
    server = Server(uvicorn.Config(app, lifespan="on", log_config=None, ws="none"))
    running = asyncio.create_task(server.serve([listener]))
    url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    try:
        async with httpx.AsyncClient(base_url=url, trust_env=False) as client:
            yield client
    finally:
        server.should_exit = True
        await running


async def ask(client: httpx.AsyncClient, token: str | None, **headers: str) -> httpx.Response:
    if token is not None:
        headers["authorization"] = f"Bearer {token}"
    return await client.get("/notes", headers=headers)


def refused(answer: httpx.Response, status: int, code: str) -> None:
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["cache-control"] == "no-store"
    assert (answer.json()["status"], answer.json()["code"]) == (status, code)


def test_the_page_has_a_block_for_each_framework_and_each_is_run_here() -> None:
    assert list(BLOCKS) == [*OVER_HTTP, "WebSockets"]
    assert TEXT.count("```python") == len(BLOCKS)


@pytest.mark.parametrize("heading", ["Starlette", "FastAPI", "Litestar"])
def test_it_takes_ten_lines_and_not_more(heading: str) -> None:
    lines = [line for line in BLOCKS[heading].splitlines() if line.strip()]
    about_the_caller = [line for line in lines if not re.match(r"from (starlette|fastapi|litestar|typing)", line)]
    assert len(about_the_caller) <= 12, "with the application's own route"


@pytest.mark.parametrize("heading", OVER_HTTP)
async def test_a_signed_token_is_let_in_as_its_subject(heading: str, issuer: Issuer) -> None:
    async with issuer.serve() as jwks_url, serving(built(heading, jwks_url)) as client:
        for token in (issuer.token("alice"), issuer.token("alice", key=issuer.rotate(key=spare_key("RS256")))):
            answer = await ask(client, token)
            assert (answer.status_code, answer.json()) == (200, {"owner": "alice"})


@pytest.mark.parametrize("heading", OVER_HTTP)
async def test_everybody_else_is_refused_with_a_challenge(heading: str, issuer: Issuer) -> None:
    async with issuer.serve() as jwks_url, serving(built(heading, jwks_url)) as client:
        nobody = await ask(client, None)
        refused(nobody, 401, "missing_token")
        assert nobody.headers["www-authenticate"] == "Bearer"
        tokens = {
            "expired": issuer.expired_token(),
            "invalid": issuer.token(key=SigningKey.new(kid=issuer.signer.kid)),
            "not issued for this service": issuer.token(aud="https://elsewhere.example"),
        }
        for phrase, token in tokens.items():
            answer = await ask(client, token)
            refused(answer, 401, "invalid_token")
            assert phrase in answer.headers["www-authenticate"]
            assert token not in answer.text
        twice = await client.get("/notes", headers=[("authorization", f"Bearer {issuer.token()}")] * 2)
        refused(twice, 400, "invalid_request")
        for _ in range(4):
            last = await ask(client, "bad")
        refused(last, 429, "too_many_failures")
        assert int(last.headers["retry-after"]) >= 1
        assert (await ask(client, issuer.token())).status_code == 200, "a valid token always passes"


@pytest.mark.parametrize("heading", OVER_HTTP)
async def test_without_keys_it_is_503_and_well_again_when_they_come(heading: str, issuer: Issuer) -> None:
    port = free_port()
    app = built(heading, f"http://127.0.0.1:{port}{JWKS_PATH}")
    async with serving(app) as client:
        answer = await ask(client, issuer.token())
        refused(answer, 503, "keys_unavailable")
        assert int(answer.headers["retry-after"]) >= 1
        assert "www-authenticate" not in answer.headers
        async with issuer.serve(port):

            async def let_in() -> bool:
                return (await ask(client, issuer.token())).status_code == 200

            await eventually(let_in)


@pytest.mark.parametrize("heading", ["Starlette", "FastAPI", "Litestar"])
async def test_nothing_is_left_behind_when_it_ends_and_it_can_run_again(
    heading: str, issuer: Issuer, monkeypatch: pytest.MonkeyPatch
) -> None:
    clients: list[httpx.AsyncClient] = []

    class Noted(httpx.AsyncClient):
        def __init__(self, **options: Any) -> None:
            super().__init__(**options)
            clients.append(self)

    before = asyncio.all_tasks()
    monkeypatch.setattr(httpx, "AsyncClient", Noted)
    async with issuer.serve() as jwks_url:
        app = built(heading, jwks_url)
        for _ in range(2):
            async with serving(app) as client:
                assert (await ask(client, issuer.token())).status_code == 200
            assert all(client.is_closed for client in clients)
            issuer.rotate()  # so that the next run has to ask for keys
    assert len(clients) == 4, "one to fetch keys and one to ask, each time it ran"
    assert {task for task in asyncio.all_tasks() - before if "_connection" not in repr(task)} == set()


async def test_with_cors_outside_a_preflight_needs_no_token_and_refusals_can_be_read(issuer: Issuer) -> None:
    async with issuer.serve() as jwks_url, serving(built("With CORS", jwks_url)) as client:
        asked = {"origin": ISSUER, "access-control-request-method": "GET"}
        preflight = await client.options("/notes", headers={**asked, "access-control-request-headers": "authorization"})
        assert preflight.status_code == 200
        answer = await ask(client, None, origin=ISSUER)
        refused(answer, 401, "missing_token")
        assert answer.headers["access-control-allow-origin"] == ISSUER


# --- WebSockets ------------------------------------------------------------------------------------------------------


@contextlib.asynccontextmanager
async def started(app: Any) -> AsyncIterator[None]:
    from asgi_lifespan import LifespanManager

    async with LifespanManager(app):
        yield


async def handshake(app: Any, token: str | None, *, can_deny: bool) -> list[Message]:
    """Everything the application sends on a WebSocket of this caller's."""
    sent: list[Message] = []
    coming: asyncio.Queue[Message] = asyncio.Queue()
    coming.put_nowait({"type": "websocket.connect"})

    async def send(message: Message) -> None:
        sent.append(message)

    headers = [(b"host", b"app.example")] + ([(b"authorization", f"Bearer {token}".encode())] if token else [])
    scope = {
        "type": "websocket",
        "asgi": {"version": "3.0"},
        "scheme": "wss",
        "path": "/live",
        "raw_path": b"/live",
        "root_path": "",
        "query_string": b"",
        "headers": headers,
        "client": ("192.0.2.1", 50000),
        "server": ("app.example", 443),
        "subprotocols": [],
        "extensions": {"websocket.http.response": {}} if can_deny else {},
    }
    await app(scope, coming.get, send)
    return sent


async def echo(scope: Any, receive: Any, send: Any) -> None:
    """Somebody's bare ASGI application, which knows nothing of a lifespan."""
    if scope["type"] == "lifespan":
        raise NotImplementedError
    if scope["type"] == "websocket":
        await send({"type": "websocket.accept"})
        await send({"type": "websocket.send", "text": scope["user"].subject})
        await send({"type": "websocket.close"})
        return
    await send({"type": "http.response.start", "status": 200, "headers": []})
    user = scope.get("user")
    await send({"type": "http.response.body", "body": b"nobody" if user is None else user.subject.encode()})


@pytest.mark.parametrize("way", ["dependency", "middleware"])
async def test_a_websocket_is_let_in_or_refused_like_a_request(way: str, issuer: Issuer) -> None:
    async with issuer.serve() as jwks_url, contextlib.AsyncExitStack() as stack:
        if way == "dependency":
            app = built("WebSockets", jwks_url)
            await stack.enter_async_context(started(app))
        else:
            authenticator = jwks_authenticator(jwks_url, issuer=ISSUER, audience=ISSUER)
            stack.push_async_callback(authenticator.close)
            app = BearerMiddleware(echo, authenticator)
        welcome = await handshake(app, issuer.token("alice"), can_deny=True)
        assert [message["type"] for message in welcome] == ["websocket.accept", "websocket.send", "websocket.close"]
        assert welcome[1]["text"] == "alice"
        for token in (None, issuer.expired_token()):
            start, body = await handshake(app, token, can_deny=True)
            assert (start["type"], start["status"]) == ("websocket.http.response.start", 401)
            assert b"www-authenticate" in dict(start["headers"])
            assert b'"status": 401' in body["body"]
            (closed,) = await handshake(app, token, can_deny=False)
            assert (closed["type"], closed["code"]) == ("websocket.close", 1008)


async def test_a_websocket_without_keys_is_told_to_come_back(issuer: Issuer) -> None:
    issuer.always = Answer(status=500)
    async with issuer.serve() as jwks_url:
        app = built("WebSockets", jwks_url)
        async with started(app):
            start, _ = await handshake(app, issuer.token(), can_deny=True)
            assert start["status"] == 503
            (closed,) = await handshake(app, issuer.token(), can_deny=False)
            assert closed["code"] == 1013


# --- The front door --------------------------------------------------------------------------------------------------


async def test_an_application_that_knows_no_lifespan_is_served_all_the_same(issuer: Issuer) -> None:
    async with issuer.serve() as jwks_url:
        authenticator = jwks_authenticator(jwks_url, issuer=ISSUER, audience=ISSUER)
        app = BearerMiddleware(echo, authenticator, open_paths=frozenset({"/open"}))
        with pytest.raises(NotImplementedError):
            await app({"type": "lifespan"}, None, None)  # type: ignore[arg-type]  # it does not come to that
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url=ISSUER) as client:
            assert (await ask(client, issuer.token("alice"))).text == "alice"
            assert (await client.get("/open")).text == "nobody"
            assert (await client.get("/open/")).status_code == 401, "open paths are exact"
        await authenticator.close()


async def test_several_issuers_audiences_and_a_client_of_ones_own(issuer: Issuer) -> None:
    heard: list[str] = []

    class Events(AuthEvents):
        def accepted(self, *, cached: bool) -> None:
            heard.append("cached" if cached else "verified")

    async with httpx.AsyncClient(transport=issuer.transport()) as http:
        authenticator = jwks_authenticator(
            issuer.jwks_url,
            issuer=["https://other.example", ISSUER],
            audience=("one", "two"),
            algorithms=["Ed25519"],
            events=Events(),
            http=http,
        )
        headers = [(b"authorization", b"Bearer " + issuer.token("alice", aud="two").encode())]
        for _ in range(2):
            identity = await authenticator.authenticate(headers, None)
            assert isinstance(identity, Identity)
            assert identity.subject == "alice"
        await authenticator.close()
        assert not http.is_closed, "it is not ours to close"
    assert heard == ["verified", "cached"]


def test_plain_http_to_another_machine_must_be_asked_for() -> None:
    with pytest.raises(ValueError, match="plain http to another machine"):
        jwks_authenticator("http://keys.example/jwks", issuer=ISSUER, audience=ISSUER)
    assert jwks_authenticator("http://keys.example/jwks", issuer=ISSUER, audience=ISSUER, allow_http=True)
