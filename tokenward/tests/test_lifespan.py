"""Applications without a lifespan and threads: revocations are followed all the same."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from flask import Flask, g
from starlette.applications import Starlette

from tokenward import AuthError, BearerMiddleware, RevocationsUnavailable, Tokenward, flask
from tokenward.asgi import ASGIApp, Message, Receive, Scope, Send
from tokenward.blocking import blocking
from tokenward.fastapi import Caller, protect
from tokenward.testing import Feed, Issuer
from world import at_once, bearer


class Followed:
    """A Tokenward that follows a feed; both servers run in a thread of their own."""

    def __init__(self, issuer: Issuer, feed: Feed, jwks: str, url: str, loop: asyncio.AbstractEventLoop) -> None:
        self.issuer, self.feed, self._loop = issuer, feed, loop
        self.url = url
        self.auth = Tokenward(issuer=issuer.url, audience=issuer.audience, jwks_url=jwks, revocations=url)

    def revoke(self, sid: str) -> None:
        async def revoke() -> None:
            self.feed.revoke("sid", sid)

        asyncio.run_coroutine_threadsafe(revoke(), self._loop).result(10)


@contextlib.contextmanager
def followed() -> Iterator[Followed]:
    issuer = Issuer("https://issuer.example")
    feed = Feed(issuer)
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()

    async def enter() -> tuple[contextlib.AsyncExitStack, str, str]:
        stack = contextlib.AsyncExitStack()
        return stack, await stack.enter_async_context(issuer.serve()), await stack.enter_async_context(feed.serve())

    stack, jwks, url = asyncio.run_coroutine_threadsafe(enter(), loop).result(10)
    try:
        yield Followed(issuer, feed, jwks, url, loop)
    finally:
        asyncio.run_coroutine_threadsafe(stack.aclose(), loop).result(10)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
        loop.close()


@pytest.fixture
def it() -> Iterator[Followed]:
    with followed() as made:
        yield made


async def plain(scope: Scope, receive: Receive, send: Send) -> None:
    """The example of docs/asgi.md: it does not know the lifespan."""
    body = scope["user"].subject.encode()
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": body})


async def silent(scope: Scope, receive: Receive, send: Send) -> None:
    """An application that returns from its lifespan without a word."""
    if scope["type"] != "lifespan":
        await plain(scope, receive, send)


def behind(app: ASGIApp) -> Callable[[Tokenward], ASGIApp]:
    return lambda auth: BearerMiddleware(app, auth)


def mounted(auth: Tokenward) -> ASGIApp:
    api, root = FastAPI(), Starlette()
    protect(api, auth)

    @api.get("/notes")
    async def notes(me: Caller) -> str:
        return me.subject

    root.mount("/v1", api)
    return root


APPLICATIONS: dict[str, tuple[Callable[[Tokenward], ASGIApp], str]] = {
    "it raises": (behind(plain), "/notes"),
    "it returns": (behind(silent), "/notes"),
    "it is mounted": (mounted, "/v1/notes"),
}


@contextlib.asynccontextmanager
async def lifespan(app: ASGIApp) -> AsyncIterator[list[str]]:
    """The lifespan as a server runs it: what the application says. An error in it means that there is none."""
    said: asyncio.Queue[Message] = asyncio.Queue()
    heard: list[str] = []
    started = asyncio.Event()

    async def send(message: Message) -> None:
        heard.append(message["type"])
        started.set()

    async def live() -> None:
        with contextlib.suppress(Exception):
            await app({"type": "lifespan", "asgi": {"version": "3.0"}, "state": {}}, said.get, send)
        started.set()

    said.put_nowait({"type": "lifespan.startup"})
    living = asyncio.create_task(live())
    await started.wait()
    yield heard
    said.put_nowait({"type": "lifespan.shutdown"})
    await living


def client(app: ASGIApp) -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://app.test")


async def until_revoked(ask: Callable[[], Any]) -> None:
    async with asyncio.timeout(10):
        while (answer := await ask()).status_code != 401:
            assert answer.status_code == 200
            await asyncio.sleep(0.01)
    assert "revoked" in answer.text


@pytest.mark.parametrize("name", APPLICATIONS)
@pytest.mark.parametrize("served", [True, False], ids=["with a lifespan", "without"])
async def test_a_feed_is_followed_by_every_application(name: str, served: bool, it: Followed) -> None:
    make, path = APPLICATIONS[name]
    app = make(it.auth)
    token = it.issuer.headers("ada", sid="phone")
    async with contextlib.AsyncExitStack() as stack:
        if served:
            await stack.enter_async_context(lifespan(app))
        asking = await stack.enter_async_context(client(app))
        first = await asyncio.gather(*(asking.get(path, headers=token) for _ in range(20)))
        assert {answer.status_code for answer in first} == {200}
        assert len([query for query in it.feed.asked if "after" not in query]) == 1, "one start for all of them"
        it.revoke("phone")
        await until_revoked(lambda: asking.get(path, headers=token))
    await it.auth.close()


@pytest.mark.parametrize("app", [plain, silent])
async def test_an_application_without_a_lifespan_is_given_one(app: ASGIApp) -> None:
    issuer, auth = Issuer("https://app.example"), Tokenward.better_auth("https://app.example")
    with issuer.behind(auth):
        async with lifespan(BearerMiddleware(app, auth)) as heard:
            assert heard == ["lifespan.startup.complete"]
            await issuer.fetched_times(1)
        assert heard == ["lifespan.startup.complete", "lifespan.shutdown.complete"]


async def test_an_application_that_fails_at_startup_is_not_said_to_have_started() -> None:
    async def failing(scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        raise RuntimeError("no database")

    issuer, auth = Issuer("https://app.example"), Tokenward.better_auth("https://app.example")
    with issuer.behind(auth):
        async with lifespan(BearerMiddleware(failing, auth)) as heard:
            assert heard == []


def test_a_feed_is_followed_by_one_event_loop_after_another(it: Followed) -> None:
    async def ask(sid: str) -> int:
        async with client(BearerMiddleware(plain, it.auth)) as asking:
            return (await asking.get("/notes", headers=it.issuer.headers("ada", sid=sid))).status_code

    assert asyncio.run(ask("one")) == 200
    assert asyncio.run(ask("two")) == 200


async def test_requests_wait_for_the_first_look_only_and_a_feed_that_is_away_is_503_at_once(it: Followed) -> None:
    away = b"HTTP/1.1 503 -\r\ncontent-length: 0\r\nretry-after: 10\r\n\r\n"
    it.feed.script.append(away)
    async with client(BearerMiddleware(plain, it.auth)) as asking:
        token = it.issuer.token("ada")
        assert (await asking.get("/notes", headers={"authorization": f"Bearer {token}"})).status_code == 503
        with pytest.raises(RevocationsUnavailable):
            at_once(it.auth.authenticate(bearer(token), None))
    await it.auth.close()


# Threads


def test_the_first_token_of_a_process_waits_for_the_feed_in_threads_too(it: Followed) -> None:
    facade = blocking(it.auth)
    token = it.issuer.token("ada", sid="phone")
    for _ in range(2):
        assert facade.authenticate(bearer(token), None).subject == "ada"
        facade.close()
    assert asyncio.run(facade.authenticate_async(bearer(token), None)).subject == "ada"
    facade.close()


def test_the_first_request_of_a_flask_application_with_a_feed_is_answered(it: Followed) -> None:
    app = Flask("followed")
    bearer = flask.Bearer(it.auth, app)

    @app.get("/notes")
    @bearer.required
    def notes() -> str:
        return str(g.identity.subject)

    answer = app.test_client().get("/notes", headers=it.issuer.headers("ada"))
    assert (answer.status_code, answer.text) == (200, "ada")
    blocking(it.auth).close()


@pytest.mark.parametrize("way", ["blocking", "asynchronous"])
def test_who_waits_for_a_feed_that_says_nothing_is_503_when_the_facade_is_closed(way: str, it: Followed) -> None:
    asked, facade, refusals = threading.Event(), blocking(it.auth), []

    async def say_nothing(_: object, writer: asyncio.StreamWriter) -> None:
        asked.set()
        await asyncio.Event().wait()

    def ask() -> None:
        try:
            if way == "blocking":
                facade.authenticate(bearer(it.issuer.token("ada")), None)
            else:
                asyncio.run(facade.authenticate_async(bearer(it.issuer.token("ada")), None))
        except AuthError as refusal:
            refusals.append(refusal.status)

    it.feed.script.extend([say_nothing] * 10)  # one that asks only after the closing waits again
    waiting = [threading.Thread(target=ask, daemon=True) for _ in range(5)]
    for thread in waiting:
        thread.start()
    assert asked.wait(20)
    facade.close()
    for thread in waiting:
        thread.join(20)
    facade.close()
    assert refusals == [503] * 5


async def test_a_request_that_is_cancelled_while_it_waits_is_cancelled(it: Followed) -> None:
    asked, facade = threading.Event(), blocking(it.auth)

    async def say_nothing(_: object, writer: asyncio.StreamWriter) -> None:
        asked.set()
        await asyncio.Event().wait()

    it.feed.script.append(say_nothing)
    waiting = asyncio.create_task(facade.authenticate_async(bearer(it.issuer.token("ada")), None))
    assert await asyncio.to_thread(asked.wait, 20)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    await asyncio.to_thread(facade.close)
