"""A proxy between the service and PostgreSQL that counts messages and bytes."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from urllib.parse import urlsplit, urlunsplit

_SSL_REQUEST = 80877103


class CountingWire:
    """Frontend messages by their letter (PostgreSQL, "Message Formats"): S is Sync, and each waits for an answer.

    A connection that has said LISTEN is not counted from then on: what it says is no part of a request.
    """

    def __init__(self) -> None:
        self.messages: Counter[str] = Counter()
        self.answered = 0
        """Bytes the server has sent."""

    def clear(self) -> None:
        self.messages.clear()
        self.answered = 0

    @asynccontextmanager
    async def before(self, database_url: str) -> AsyncIterator[str]:
        """The same database, by way of this door."""
        parts = urlsplit(database_url)
        tasks: set[asyncio.Task[None]] = set()

        async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            up_reader, up_writer = await asyncio.open_connection(parts.hostname, parts.port)
            listens = asyncio.Event()
            for work in (self._requests(reader, up_writer, listens), self._answers(up_reader, writer, listens)):
                task = asyncio.create_task(work)
                tasks.add(task)
                task.add_done_callback(tasks.discard)

        server = await asyncio.start_server(connected, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        credentials = parts.netloc.rpartition("@")[0]
        try:
            yield urlunsplit(parts._replace(netloc=f"{credentials}@127.0.0.1:{port}"))
        finally:
            server.close()
            for task in list(tasks):
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _requests(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, listens: asyncio.Event
    ) -> None:
        with suppress(ConnectionError, asyncio.IncompleteReadError):
            started = False
            while True:
                letter = await reader.readexactly(1) if started else b""
                length = await reader.readexactly(4)
                body = await reader.readexactly(int.from_bytes(length, "big") - 4)
                if b"LISTEN" in body:
                    listens.set()
                if started and not listens.is_set():
                    self.messages[letter.decode("latin-1")] += 1
                if not started:
                    started = int.from_bytes(body[:4], "big") != _SSL_REQUEST
                writer.write(letter + length + body)
                await writer.drain()
        writer.close()

    async def _answers(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, listens: asyncio.Event
    ) -> None:
        with suppress(ConnectionError):
            while data := await reader.read(65536):
                if not listens.is_set():
                    self.answered += len(data)
                writer.write(data)
                await writer.drain()
        writer.close()
