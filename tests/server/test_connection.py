"""The HTTP connection alone, over real sockets: how it ends and what it leaves in memory."""

from __future__ import annotations

import asyncio
import gc
import socket
import struct
import weakref
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
import pytest_asyncio
import uvicorn
from uvicorn.server import ServerState

from taskward.server.connection import MAX_PIPELINE, Connection

GET = b"GET / HTTP/1.1\r\nhost: x\r\n\r\n"


class Place:
    """A server whose application answers 204 to HEAD, 200 to all else, and waits for ``go`` first."""

    def __init__(self) -> None:
        self.go = asyncio.Event()
        self.go.set()
        self.begun = 0
        self.made: list[weakref.ref[Connection]] = []
        self.address: tuple[str, int] = ("", 0)

    async def app(self, scope: Any, receive: Any, send: Any) -> None:
        self.begun += 1
        await self.go.wait()
        if scope["method"] == "HEAD":
            await send({"type": "http.response.start", "status": 204, "headers": []})
            await send({"type": "http.response.body", "body": b""})
            return
        if scope["path"] == "/slow":
            await asyncio.sleep(1.5)
        if scope["path"] == "/breaks":
            await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"9")]})
            await asyncio.sleep(0.1)
            raise RuntimeError("after the head")
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
        await send({"type": "http.response.body", "body": b"ok"})

    @property
    def alive(self) -> int:
        return sum(made() is not None for made in self.made)

    async def client(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        return await asyncio.open_connection(*self.address)


@pytest_asyncio.fixture
async def place() -> AsyncIterator[Place]:
    place = Place()
    config = uvicorn.Config(
        place.app,
        http=Connection,
        ws="none",
        interface="asgi3",
        lifespan="off",
        log_config=None,
        proxy_headers=False,
        timeout_keep_alive=1,
    )
    config.load()
    state = ServerState()

    def connection() -> Connection:
        made = Connection(config, state, {})
        place.made.append(weakref.ref(made))
        return made

    server = await asyncio.get_running_loop().create_server(connection, "127.0.0.1", 0)
    place.address = server.sockets[0].getsockname()[:2]
    yield place
    server.close()


@pytest.fixture
def no_collector() -> Iterator[None]:
    gc.collect()
    gc.disable()
    yield
    gc.enable()


@pytest.mark.usefixtures("no_collector")
@pytest.mark.parametrize(
    "sent", [GET, GET * 3, b"HEAD" + GET[3:], GET[:-2], b"GARBAGE\r\n\r\n", GET.replace(b"host", b"most")]
)
async def test_a_closed_connection_is_freed_without_garbage_collection(place: Place, sent: bytes) -> None:
    for _ in range(5):
        reader, writer = await place.client()
        writer.write(sent)
        await asyncio.sleep(0.02)
        writer.write_eof()
        await asyncio.wait_for(reader.read(), 5)
        writer.close()
    for _ in range(50):
        if not place.alive:
            break
        await asyncio.sleep(0.05)
    assert place.alive == 0


@pytest.mark.usefixtures("no_collector")
async def test_a_reset_connection_is_freed_at_once(place: Place) -> None:
    for _ in range(5):
        reader, writer = await place.client()
        writer.write(GET)
        await reader.readuntil(b"ok")
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        writer.transport.abort()
    await asyncio.sleep(0.3)
    assert place.alive == 0


@pytest.mark.usefixtures("no_collector")
async def test_requests_that_waited_on_a_connection_that_was_lost_are_forgotten_with_it(place: Place) -> None:
    place.go.clear()
    _, writer = await place.client()
    writer.write(GET * 90)
    await asyncio.sleep(0.2)
    writer.transport.abort()
    await asyncio.sleep(0.1)
    place.go.set()
    await asyncio.sleep(0.1)
    assert place.begun < 10, "nobody waits for the others any more"
    assert place.alive == 0


async def test_pipelined_requests_are_answered_up_to_a_bound(
    place: Place,
) -> None:
    reader, writer = await place.client()
    place.go.clear()
    writer.write(GET * 10_000)
    await asyncio.sleep(0.2)
    waiting = len(place.made[0]().pipeline)  # type: ignore[union-attr]  # it is there: its client is
    assert waiting <= MAX_PIPELINE
    place.go.set()
    answered = (await asyncio.wait_for(reader.read(), 5)).count(b"HTTP/1.1 200")
    assert answered == waiting + 1
    writer.close()


async def test_a_client_that_aborts_during_a_response_causes_no_exception(place: Place) -> None:
    failures: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: failures.append(context))
    _, writer = await place.client()
    writer.write(GET.replace(b"/", b"/breaks"))
    await asyncio.sleep(0.05)  # its head is written, and waits
    writer.transport.abort()
    await asyncio.sleep(0.2)
    assert not failures


POST = b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 4\r\n\r\n"


async def test_the_keep_alive_of_an_early_answer_does_not_cut_off_the_request_after_it(place: Place) -> None:
    reader, writer = await place.client()
    writer.write(POST)
    await reader.readuntil(b"ok")
    writer.write(b"body" + GET.replace(b"/", b"/slow", 1))
    assert (await asyncio.wait_for(reader.readuntil(b"ok"), 5)).startswith(b"HTTP/1.1 200")
    writer.close()


@pytest.mark.parametrize("early", [True, False])
async def test_an_incomplete_head_behind_a_whole_request_gets_408(
    place: Place, monkeypatch: pytest.MonkeyPatch, early: bool
) -> None:
    monkeypatch.setattr(Connection, "look_every", 0.1)
    reader, writer = await place.client()
    if early:
        writer.write(POST)
        await reader.readuntil(b"ok")
    writer.write((b"body" if early else GET) + b"GET /x")
    told = await asyncio.wait_for(reader.read(), 0.9)  # before keep-alive would end it
    assert b"HTTP/1.1 408" in told
    writer.close()


@pytest.mark.parametrize("fields", [b"", b"connection: close\r\n"])
async def test_the_rest_of_a_body_may_come_as_slowly_after_its_answer_as_before(
    place: Place, monkeypatch: pytest.MonkeyPatch, fields: bytes
) -> None:
    monkeypatch.setattr(Connection, "look_every", 0.2)  # the rest is waited for 1.2 s, what has to go for 0.4
    reader, writer = await place.client()
    writer.write(POST.replace(b"content-length: 4\r\n", b"content-length: 100\r\n" + fields))
    await reader.readuntil(b"ok")
    for _ in range(9):
        await asyncio.sleep(0.1)
        writer.write(b"0123456789")
        await writer.drain()  # raises when the connection was reset
    assert not writer.transport.is_closing()
    writer.close()
