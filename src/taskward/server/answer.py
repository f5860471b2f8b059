"""A whole response in one write.

uvicorn writes head and body separately and checks each header field with two regular expressions: two system calls, two
packets, and a client that wakes up twice. ASGI allows a server to hold the head until the first part of the body.
"""

import asyncio
from collections.abc import Callable
from typing import Any

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, RequestResponseCycle

#: Fields that change where a response or its connection ends. uvicorn writes responses that have one.
_FRAMING = frozenset({b"transfer-encoding", b"connection"})


class Cycle(RequestResponseCycle):
    """uvicorn's cycle of request and response. It writes a response that comes in two messages at once."""

    _start: Any = None  # the message with status and headers, while it is held

    async def send(self, message: Any) -> None:
        if message["type"] == "http.response.start" and not self.response_started:
            self._start = message
            return
        start, self._start = self._start, None
        if start is not None:
            if not message.get("more_body") and self._write(start, message.get("body", b"")):
                return
            await super().send(start)
        await super().send(message)

    def _write(self, start: Any, body: bytes) -> bool:
        """Write a whole response, or return False for one that is not of the simple kind."""
        if not self.keep_alive or self.disconnected or self.flow.write_paused or self.scope["method"] == "HEAD":
            return False
        lines = [STATUS_LINE[start["status"]]]
        length, sized, number = b"%d" % len(body), False, 2
        for fields in (self.default_headers, start["headers"]):
            for name, value in fields:
                if name == b"content-length":
                    sized = value == length
                elif name in _FRAMING:
                    return False
                lines += (name, b": ", value, b"\r\n")
            number += len(fields)
        lines.append(b"\r\n")
        head = b"".join(lines)
        if not sized or head.count(b"\n") != number or head.count(b"\r") != number or b"\0" in head:
            return False  # uvicorn raises for a field with a line end
        self.response_started = self.response_complete = True
        self.waiting_for_100_continue = False
        self.transport.write(head + body)
        self.message_event.set()
        self.on_response()
        return True


class Guarded:
    """The transport that a cycle writes to. ``close`` calls ``end``."""

    __slots__ = ("_end", "_transport")

    def __init__(self, transport: asyncio.Transport, end: Callable[[], None]) -> None:
        self._transport, self._end = transport, end

    def write(self, data: bytes) -> None:
        if not self._transport.is_closing():  # the client is gone; uvloop would raise
            self._transport.write(data)

    def close(self) -> None:
        self._end()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)
