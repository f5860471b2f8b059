"""How much work a request is, in numbers that are the same on any machine and in any noise: what `make bench` cannot
guard, because it measures time."""

from __future__ import annotations

import gc
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio

from tests.support.counting_wire import CountingWire
from tests.support.service import serving
from tokenward.testing import Issuer

BODY = {"title": "Water the plants", "description": "all of them"}


@pytest.fixture
def wire() -> CountingWire:
    return CountingWire()


@pytest_asyncio.fixture
async def database_url(database_url: str, wire: CountingWire) -> AsyncIterator[str]:
    """The test's own database, by way of a door that counts."""
    async with wire.before(database_url) as url:
        yield url


async def new(client: httpx.AsyncClient) -> str:
    answer = await client.post("/api/me/tasks", json=BODY)
    assert answer.status_code == 201
    return f"/api/me/tasks/{answer.json()['id']}"


async def ask(client: httpx.AsyncClient, what: str, one: str) -> httpx.Response:
    """One request of each kind there is."""
    match what:
        case "get":
            return await client.get(one)
        case "get unchanged":
            return await client.get(one, headers={"if-none-match": "*"})
        case "list":
            return await client.get("/api/me/tasks")
        case "open ones":
            return await client.get("/api/me/tasks?completed=false")
        case "search":
            return await client.get("/api/me/tasks?q=plants")
        case "counts":
            return await client.get("/api/me/tasks/counts")
        case "post":
            return await client.post("/api/me/tasks", json=BODY)
        case "post with a new key":
            return await client.post("/api/me/tasks", json=BODY, headers={"idempotency-key": one})
        case "put":
            return await client.put(one, json=BODY)
        case "patch":
            return await client.patch(one, json={"completed": True})
        case "patch if unchanged":
            tag = (await client.get(one)).headers["etag"]
            client_wire = client.wire  # type: ignore[attr-defined]  # set by the test: the look-up of the tag is not counted
            client_wire.clear()
            return await client.patch(one, json={"completed": True}, headers={"if-match": tag})
        case "toggle":
            return await client.patch(f"{one}/complete")
        case "delete":
            return await client.delete(one)
        case "clear":
            return await client.delete("/api/me/tasks?completed=true")
    raise ValueError(what)


KINDS = [
    *("get", "get unchanged", "list", "open ones", "search", "counts", "post", "post with a new key", "put", "patch"),
    *("patch if unchanged", "toggle", "delete", "clear"),
]


@pytest.mark.parametrize("what", KINDS)
async def test_a_request_is_one_statement_in_one_round_trip(what: str, alice: Any, wire: CountingWire) -> None:
    alice.wire = wire
    await ask(alice, what, await new(alice))  # from the second time on, the statement is prepared
    one = await new(alice)
    wire.clear()
    answer = await ask(alice, what, one)
    assert answer.status_code < 400
    assert wire.messages == {"B": 1, "E": 1, "S": 1}  # Bind, Execute, Sync: sent together


async def test_a_repeated_idempotency_key_is_one_round_trip_more(alice: Any, wire: CountingWire) -> None:
    for _ in range(3):
        wire.clear()
        await alice.post("/api/me/tasks", json=BODY, headers={"idempotency-key": "again"})
    assert wire.messages == {"B": 2, "E": 2, "S": 2}


@pytest.mark.parametrize("path", ["/healthz", "/openapi.json", "/api/nothing", "/api/me/tasks/not-a-uuid"])
async def test_requests_that_need_no_database_make_no_statement(path: str, alice: Any, wire: CountingWire) -> None:
    await new(alice)
    wire.clear()
    await alice.get(path)
    assert not wire.messages


async def test_a_refused_token_does_not_reach_the_database(
    client: httpx.AsyncClient, alice: Any, wire: CountingWire
) -> None:
    await new(alice)
    wire.clear()
    refused = {"authorization": f"Bearer {alice.token[:-8]}AAAAAAAA"}
    assert (await client.get("/api/me/tasks", headers=refused)).status_code == 401
    assert not wire.messages


async def test_a_list_brings_little_more_from_the_database_than_it_answers(alice: Any, wire: CountingWire) -> None:
    for _ in range(50):
        await new(alice)
    await alice.get("/api/me/tasks")
    wire.clear()
    answer = await alice.get("/api/me/tasks")
    assert wire.answered < len(answer.content)


async def test_five_hundred_tokens_are_one_fetch_of_the_key_set(client: httpx.AsyncClient, issuer: Any) -> None:
    for number in range(500):
        headers = {"authorization": f"Bearer {issuer.token(f'user-{number}')}"}
        assert (await client.get("/api/me/tasks/counts", headers=headers)).status_code == 200
    assert issuer.fetches == 1


async def test_requests_leave_nothing_behind(app: Any, alice: Any) -> None:
    scope = scope_of(alice, "get", await new(alice))
    for _ in range(100):
        await call(app, scope)
    gc.collect()
    before = sys.getallocatedblocks()
    for _ in range(500):
        await call(app, scope)
    gc.collect()
    assert sys.getallocatedblocks() - before < 250, "half a block a request"


#: `taskward serve`, telling at its end how many objects its garbage collector leaves alone.
SERVE_AND_TELL = """
import atexit, gc, sys
from taskward.cli.main import main
atexit.register(lambda: print("left alone:", gc.get_freeze_count(), flush=True))
sys.exit(main())
"""


async def test_objects_made_at_start_are_frozen_for_the_collector(
    issuer: Issuer, database_url: str, tmp_path: Path
) -> None:
    """A walk over all of it takes 50 ms, in which nobody is answered; lists bring on several a second."""
    command = (sys.executable, "-c", SERVE_AND_TELL, "serve")
    async with (
        issuer.serve() as jwks_url,
        serving(issuer, jwks_url, database_url, tmp_path, command=command) as service,
    ):
        pass
    assert int(service.said().rpartition("left alone: ")[2].split()[0]) > 50_000


def scope_of(person: Any, what: str, one: str) -> dict[str, Any]:
    """The same as httpx would send, without httpx: its own calls are not what is counted."""
    method = {"get": "GET", "list": "GET", "post": "POST", "patch": "PATCH", "delete": "DELETE"}[what]
    path = "/api/me/tasks" if what in ("list", "post") else one
    headers = [(b"host", b"taskward.test"), (b"authorization", b"Bearer " + person.token.encode())]
    if what in ("post", "patch"):
        headers.append((b"content-type", b"application/json"))
    return {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "root_path": "",
        "headers": headers,
        "server": ("taskward.test", 80),
        "client": ("127.0.0.1", 50000),
    }


async def call(app: Any, scope: dict[str, Any]) -> int:
    """The status of one request, made of the application itself."""
    status = 0

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b'{"title": "Again"}'}

    async def send(message: dict[str, Any]) -> None:
        nonlocal status
        status = message.get("status", status)

    await app({**scope}, receive, send)
    return status
