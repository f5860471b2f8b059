"""HTTP as bytes: sends any bytes and returns every byte of the response."""

from __future__ import annotations

import asyncio
import contextlib
import json
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Reply:
    """One response, taken apart without leniency."""

    status: int
    headers: list[tuple[str, str]]
    body: bytes

    def get(self, name: str) -> str | None:
        values = [value for field, value in self.headers if field == name]
        assert len(values) < 2, (name, values)
        return values[0] if values else None

    @property
    def problem(self) -> dict[str, Any]:
        return dict(json.loads(self.body))


@dataclass(frozen=True)
class Exchange:
    replies: list[Reply]
    closed: bool
    """Whether the server ended the connection."""

    @property
    def statuses(self) -> list[int]:
        return [reply.status for reply in self.replies]


class Wire:
    """One connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    @classmethod
    async def to(cls, port: int) -> Wire:
        return cls(*await asyncio.open_connection("127.0.0.1", port))

    async def send(self, *pieces: bytes) -> None:
        """Each piece in a segment of its own, as far as the server can tell."""
        with contextlib.suppress(ConnectionError):  # it may have seen enough
            for number, piece in enumerate(pieces):
                if number:
                    await asyncio.sleep(0.01)
                self.writer.write(piece)
                await self.writer.drain()

    async def reply(self, *, head: bool = False) -> Reply | None:
        """The next response; None when the connection ends instead."""
        try:
            return await asyncio.wait_for(self._reply(head), 20)
        except (asyncio.IncompleteReadError, ConnectionError):
            return None

    async def _reply(self, head: bool) -> Reply:
        start = await self.reader.readuntil(b"\r\n\r\n")
        first, *lines = start.decode("ascii").removesuffix("\r\n\r\n").split("\r\n")
        headers = [(name, value) for name, _, value in (line.partition(": ") for line in lines)]
        assert all(name == name.lower() for name, _ in headers)
        reply = Reply(int(first.split(" ")[1]), headers, b"")
        assert first.startswith("HTTP/1.1 ")
        length = 0 if head or reply.status in (100, 204, 304) else int(reply.get("content-length") or 0)
        return Reply(reply.status, headers, await self.reader.readexactly(length))

    async def answer(self) -> Reply:
        """The next response, which there is."""
        reply = await self.reply()
        assert reply is not None
        return reply

    async def ended(self, seconds: float = 5) -> bool:
        """Whether the server ends the connection now, having nothing more to say."""
        try:
            return await asyncio.wait_for(self.reader.read(1), seconds) == b""
        except ConnectionError:
            return True
        except TimeoutError:
            return False

    def close(self) -> None:
        self.writer.close()


async def exchange(port: int, *pieces: bytes, head: bool = False) -> Exchange:
    """Send the pieces, and a request that ends the connection; everything that was answered before it.

    A server that reads on has answered the last one, so that nothing has to be waited for.
    """
    wire = await Wire.to(port)
    try:
        await wire.send(*pieces)
        await wire.send(b"GET /healthz?last HTTP/1.1\r\nhost: x\r\nconnection: close\r\nx-request-id: last\r\n\r\n")
        replies: list[Reply] = []
        while (reply := await wire.reply(head=head and not replies)) is not None:
            if reply.get("x-request-id") == "last":
                return Exchange(replies, closed=False)
            replies.append(reply)
        return Exchange(replies, closed=True)
    finally:
        wire.close()
