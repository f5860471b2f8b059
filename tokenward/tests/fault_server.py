"""A key server on a real socket with a selectable fault.

    server = FaultServer(issuer)
    async with server.serve() as url:
        server.fault = "gzip bomb"

``FAULTS`` holds them by name; ``usable`` of each says whether its answer holds good keys all the same.
"""

from __future__ import annotations

import asyncio
import functools
import gzip
import json
import socket
import struct
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Any

from tokenward.testing.issuer import JWKS_PATH, Issuer
from tokenward.testing.keys import SigningKey, b64, b64_int, spare_key

Write = Callable[["FaultServer", asyncio.StreamWriter], Awaitable[None]]
FOREVER = 3600.0


@dataclass(frozen=True)
class Fault:
    name: str
    write: Write
    usable: bool
    flood: bool
    """It sends far more than anybody may keep."""


FAULTS: dict[str, Fault] = {}


def fault(name: str, *, usable: bool = False, flood: bool = False) -> Callable[[Write], Write]:
    def register(write: Write) -> Write:
        FAULTS[name] = Fault(name, write, usable, flood)
        return write

    return register


class FaultServer:
    """``fetches`` counts requests for the key set, ``elsewhere`` those for anything else, a redirect's target say."""

    def __init__(self, issuer: Issuer) -> None:
        self.issuer = issuer
        self.fault = "healthy"
        self.fetches = 0
        self.elsewhere = 0
        self.stall = FOREVER
        self._connections: set[asyncio.Task[None]] = set()
        self._flip = False
        self.origin = ""

    @asynccontextmanager
    async def serve(self) -> AsyncIterator[str]:
        server = await asyncio.start_server(self._connection, "127.0.0.1", 0)
        self.origin = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        try:
            yield self.origin + JWKS_PATH
        finally:
            server.close()
            for task in list(self._connections):
                task.cancel()
            await asyncio.gather(*self._connections, return_exceptions=True)
            await server.wait_closed()

    async def _connection(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._connections.add(task)
        try:
            with suppress(ConnectionError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
                head = await reader.readuntil(b"\r\n\r\n")
                if head.split(b" ")[1] != JWKS_PATH.encode():
                    self.elsewhere += 1
                    await self.send(writer, self.body())
                    return
                self.fetches += 1
                await FAULTS[self.fault].write(self, writer)
        except asyncio.CancelledError:
            pass  # the server closes; a cancelled handler would be logged as an error by asyncio
        finally:
            self._connections.discard(task)
            writer.close()

    def body(self, *more: Any) -> bytes:
        return json.dumps({"keys": [*more, *self.issuer.jwks()["keys"]]}).encode()

    async def send(
        self, writer: asyncio.StreamWriter, body: bytes, status: int = 200, length: int | None = None, **headers: str
    ) -> None:
        lines = [f"HTTP/1.1 {status} -", "content-type: application/json", "connection: close"]
        lines.append(f"content-length: {len(body) if length is None else length}")
        lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
        writer.write("\r\n".join(lines).encode() + b"\r\n\r\n" + body)
        await writer.drain()

    async def pour(self, writer: asyncio.StreamWriter, chunk: bytes, head: bytes) -> None:
        """Send the head and then the chunk for ever, or until the other side has had enough."""
        writer.write(head)
        while True:
            writer.write(chunk)
            await writer.drain()
            await asyncio.sleep(0.001)  # 60 MB a second are flood enough; others here want to run too


def reset(writer: asyncio.StreamWriter) -> None:
    """Close with RST."""
    raw = writer.get_extra_info("socket")
    raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


# What a server does well


@fault("healthy", usable=True)
async def _(s: FaultServer, w: asyncio.StreamWriter) -> None:
    await s.send(w, s.body())


@fault("healthy, gzipped", usable=True)
async def _(s: FaultServer, w: asyncio.StreamWriter) -> None:
    await s.send(w, gzip.compress(s.body()), content_encoding="gzip")


@fault("healthy, in chunks of one byte", usable=True)
async def _(s: FaultServer, w: asyncio.StreamWriter) -> None:
    w.write(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\nconnection: close\r\n\r\n")
    for byte in s.body():
        w.write(b"1\r\n" + bytes([byte]) + b"\r\n")
    w.write(b"0\r\n\r\n")
    await w.drain()


@fault("slow", usable=True)
async def _(s: FaultServer, w: asyncio.StreamWriter) -> None:
    await asyncio.sleep(s.stall / 20 if s.stall < FOREVER else 0.1)
    await s.send(w, s.body())


# Nothing, too late, or not to the end


@fault("never answers")
async def _(s: FaultServer, w: asyncio.StreamWriter) -> None:
    await asyncio.sleep(s.stall)


@fault("stalled after the headers")
async def _(s: FaultServer, w: asyncio.StreamWriter) -> None:
    await s.send(w, b"", length=500)
    await asyncio.sleep(s.stall)


@fault("stalled in the body")
async def _(s: FaultServer, w: asyncio.StreamWriter) -> None:
    body = s.body()
    await s.send(w, body[:40], length=len(body))
    await asyncio.sleep(s.stall)


@fault("a byte a while")
async def _(s: FaultServer, w: asyncio.StreamWriter) -> None:
    await s.send(w, b"", length=100_000)
    while True:
        w.write(b" ")
        await w.drain()
        await asyncio.sleep(0.02)


@fault("reset at once")
async def _(s: FaultServer, w: asyncio.StreamWriter) -> None:
    reset(w)


@fault("reset in the body")
async def _(s: FaultServer, w: asyncio.StreamWriter) -> None:
    body = s.body()
    await s.send(w, body[:40], length=len(body))
    await asyncio.sleep(0.01)
    reset(w)


@fault("closed without an answer")
async def _(s: FaultServer, w: asyncio.StreamWriter) -> None:
    w.close()


@fault("half of the body")
async def _(s: FaultServer, w: asyncio.StreamWriter) -> None:
    body = s.body()
    await s.send(w, body[: len(body) // 2], length=len(body))


@fault("half of the body, and no length to tell")
async def _(s: FaultServer, w: asyncio.StreamWriter) -> None:
    body = s.body()
    w.write(b"HTTP/1.0 200 OK\r\n\r\n" + body[: len(body) // 2])
    await w.drain()


@fault("half of a chunked body")
async def _(s: FaultServer, w: asyncio.StreamWriter) -> None:
    w.write(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n10\r\n" + s.body()[:16] + b"\r\n")
    await w.drain()


@fault("half of the gzip")
async def _(s: FaultServer, w: asyncio.StreamWriter) -> None:
    packed = gzip.compress(s.body() + b" " * 5000)
    await s.send(w, packed[: len(packed) // 2], content_encoding="gzip")


# Statuses


def status(number: int, name: str, **headers: str) -> None:
    @fault(name)
    async def _(s: FaultServer, w: asyncio.StreamWriter) -> None:
        # The right body, so that only the status speaks against it.
        body = b"" if number in (204, 304) else s.body()
        await s.send(w, body, number, **{k: v.format(origin=s.origin) for k, v in headers.items()})


status(500, "500")
status(502, "502")
status(503, "503 with Retry-After", retry_after="2")
status(429, "429 with Retry-After", retry_after="2")
status(429, "429 with an absurd Retry-After", retry_after="999999999")
status(404, "404")
status(401, "401")
status(201, "201")
status(204, "204")
status(206, "206")
status(304, "304 to a plain question")
status(301, "301 elsewhere", location="{origin}/elsewhere")
status(302, "302 elsewhere", location="{origin}/elsewhere")
status(307, "307 to itself", location="{origin}" + JWKS_PATH)
status(308, "308 to a file", location="file:///etc/passwd")
status(300, "300", location="{origin}/elsewhere")


@fault("103 without end", flood=True)
async def _(s: FaultServer, w: asyncio.StreamWriter) -> None:
    await s.pour(w, b"HTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\n" * 100, b"")


# Too much


@fault("1 GB, announced", flood=True)
async def _(s: FaultServer, w: asyncio.StreamWriter) -> None:
    await s.pour(w, b" " * 65536, b"HTTP/1.1 200 OK\r\ncontent-length: 1000000000\r\n\r\n")


@fault("1 GB, in chunks", flood=True)
async def _(s: FaultServer, w: asyncio.StreamWriter) -> None:
    chunk = b"10000\r\n" + b" " * 65536 + b"\r\n"
    await s.pour(w, chunk, b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n")


@fault("without end", flood=True)
async def _(s: FaultServer, w: asyncio.StreamWriter) -> None:
    await s.pour(w, b'{"keys": [' * 6000, b"HTTP/1.0 200 OK\r\n\r\n")


@fault("headers without end", flood=True)
async def _(s: FaultServer, w: asyncio.StreamWriter) -> None:
    await s.pour(w, b"x-filler: " + b"y" * 8000 + b"\r\n", b"HTTP/1.1 200 OK\r\n")


@fault("gzip bomb", flood=True)
async def _(s: FaultServer, w: asyncio.StreamWriter) -> None:
    await s.send(w, bomb(), content_encoding="gzip")


@fault("gzip bomb in gzip", flood=True)
async def _(s: FaultServer, w: asyncio.StreamWriter) -> None:
    await s.send(w, gzip.compress(bomb()), content_encoding="gzip, gzip")


@fault("gzip without end", flood=True)
async def _(s: FaultServer, w: asyncio.StreamWriter) -> None:
    packer = zlib.compressobj(wbits=31)
    head = (
        b"HTTP/1.0 200 OK\r\ncontent-encoding: gzip\r\n\r\n" + packer.compress(b" ") + packer.flush(zlib.Z_SYNC_FLUSH)
    )
    await s.pour(w, b"\0\0\0\xff\xff" * 10_000, head)  # stored blocks of nothing


@fault("good gzip and then bytes without end", flood=True)
async def _(s: FaultServer, w: asyncio.StreamWriter) -> None:
    head = b"HTTP/1.0 200 OK\r\ncontent-encoding: gzip\r\n\r\n" + gzip.compress(s.body())
    await s.pour(w, b"x" * 65536, head)


@fault("over 256 KiB of good keys and spaces")
async def _(s: FaultServer, w: asyncio.StreamWriter) -> None:
    await s.send(w, s.body() + b" " * (256 * 1024))


@fault("101 keys")
async def _(s: FaultServer, w: asyncio.StreamWriter) -> None:
    await s.send(w, s.body(*({**s.issuer.jwks()["keys"][0], "kid": f"k{n}"} for n in range(100))))


@functools.cache
def bomb() -> bytes:
    """256 MiB of zeros in a quarter of one."""
    packer = zlib.compressobj(9, wbits=31)
    block = bytes(1024 * 1024)
    return b"".join([packer.compress(block) for _ in range(256)]) + packer.flush()


# Not a key set


def answers(name: str, body: bytes, *, usable: bool = False, **headers: str) -> None:
    @fault(name, usable=usable)
    async def _(s: FaultServer, w: asyncio.StreamWriter) -> None:
        await s.send(w, body, **headers)


answers("HTML", b"<!doctype html><title>Sign in</title>", content_type="text/html")
answers("{}", b"{}")
answers("an empty set", b'{"keys": []}')
answers("an empty body", b"")
answers("null", b"null")
answers("keys that is no list", b'{"keys": {}}')
answers("deep JSON", b"[" * 200_000)
answers("not UTF-8", b'{"keys": ["\xff\xfe"]}')
answers("br instead of gzip", b"\x1b\x00\x00\x00", content_encoding="br")
answers("gzip that is none", b"not gzip", content_encoding="gzip")
answers("a header that cannot be", b"{}", **{"x\x01y": "z"})
answers("a length that cannot be", b"{}", content_length="-5")


@fault("not HTTP")
async def _(s: FaultServer, w: asyncio.StreamWriter) -> None:
    w.write(b"\x15\x03\x01\x00\x02\x02\x0a" * 50)
    await w.drain()


# Bad keys among good ones, and alone

ED_X = str(spare_key("EdDSA", 7).jwk()["x"])
_MODULUS = (1 << 1023) | 0xC0FFEE1
BAD_KEYS: dict[str, dict[str, Any]] = {
    "a private key": {**spare_key("EdDSA", 7).jwk(), "d": b64(b"\7" * 32)},
    "a symmetric key": {"kty": "oct", "kid": "oct", "alg": "HS256", "k": b64(b"k" * 32)},
    "a weak RSA key": {"kty": "RSA", "kid": "weak", "alg": "RS256", "n": b64_int(_MODULUS), "e": "AQAB"},
    "an RSA key with e of 1": {
        "kty": "RSA",
        "kid": "e1",
        "alg": "RS256",
        "n": b64_int(_MODULUS << 1025 | 1),
        "e": "AQ",
    },
    "an RSA key of 16384 bits": {"kty": "RSA", "kid": "huge", "n": b64_int(1 << 16_383 | 1), "e": "AQAB"},
    "a point off its curve": {"kty": "EC", "crv": "P-256", "kid": "off", "x": b64(b"\1" * 32), "y": b64(b"\2" * 32)},
    "a key of small order": {"kty": "OKP", "crv": "Ed25519", "kid": "small", "x": b64(b"\1" + bytes(31))},
    "a key for encryption": {"kty": "OKP", "crv": "Ed25519", "kid": "enc", "use": "enc", "x": ED_X},
    "a key of another algorithm": {"kty": "OKP", "crv": "Ed25519", "kid": "alg", "alg": "RS256", "x": ED_X},
    "a key whose alg is a list": {"kty": "OKP", "crv": "Ed25519", "kid": "list", "alg": ["EdDSA"], "x": ED_X},
    "a key without a kid": {"kty": "OKP", "crv": "Ed25519", "x": ED_X},
    "a key of nonsense": {"kty": 5, "kid": {}, "x": None},
}


def bad_key(name: str, jwk: dict[str, Any]) -> None:
    @fault(f"{name} among good ones", usable=True)
    async def _(s: FaultServer, w: asyncio.StreamWriter) -> None:
        await s.send(w, s.body(jwk))

    @fault(f"only {name}")
    async def _(s: FaultServer, w: asyncio.StreamWriter) -> None:
        await s.send(w, json.dumps({"keys": [jwk]}).encode())


for _name, _jwk in BAD_KEYS.items():
    bad_key(_name, _jwk)


@fault("two keys with one kid among good ones", usable=True)
async def _(s: FaultServer, w: asyncio.StreamWriter) -> None:
    twins = [SigningKey.new("EdDSA", "twin").jwk() for _ in range(2)]
    await s.send(w, s.body(*twins))


@fault("every kid twice", usable=True)
async def _(s: FaultServer, w: asyncio.StreamWriter) -> None:
    await s.send(w, s.body(*s.issuer.jwks()["keys"]))


@fault("every kid for two keys")
async def _(s: FaultServer, w: asyncio.StreamWriter) -> None:
    await s.send(w, s.body(*(SigningKey.new("EdDSA", key.kid).jwk() for key in s.issuer.keys)))


# Now this, now that


@fault("flapping", usable=True)
async def _(s: FaultServer, w: asyncio.StreamWriter) -> None:
    s._flip = not s._flip
    if s._flip:
        reset(w)
    else:
        await s.send(w, s.body())
