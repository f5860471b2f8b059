"""HTTP abuse: malformed, ambiguous and endless messages, sent as bytes to a real service."""

import asyncio
import os
import re
import socket
import struct
import time
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from pathlib import Path

import pytest
import pytest_asyncio

from taskward.server.connection import MAX_HEADERS, MAX_URL
from tests.support.postgres import Databases
from tests.support.rows import dump
from tests.support.service import Service, eventually, serving
from tests.support.wire import Reply, Wire, exchange
from tokenward.testing import Issuer

OWN = "http://localhost:3000"
BODY = b'{"title":"one"}'
NEXT = b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n"
"""What a smuggler hides behind a request: were it answered, somebody else would get the answer."""

Report = Callable[..., None]


@pytest_asyncio.fixture(scope="module")
async def database(databases: Databases, migrated_template: str) -> AsyncIterator[str]:
    url = await databases.create(migrated_template)
    yield url
    await databases.drop(url)


@pytest_asyncio.fixture(scope="module")
async def keys() -> AsyncIterator[tuple[Issuer, str]]:
    issuer = Issuer()
    async with issuer.serve() as url:
        yield issuer, url


@pytest_asyncio.fixture(scope="module")
async def service(
    keys: tuple[Issuer, str], database: str, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Service]:
    async with serving(*keys, database, tmp_path_factory.mktemp("service"), AUTH_FAILURES="0") as service:
        yield service
        assert service.process.poll() is None
        assert "Traceback" not in service.said()
        assert "Exception" not in service.said()


@pytest.fixture
def token(keys: tuple[Issuer, str]) -> bytes:
    return b"authorization: Bearer " + keys[0].token("smuggler").encode() + b"\r\n"


def post(token: bytes, *fields: bytes) -> bytes:
    own = b"content-type: application/json\r\n"
    return b"POST /api/me/tasks HTTP/1.1\r\nhost: x\r\n" + token + own + b"".join(f + b"\r\n" for f in fields) + b"\r\n"


def assert_has_every_header(reply: Reply) -> None:
    assert reply.get("x-content-type-options") == "nosniff"
    assert reply.get("referrer-policy") == "no-referrer"
    assert re.fullmatch(r"[A-Za-z0-9._-]{1,64}", reply.get("x-request-id") or "")
    assert reply.get("server") is None


def assert_is_a_problem(reply: Reply, status: int) -> None:
    assert reply.status == status, reply
    assert_has_every_header(reply)
    assert reply.get("content-type") == "application/problem+json"
    problem = reply.problem
    assert problem["status"] == problem["status_code"] == status
    assert problem["request_id"] == reply.get("x-request-id")
    assert problem["code"]
    assert problem["title"]


chunked = b"f\r\n" + BODY + b"\r\n0\r\n\r\n"
length = b"content-length: %d" % len(BODY)
te = b"transfer-encoding: chunked"

