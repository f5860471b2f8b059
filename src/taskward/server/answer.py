"""Head and body of an answer in one write.

uvicorn writes them one after the other: two system calls, two packets, and a client that wakes up twice, a twentieth of
a short request's processor time. A server need not: by ASGI the head waits for the first piece of the body anyway.
"""

import asyncio
from collections.abc import Callable
from typing import Any

_INTERIM = b"HTTP/1.1 1"


class OneWrite:
    """What the cycle of one request takes for its transport.

    ``done`` is to be called when the answer is complete, and calls ``then``; ``end`` is called to close.
    """

    __slots__ = ("_end", "_head", "_then", "_transport")

    def __init__(self, transport: asyncio.Transport, then: Callable[[], None], end: Callable[[], None]) -> None:
        self._transport, self._then, self._end = transport, then, end
        self._head: bytes | None = None  # none yet; or what waits; or empty, once it has been written

    def write(self, data: bytes) -> None:
        if self._transport.is_closing():  # nobody is there any more, and uvloop would raise
            return
        if self._head:
            head, self._head = self._head, b""
            self._transport.write(head + data)
        elif self._head is None and not data.startswith(_INTERIM):  # 100 Continue is wanted now
            self._head = data
        else:
            self._transport.write(data)

    def done(self) -> None:
        self._flush()
        self._then()

    def close(self) -> None:
        self._flush()
        self._end()

    def _flush(self) -> None:
        if self._head:
            self.write(b"")

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)
