"""A small reverse proxy with health checks, for rolling restarts; it retries as nginx does by default."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from tests.support.process import free_port

PROBE = 0.05
"""Seconds between two health checks."""


class Proxy:
    """Passes requests on to replicas that are ready, over connections it keeps.

    A request is tried elsewhere only when it cannot have arrived: no connection was made. Whoever gets no answer
    otherwise gets 502, and `failed` counts it.
    """

    def __init__(self, ports: list[int]) -> None:
        self.port = free_port()
        self.failed: Counter[str] = Counter()
        self.passed: Counter[int] = Counter()
        self._ready: dict[int, bool] = dict.fromkeys(ports, False)
        self._kept: dict[int, list[tuple[asyncio.StreamReader, asyncio.StreamWriter]]] = {port: [] for port in ports}
        self._turn = itertools.count()
        self._changed = asyncio.Condition()

    @asynccontextmanager
    async def running(self) -> AsyncIterator[Proxy]:
        server = await asyncio.start_server(self._client, "127.0.0.1", self.port)
        probes = [asyncio.create_task(self._probe(port)) for port in self._ready]
        try:
            yield self
        finally:
            server.close()
            for probe in probes:
                probe.cancel()
            for _, writer in itertools.chain.from_iterable(self._kept.values()):
                writer.close()

    async def until_ready(self, port: int, ready: bool = True) -> None:
        async with self._changed:
            await asyncio.wait_for(self._changed.wait_for(lambda: self._ready[port] is ready), 30)

    async def _probe(self, port: int) -> None:
        while True:
            ready = False
            with contextlib.suppress(OSError, asyncio.IncompleteReadError):
                reader, writer = await asyncio.open_connection("127.0.0.1", port)
                with contextlib.closing(writer):
                    writer.write(b"GET /readyz HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")
                    ready = (await reader.readuntil(b"\r\n")).split(b" ")[1] == b"200"
            async with self._changed:
                self._ready[port] = ready
                self._changed.notify_all()
            await asyncio.sleep(PROBE)

    async def _client(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                head, body, _ = await _message(reader)
                writer.write(await self._pass_on(head + body))
                await writer.drain()
        writer.close()

    async def _pass_on(self, request: bytes) -> bytes:
        for _ in range(20):
            ready = [port for port, is_ready in self._ready.items() if is_ready]
            if not ready:
                break
            port = ready[next(self._turn) % len(ready)]
            upstream = await self._upstream(port)
            if upstream is None:
                self._ready[port] = False  # until the next probe says otherwise
                continue
            reader, writer = upstream
            try:
                writer.write(request)
                await writer.drain()
                head, body, close = await _message(reader)
            except (OSError, asyncio.IncompleteReadError) as error:
                writer.close()
                self.failed[type(error).__name__] += 1
                return b"HTTP/1.1 502 Bad Gateway\r\ncontent-length: 0\r\n\r\n"
            if close:
                writer.close()
            else:
                self._kept[port].append(upstream)
            self.passed[port] += 1
            return head.replace(b"connection: close\r\n", b"") + body
        self.failed["nobody is ready"] += 1
        return b"HTTP/1.1 502 Bad Gateway\r\ncontent-length: 0\r\n\r\n"

    async def _upstream(self, port: int) -> tuple[asyncio.StreamReader, asyncio.StreamWriter] | None:
        while self._kept[port]:
            reader, writer = self._kept[port].pop()
            if not reader.at_eof() and not writer.is_closing():
                return reader, writer
            writer.close()
        try:
            return await asyncio.open_connection("127.0.0.1", port)
        except OSError:
            return None


async def _message(reader: asyncio.StreamReader) -> tuple[bytes, bytes, bool]:
    """The head and the body of one message, and whether the connection ends with it."""
    head = await reader.readuntil(b"\r\n\r\n")
    fields = dict(line.lower().split(b": ", 1) for line in head.split(b"\r\n")[1:-2])
    body = await reader.readexactly(int(fields.get(b"content-length", 0)))
    return head, body, fields.get(b"connection") == b"close"