SMUGGLING = {
    "length and chunked (RFC 9112 §6.1)": ([length, te], chunked),
    "chunked and length (RFC 9112 §6.1)": ([te, length], chunked),
    "two equal lengths (RFC 9112 §6.3)": ([length, length], BODY),
    "two unequal lengths (RFC 9112 §6.3)": ([length, b"content-length: 0"], BODY),
    "a list of lengths (RFC 9110 §8.6)": ([b"content-length: 15, 15"], BODY),
    "a length with a sign (RFC 9110 §8.6)": ([b"content-length: +15"], BODY),
    "a negative length (RFC 9110 §8.6)": ([b"content-length: -15"], BODY),
    "a hexadecimal length (RFC 9110 §8.6)": ([b"content-length: 0xf"], BODY),
    "a length past 64 bits (RFC 9110 §8.6)": ([b"content-length: 18446744073709551631"], BODY),
    "an empty length (RFC 9110 §8.6)": ([b"content-length: "], BODY),
    "a space before the colon (RFC 9112 §5.1)": ([b"content-length : 15"], BODY),
    "a space before chunked's colon (RFC 9112 §5.1)": ([b"transfer-encoding : chunked"], chunked),
    "a coding that is not chunked (RFC 9112 §6.1)": ([b"transfer-encoding: xchunked"], chunked),
    "identity (RFC 9112 §7)": ([b"transfer-encoding: identity"], BODY),
    "chunked, but not last (RFC 9112 §6.3)": ([b"transfer-encoding: chunked, identity"], chunked),
    "another coding before chunked (RFC 9112 §6.1)": ([b"transfer-encoding: gzip, chunked"], chunked),
    "chunked twice (RFC 9112 §7.1)": ([te, te], chunked),
    "a vertical tab before chunked": ([b"transfer-encoding: \x0bchunked"], chunked),
    "chunked on a folded line (RFC 9112 §5.2)": ([b"transfer-encoding:\r\n chunked"], chunked),
    "a folded line (RFC 9112 §5.2)": ([b"x-a: b\r\n c", length], BODY),
    "a bare LF between fields (RFC 9112 §2.2)": ([b"x-a: b\n" + length], BODY),
    "a bare CR between fields (RFC 9112 §2.2)": ([b"x-a: b\rcontent-length: 0", length], BODY),
    "a line without a colon (RFC 9112 §5)": ([b"x-a", length], BODY),
    "a field without a name (RFC 9112 §5)": ([b": b", length], BODY),
    "NUL in a value (RFC 9110 §5.5)": ([b"x-a: a\0b", length], BODY),
    "NUL in a name (RFC 9110 §5.1)": ([b"x\0a: b", length], BODY),
    "a chunk size that is no number (RFC 9112 §7.1)": ([te], b"xyz\r\n" + BODY + b"\r\n0\r\n\r\n"),
    "a negative chunk size (RFC 9112 §7.1)": ([te], b"-f\r\n" + BODY + b"\r\n0\r\n\r\n"),
    "a chunk size with 0x (RFC 9112 §7.1)": ([te], b"0xf\r\n" + BODY + b"\r\n0\r\n\r\n"),
    "a chunk size past 64 bits (RFC 9112 §7.1)": ([te], b"1000000000000000f\r\n" + BODY + b"\r\n0\r\n\r\n"),
    "a chunk longer than its size (RFC 9112 §7.1)": ([te], b"e\r\n" + BODY + b"\r\n0\r\n\r\n"),
    "a chunk without its line end (RFC 9112 §7.1)": ([te], b"f\r\n" + BODY + b"0\r\n\r\n"),
    "a chunk size before a bare LF (RFC 9112 §7.1)": ([te], b"f\n" + BODY + b"\r\n0\r\n\r\n"),
    "a chunk extension with a bare LF (CVE-2025-22871)": ([te], b"f;a\nb\r\n" + BODY + b"\r\n0\r\n\r\n"),
    "a second Host (RFC 9112 §3.2)": ([b"host: y", length], BODY),
}


@pytest.mark.parametrize("pieces", ["at once", "piece by piece"])
@pytest.mark.parametrize("shape", SMUGGLING)
async def test_a_message_that_parsers_could_read_differently_is_refused(
    service: Service, token: bytes, database: str, shape: str, pieces: str
) -> None:
    before = await dump(database)
    fields, body = SMUGGLING[shape]
    sent = [post(token, *fields), body, NEXT]
    found = await exchange(service.port, *(sent if pieces == "piece by piece" else [b"".join(sent)]))
    assert (found.statuses, found.closed) == ([400], True)
    assert_is_a_problem(found.replies[0], 400)
    assert found.replies[0].get("connection") == "close"
    assert await dump(database) == before


START = {
    "HTTP/0.9": b"GET /healthz\r\n\r\n",
    "HTTP/1.0 and chunked (RFC 9112 §6.1)": b"POST /healthz HTTP/1.0\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
    "HTTP/1.2": b"GET /healthz HTTP/1.2\r\nhost: x\r\n\r\n",
    "HTTP/2.0 by name": b"GET /healthz HTTP/2.0\r\nhost: x\r\n\r\n",
    "HTTP/2 itself": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "http in small letters": b"GET /healthz http/1.1\r\nhost: x\r\n\r\n",
    "no Host (RFC 9112 §3.2)": b"GET /healthz HTTP/1.1\r\n\r\n",
    "a space before the first field (RFC 9112 §2.2)": b"GET /healthz HTTP/1.1\r\n host: x\r\n\r\n",
    "bare LF throughout": b"GET /healthz HTTP/1.1\nhost: x\n\n",
    "a method nobody knows": b"BREW /healthz HTTP/1.1\r\nhost: x\r\n\r\n",
    "a method in small letters": b"get /healthz HTTP/1.1\r\nhost: x\r\n\r\n",
    "CONNECT": b"CONNECT example.org:443 HTTP/1.1\r\nhost: example.org:443\r\n\r\n",
    "a path without a slash": b"GET healthz HTTP/1.1\r\nhost: x\r\n\r\n",
    "a path that is not ASCII": b"GET /h\xc3\xa9 HTTP/1.1\r\nhost: x\r\n\r\n",
    "a query that is not ASCII": b"GET /healthz?q=\xff HTTP/1.1\r\nhost: x\r\n\r\n",
    "NUL in the path": b"GET /health\0z HTTP/1.1\r\nhost: x\r\n\r\n",
    "TLS": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\x00" * 32,
    "nonsense": b"\xff\xfe\xfd" * 20,
}


@pytest.mark.parametrize("start", START)
async def test_malformed_http_is_refused_with_problem_json(service: Service, start: str) -> None:
    found = await exchange(service.port, START[start] + NEXT)
    assert (found.statuses, found.closed) == ([400], True)
    assert_is_a_problem(found.replies[0], 400)
    assert found.replies[0].get("cache-control") == "no-store"


async def test_a_refusal_never_overtakes_the_answer_to_the_request_before_it(service: Service, token: bytes) -> None:
    """Otherwise a client that shares the connection would take one response for the other."""
    found = await exchange(service.port, post(token, length) + BODY + b"nonsense\r\n\r\n" + NEXT)
    assert (found.statuses, found.closed) == ([201], True)
    assert found.replies[0].get("connection") == "close"
    found = await exchange(service.port, post(token, length) + BODY + post(token, te) + b"xyz\r\n" + NEXT)
    assert (found.statuses, found.closed) == ([201, 400], True)


async def test_trailer_fields_are_not_taken_for_header_fields(service: Service, token: bytes) -> None:
    """A proxy has checked the header, and nobody the trailer (RFC 9110 §6.5.1)."""
    request = post(b"", te) + chunked.removesuffix(b"\r\n") + token + b"x-forwarded-for: 10.0.0.1\r\n\r\n"
    found = await exchange(service.port, request)
    assert found.statuses == [401]
    assert found.replies[0].problem["code"] == "missing_token"
    found = await exchange(service.port, post(token, te), chunked.removesuffix(b"\r\n") + token + b"\r\n")
    assert (found.statuses, found.closed) == ([201], False)


FLOODS = {
    "many fields": (431, b"GET /healthz HTTP/1.1\r\nhost: x\r\n" + b"a: b\r\n" * MAX_HEADERS + b"\r\n"),
    "200,000 fields": (431, b"GET /healthz HTTP/1.1\r\nhost: x\r\n" + b"a: b\r\n" * 200_000 + b"\r\n"),
    "a long field": (431, b"GET /healthz HTTP/1.1\r\nhost: x\r\na: " + b"b" * 70_000 + b"\r\n\r\n"),
    "a field of 10 MB": (431, b"GET /healthz HTTP/1.1\r\nhost: x\r\na: " + b"b" * 10_000_000 + b"\r\n\r\n"),
    "a field without end": (431, b"GET /healthz HTTP/1.1\r\nhost: x\r\na: " + b"b" * 500_000),
    "a name of 500 KB": (431, b"GET /healthz HTTP/1.1\r\nhost: x\r\n" + b"a" * 500_000 + b": b\r\n\r\n"),
    "a long address": (414, b"GET /%s HTTP/1.1\r\nhost: x\r\n\r\n" % (b"a" * MAX_URL)),
    "an address of 10 MB": (431, b"GET /%s HTTP/1.1\r\nhost: x\r\n\r\n" % (b"a" * 10_000_000)),
}


@pytest.mark.parametrize("flood", FLOODS)
async def test_a_flood_of_header_fields_ends_early(service: Service, flood: str) -> None:
    status, sent = FLOODS[flood]
    wire = await Wire.to(service.port)
    sending = asyncio.create_task(wire.send(sent))
    reply = await wire.reply()
    if reply is None:
        assert (
            len(sent) > 500_000
        )  # the answer may be lost when the connection is closed under what is still on its way
    else:
        assert_is_a_problem(reply, status)
        assert reply.get("connection") == "close"
    assert await wire.ended()
    wire.close()
    await sending


def resident(pid: int) -> int:
    """Bytes of memory in use."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(re.search(r"VmRSS:\s+(\d+)", status)[1]) * 1024  # type: ignore[index]  # every process has it


async def test_floods_on_many_connections_cost_bounded_memory(service: Service, reliability: Report) -> None:
    """Each half of a head is kept until it is done with; forty of them at once are a fortieth of their size each."""
    head = b"GET /healthz HTTP/1.1\r\nhost: x\r\na: " + b"b" * 60_000
    before = resident(service.process.pid)
    wires = [await Wire.to(service.port) for _ in range(40)]
    for wire in wires:
        await wire.send(head)
    sending = [asyncio.create_task(wire.send(b"b" * 4_000_000)) for wire in wires]
    assert all([await wire.ended(20) or True for wire in wires])
    for wire in wires:
        wire.close()
    await asyncio.gather(*sending)
    grown = resident(service.process.pid) - before
    reliability("Header floods: 40 connections, 4 MB each", connections=40, grown_mb=round(grown / 1e6, 1))
    assert grown < 40_000_000  # of 160 MB sent


@pytest.mark.parametrize(
    "endless",
    [
        pytest.param((b"transfer-encoding: chunked", b"ffff\r\n" + b"x" * 0xFFFF + b"\r\n"), id="body"),
        pytest.param((b"transfer-encoding: chunked", b"1;" + b"e" * 65_000 + b"\r\nx\r\n"), id="chunk extensions"),
        pytest.param((b"content-length: 999999999999", b"x" * 65_536), id="announced body"),
    ],
)
async def test_an_endless_body_is_refused_and_then_not_read_further(
    service: Service, token: bytes, endless: tuple[bytes, bytes]
) -> None:
    field, piece = endless
    wire = await Wire.to(service.port)
    await wire.send(post(token, field))
    sent = 0
    with suppress(ConnectionError):
        while not wire.writer.is_closing() and sent < 50_000_000:
            wire.writer.write(piece)
            await wire.writer.drain()
            sent += len(piece)
    assert sent < 50_000_000
    wire.close()


async def test_endless_trailers_are_not_read_further(service: Service, token: bytes) -> None:
    wire = await Wire.to(service.port)
    await wire.send(post(token, te), chunked.removesuffix(b"\r\n"))
    sent = 0
    with suppress(ConnectionError):
        while not wire.writer.is_closing() and sent < 50_000_000:
            wire.writer.write(b"a: b\r\n" * 10_000)
            await wire.writer.drain()
            sent += 60_000
    assert sent < 50_000_000
    wire.close()


async def test_trailers_take_no_memory(service: Service, reliability: Report) -> None:
    """Eight million bytes of trailers are more than a million fields; nobody needs a token to send them."""
    before = resident(service.process.pid)
    trailers = b"".join(b"%02x:b\r\n" % (number % 256) for number in range(1_200_000))
    for _ in range(3):
        wire = await Wire.to(service.port)
        await wire.send(b"POST /healthz HTTP/1.1\r\nhost: x\r\n" + te + b"\r\n\r\n0\r\n" + trailers)
        await asyncio.sleep(0.3)
        wire.close()
    grown = resident(service.process.pid) - before
    reliability("Trailer floods: 3 connections, 7 MB each", connections=3, grown_mb=round(grown / 1e6, 1))
    assert grown < 20_000_000


async def test_endless_pipelines_take_no_memory_and_delay_no_request(service: Service, reliability: Report) -> None:
    before = resident(service.process.pid)
    wires = [await Wire.to(service.port) for _ in range(10)]
    sending = [asyncio.create_task(wire.send(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n" * 10_000)) for wire in wires]
    await asyncio.sleep(1)
    grown = resident(service.process.pid) - before
    reliability("Pipelines: 10 connections, 10,000 requests each", connections=10, grown_mb=round(grown / 1e6, 1))
    assert grown < 20_000_000
    assert (await exchange(service.port)).statuses == []
    for wire in wires:
        wire.close()
    await asyncio.gather(*sending)


@pytest.mark.parametrize("fields", [(), (b"connection: close",)], ids=["kept", "to be closed"])
@pytest.mark.parametrize("size", [300_000, 4_000_000])
async def test_the_answer_to_a_refused_upload_arrives_while_the_client_still_sends(
    service: Service, token: bytes, size: int, fields: tuple[bytes, ...]
) -> None:
    def upload() -> int:
        """As most clients do it: all of the body first, and only then a look at the answer."""
        with socket.create_connection(("127.0.0.1", service.port), timeout=20) as wire:
            wire.sendall(post(token, b"content-length: %d" % size, *fields))
            wire.sendall(b"x" * size)
            return int(wire.recv(1000).split()[1])

    for _ in range(5):
        assert await asyncio.to_thread(upload) == 413


async def test_a_malformed_request_after_an_early_answer_is_400(service: Service) -> None:
    wire = await Wire.to(service.port)
    await wire.send(post(b"", b"content-length: 15"))
    assert (await wire.answer()).status == 401
    await wire.send(BODY + b"GET http://[ HTTP/1.1\r\nhost: x\r\n\r\n")
    assert_is_a_problem(await wire.answer(), 400)
    assert await wire.ended()
    wire.close()


@pytest.mark.torture
async def test_a_connection_is_kept_as_long_after_an_answer_that_came_early_as_after_any(service: Service) -> None:
    wire = await Wire.to(service.port)
    await wire.send(post(b"", b"content-length: 15"))
    assert (await wire.answer()).status == 401
    await wire.send(BODY)
    assert not await wire.ended(20), "proxies keep theirs for 60 s"
    await wire.send(NEXT)
    assert (await wire.answer()).status == 200
    wire.close()


@pytest.mark.parametrize("broken", [b"xyz\r\n", b"fffffffffffffffff\r\n"])
async def test_a_broken_body_after_100_continue_is_400(service: Service, token: bytes, broken: bytes) -> None:
    found = await exchange(service.port, post(token, te, b"expect: 100-continue") + broken)
    assert [status for status in found.statuses if status != 100] == [400]
    assert "crashed" not in service.said()


async def test_a_refusal_in_the_middle_of_a_long_body_reaches_a_client_that_goes_on_sending(
    service: Service, token: bytes
) -> None:
    def send() -> int:
        with socket.create_connection(("127.0.0.1", service.port), timeout=5) as wire:
            wire.sendall(post(token, te) + b"19000\r\n" + b"a" * 0x19000 + b"\r\nxyz\r\n" + b"z" * 4_000_000)
            return int(wire.recv(1000).split()[1])

    assert await asyncio.to_thread(send) in (400, 413)


async def test_a_client_that_leaves_before_its_answers_causes_no_traceback(service: Service) -> None:
    def leave() -> None:
        wire = socket.socket()
        wire.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
        wire.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))  # a reset, not an end
        wire.connect(("127.0.0.1", service.port))
        wire.sendall(b"GET /docs/swagger-ui-bundle.js HTTP/1.1\r\nhost: x\r\n\r\n" * 5)
        time.sleep(0.3)
        wire.close()

    for _ in range(3):
        await asyncio.to_thread(leave)
    await asyncio.sleep(0.3)
    assert "Traceback" not in service.said()
    assert "crashed" not in service.said()


async def test_an_oversized_body_is_413_and_the_connection_stays_usable_when_it_ends(
    service: Service, token: bytes
) -> None:
    found = await exchange(service.port, post(token, b"content-length: 70000"), b"x" * 70_000)
    assert (found.statuses, found.closed) == ([413], False)
    found = await exchange(service.port, post(token, te), b"11170\r\n", b"x" * 70_000, b"\r\n0\r\n\r\n")
    assert (found.statuses, found.closed) == ([413], False)


async def test_a_body_too_large_to_be_read_to_its_end_is_413_and_the_answer_says_that_the_connection_ends(
    service: Service, token: bytes
) -> None:
    found = await exchange(service.port, post(token, b"content-length: 8388609"), b"x" * 1_000_000)
    assert found.closed
    (reply,) = found.replies
    assert_is_a_problem(reply, 413)
    assert reply.get("connection") == "close"


PATHS = {
    "/api/%ff/tasks": 403,
    "/api/%F0%28%8C%28/tasks": 403,
    "/api/me/tasks/%ff": 404,
    "/api/me/tasks/%00": 404,
    "/api/me%00/tasks": 403,
    "/api/me/tasks/..": 404,
    "/api/me/tasks/../../../healthz": 404,
    "/api/me/tasks/%2e%2e%2f%2e%2e%2fhealthz": 404,
    "/api/me/tasks/..%5c..%5cetc": 404,
    "/api/me/tasks/....//....//etc/passwd": 404,
    "/api/../healthz": 403,
    "/api/./healthz": 403,
    "/api/me/../../healthz": 404,
    "/api//me/tasks": 403,
    "/api/me//tasks": 404,
    "/api/me/tasks/": 404,
    "/api/me/tasks;x=1": 404,
    "/api/me/tasks%3Fq=1": 404,
    "/api/me/tasks%23": 404,
    "/api/me/tasks/%0d%0aset-cookie:%20a=b": 404,
    "/api/me/tasks?q=%ff": 422,
    "/api/me/tasks?q=%00": 422,
    "/api/me/tasks?limit=%f0%9f": 422,
    "/api/me/tasks?" + "a&" * 4000: 422,
    "/api/" + "a/" * 4000: 403,
    "//api/me/tasks": 404,
    "/API/me/tasks": 404,
    "/static/../../../../etc/passwd": 404,
    "/docs/../../pyproject.toml": 404,
    "/docs/%2e%2e/%2e%2e/pyproject.toml": 404,
    "/docs/assets/..%2f..%2fapp.py": 404,
    "http://evil.example/api/me/tasks/x": 404,
    "http://evil.example/api/other/tasks": 403,
    "/healthz%00": 404,
    "/healthz%0a": 404,
    "/healthz/": 404,
    "/docs%0a": 404,
    "/api/me/tasks%0a": 404,
    "/api/me/tasks/counts%0a": 404,
}


@pytest.mark.parametrize("path", PATHS, ids=[path[:60] for path in PATHS])
async def test_a_path_means_what_it_says_and_nothing_else(service: Service, token: bytes, path: str) -> None:
    found = await exchange(service.port, f"GET {path} HTTP/1.1\r\nhost: x\r\n".encode() + token + b"\r\n")
    assert (found.statuses, found.closed) == ([PATHS[path]], False)
    assert_is_a_problem(found.replies[0], PATHS[path])
    if path.startswith("/api/"):
        assert found.replies[0].get("cache-control") == "no-store"


@pytest.mark.parametrize("path", [path for path in PATHS if path.startswith("/api/")], ids=lambda path: path[:60])
async def test_every_private_path_is_401_without_a_token(service: Service, path: str) -> None:
    found = await exchange(service.port, f"GET {path} HTTP/1.1\r\nhost: x\r\n\r\n".encode())
    assert found.statuses == [401]
    assert found.replies[0].get("www-authenticate") == "Bearer"


METHODS = {
    ("HEAD", "/healthz"): 200,
    ("HEAD", "/api/me/tasks"): 200,
    ("OPTIONS", "/healthz"): 405,
    ("OPTIONS", "/api/me/tasks"): 405,
    ("OPTIONS", "*"): 404,
    ("TRACE", "/healthz"): 405,
    ("TRACE", "/api/me/tasks"): 405,
    ("DELETE", "/api/me/tasks/counts"): 405,
    ("PROPFIND", "/api/me/tasks"): 405,
    ("POST", "/healthz"): 405,
}


@pytest.mark.parametrize(("method", "path"), METHODS)
async def test_other_methods_are_answered_and_echo_nothing(
    service: Service, token: bytes, method: str, path: str
) -> None:
    request = f"{method} {path} HTTP/1.1\r\nhost: x\r\nx-secret: hunter2\r\n".encode() + token + b"\r\n"
    found = await exchange(service.port, request, head=method == "HEAD")
    status = METHODS[method, path]
    assert (found.statuses, found.closed) == ([status], False)
    reply = found.replies[0]
    assert_has_every_header(reply)
    assert b"hunter2" not in reply.body
    if status == 405:
        assert reply.get("allow")
        assert_is_a_problem(reply, 405)
    if method == "HEAD":
        assert int(reply.get("content-length") or 0) > 0
        assert reply.body == b""


async def test_pipelined_requests_are_answered_in_their_order(service: Service, token: bytes) -> None:
    titles = [f'{{"title":"{number:03}"}}'.encode() for number in range(30)]
    sent = b"".join(post(token, b"content-length: 15") + title for title in titles)
    found = await exchange(service.port, sent)
    assert found.statuses == [201] * 30
    assert [reply.body.partition(b'"title":"')[2][:3] for reply in found.replies] == [b"%03d" % n for n in range(30)]


@pytest.mark.parametrize(
    ("method", "path", "status", "end"),
    [
        (b"GET", b"/api/me/tasks", b"200", b'"next_cursor":null}'),
        (b"HEAD", b"/api/me/tasks", b"200", b"\r\n\r\n"),
        (b"GET", b"/api/me/nothing", b"404", b"}"),
        (b"DELETE", b"/api/me/tasks?completed=true", b"200", b"}"),
    ],
)
async def test_head_and_body_of_an_answer_leave_in_one_piece(
    service: Service, token: bytes, method: bytes, path: bytes, status: bytes, end: bytes
) -> None:
    def first_pieces() -> list[bytes]:
        with socket.create_connection(("127.0.0.1", service.port), timeout=10) as wire:
            found = []
            for _ in range(30):
                wire.sendall(method + b" " + path + b" HTTP/1.1\r\nhost: x\r\n" + token + b"\r\n")
                found.append(wire.recv(1 << 20))
            return found

    for piece in await asyncio.to_thread(first_pieces):
        assert piece.startswith(b"HTTP/1.1 " + status)
        assert piece.endswith(end)


async def test_expect_100_continue_is_asked_for_only_when_the_body_is_wanted(service: Service, token: bytes) -> None:
    wire = await Wire.to(service.port)
    await wire.send(post(token, length, b"expect: 100-continue"))
    assert (await wire.answer()).status == 100
    await wire.send(BODY)
    assert (await wire.answer()).status == 201
    assert await wire.ended()
    wire.close()
    # Refused before the body: what follows might be the body after all, so it is not taken for a request.
    wire = await Wire.to(service.port)
    await wire.send(post(b"", length, b"expect: 100-continue"))
    assert (await wire.answer()).status == 401
    assert await wire.ended()
    wire.close()


@pytest.mark.parametrize("path", ["/api/me/tasks", "/healthz", "/ws"])
@pytest.mark.parametrize("protocol", ["websocket", "h2c"])
async def test_no_other_protocol_is_switched_to(service: Service, token: bytes, path: str, protocol: str) -> None:
    fields = f"connection: upgrade\r\nupgrade: {protocol}\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
    request = f"GET {path} HTTP/1.1\r\nhost: x\r\n{fields}sec-websocket-version: 13\r\n".encode() + token + b"\r\n"
    found = await exchange(service.port, request)
    assert found.statuses == [404 if path == "/ws" else 200]
    assert not found.closed, "HTTP/1.1 goes on (RFC 9110 §7.8)"
    assert_has_every_header(found.replies[0])


OFFERS = {
    "h2c (RFC 7540 §3.2), as Java and curl offer it": b"connection: Upgrade, HTTP2-Settings\r\n"
    b"upgrade: h2c\r\nhttp2-settings: AAMAAABk\r\n",
    "a WebSocket": b"connection: keep-alive, Upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\n",
    "TLS within (RFC 2817)": b"connection: upgrade\r\nupgrade: TLS/1.0, HTTP/1.1\r\n",
    "a protocol that there is not": b"connection: upgrade\r\nupgrade: carrier-pigeon/2\r\n",
    "two at once": b"connection: upgrade\r\nupgrade: h2c\r\nupgrade: websocket\r\n",
    "and the connection to end": b"connection: close, upgrade\r\nupgrade: h2c\r\n",
}
FRAMINGS = {
    "by its length": lambda body: b"content-length: %d\r\n\r\n" % len(body) + body,
    "in one chunk": lambda body: b"transfer-encoding: chunked\r\n\r\n%x\r\n" % len(body) + body + b"\r\n0\r\n\r\n",
    "in many chunks, with trailers": lambda body: (
        b"transfer-encoding: chunked\r\n\r\n"
        + b"".join(b"1;x=y\r\n%c\r\n" % byte for byte in body)
        + b"0\r\nx-a: b\r\n\r\n"
    ),
}


@pytest.mark.parametrize("cut", [None, 101])
@pytest.mark.parametrize("framing", FRAMINGS)
@pytest.mark.parametrize("offer", OFFERS)
async def test_an_upgrade_that_is_not_taken_is_ignored_and_the_body_read(
    service: Service, token: bytes, offer: str, framing: str, cut: int | None
) -> None:
    """RFC 9110 §7.8, for every method with a body, each sent in pieces of ``cut`` bytes, two after another."""
    json_type = b"content-type: application/json\r\n"

    def request(method: bytes, path: bytes, body: bytes) -> bytes:
        line = method + b" " + path + b" HTTP/1.1\r\nhost: x\r\n"
        return line + token + json_type + OFFERS[offer] + FRAMINGS[framing](body)

    async def answered(message: bytes) -> Reply:
        pieces = [message] if cut is None else [message[i : i + cut] for i in range(0, len(message), cut)]
        found = await exchange(service.port, *pieces)
        assert len(found.replies) == 1, found
        assert found.closed == ("end" in offer)
        return found.replies[0]

    made = await answered(request(b"POST", b"/api/me/tasks", b'{"title":"offered"}'))
    assert made.status == 201, made
    task = f"/api/me/tasks/{made.problem['id']}".encode()
    for method, path, body, expected in (
        (b"PATCH", task + b"/complete", b'{"completed":true}', True),
        (b"PATCH", task + b"/complete", b'{"completed":true}', True),
        (b"PATCH", task, b'{"completed":false}', False),
        (b"PUT", task, b'{"title":"offered","completed":true}', True),
    ):
        reply = await answered(request(method, path, body))
        assert (reply.status, reply.problem["completed"]) == (200, expected), (method, path, reply)


async def test_a_request_pipelined_behind_an_upgrade_is_answered_in_order(service: Service, token: bytes) -> None:
    offer = OFFERS["h2c (RFC 7540 §3.2), as Java and curl offer it"]
    requests = [
        post(token, offer.rstrip(b"\r\n"), b"content-length: 15") + BODY,
        b"GET /healthz HTTP/1.1\r\nhost: x\r\n" + offer + b"\r\n",
        post(token, offer.rstrip(b"\r\n"), te) + chunked,
        b"GET /api/me/tasks/counts HTTP/1.1\r\nhost: x\r\n" + token + offer + b"\r\n",
        NEXT,
    ]
    found = await exchange(service.port, b"".join(requests))
    assert (found.statuses, found.closed) == ([201, 200, 201, 200, 200], False)


@pytest.mark.parametrize(
    "framing", [[length, te], [length, length], [b"content-length: -1"], [b"transfer-encoding: gzip"]]
)
async def test_an_offer_to_upgrade_hides_no_bad_framing(service: Service, token: bytes, framing: list[bytes]) -> None:
    offer = OFFERS["a WebSocket"].rstrip(b"\r\n")
    found = await exchange(service.port, post(token, offer, *framing) + BODY + NEXT)
    assert found.statuses == [400]
    assert found.closed


async def test_bytes_after_connect_are_never_read_as_a_request(service: Service) -> None:
    found = await exchange(service.port, b"CONNECT example.org:443 HTTP/1.1\r\nhost: example.org:443\r\n\r\n" + NEXT)
    assert len(found.replies) == 1
    assert found.replies[0].status >= 400
    assert found.closed


async def test_a_body_on_a_get_is_no_second_request(service: Service, token: bytes) -> None:
    get = b"GET /api/me/tasks HTTP/1.1\r\nhost: x\r\n" + token
    found = await exchange(service.port, get + b"content-length: %d\r\n\r\n" % len(NEXT) + NEXT)
    assert (found.statuses, found.closed) == ([200], False)


async def test_requests_after_connection_close_are_not_answered(service: Service) -> None:
    found = await exchange(service.port, NEXT.replace(b"\r\n\r\n", b"\r\nconnection: close\r\n\r\n") + NEXT)
    assert (found.statuses, found.closed) == ([200], True)


async def test_a_request_that_breaks_off_changes_nothing_and_leaves_no_traceback(
    service: Service, token: bytes, database: str
) -> None:
    before = await dump(database)
    for _ in range(10):
        wire = await Wire.to(service.port)
        await wire.send(post(token, b"content-length: 500") + BODY)
        wire.close()
    assert (await exchange(service.port, NEXT)).statuses == [200]
    assert await dump(database) == before


async def test_a_half_closed_client_still_gets_the_answer(service: Service, token: bytes) -> None:
    wire = await Wire.to(service.port)
    await wire.send(post(token, length) + BODY)
    wire.writer.write_eof()
    assert (await wire.answer()).status == 201
    assert await wire.ended()
    wire.close()


ORIGINS = {
    OWN: True,
    "null": False,
    "http://evil.example": False,
    "http://localhost:3001": False,
    "https://localhost:3000": False,
    "http://localhost:3000.evil.example": False,
    "http://LOCALHOST:3000": False,
    "http://localhost:3000/": False,
    "": False,
    "*": False,
}


@pytest.mark.parametrize("origin", ORIGINS)
@pytest.mark.parametrize("path", ["/api/me/tasks", "/api/somebody/tasks", "/nowhere", "/healthz"])
async def test_only_the_origins_that_are_named_may_read_answers(
    service: Service, token: bytes, origin: str, path: str
) -> None:
    request = f"GET {path} HTTP/1.1\r\nhost: x\r\norigin: {origin}\r\n".encode() + token + b"\r\n"
    reply = (await exchange(service.port, request)).replies[0]
    preflight = (
        f"OPTIONS {path} HTTP/1.1\r\nhost: x\r\norigin: {origin}\r\naccess-control-request-method: DELETE\r\n"
        "access-control-request-headers: authorization\r\n\r\n"
    )
    first = (await exchange(service.port, preflight.encode())).replies[0]
    for answer in (reply, first):
        assert answer.get("access-control-allow-origin") == (origin if ORIGINS[origin] else None)
        assert "Origin" in (answer.get("vary") or "")
        assert_has_every_header(answer)
    assert first.status == (200 if ORIGINS[origin] else 400)
    assert first.get("www-authenticate") is None


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="memory is read from /proc")
async def test_the_service_works_after_all_http_abuse(service: Service, token: bytes, reliability: Report) -> None:
    """Hundreds of abuses on one process: no file descriptor is left behind, nothing grows."""

    async def few() -> bool:
        return len(os.listdir(f"/proc/{service.process.pid}/fd")) < 60

    await eventually(few)
    assert (await exchange(service.port, post(token, length) + BODY)).statuses == [201]
    cases = len(SMUGGLING) * 2 + len(START) + len(FLOODS) + len(PATHS) + len(METHODS) + len(ORIGINS) * 8
    reliability("HTTP abuse: smuggling, floods, paths, methods, origins", requests=cases, wrong=0, crashes=0)
