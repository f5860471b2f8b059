"""Requests with an Upgrade field: the field is ignored, and the request is read as HTTP/1.1 (RFC 9110 §7.8).

httptools stops parsing after the head of such a request and does not read its body. Therefore a new parser takes over:
it is fed a head with the same framing, whose callbacks are dropped, and then the rest of the request.
"""

from collections.abc import Iterable
from typing import Any

import httptools
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol


class HttpAlone(HttpToolsProtocol):
    """The base class of the connection. ``feed`` replaces ``parser.feed_data``; the callbacks are those of uvicorn."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._framing: bytes | None = None  # framing fields, while a parser has stopped at an Upgrade

    def feed(self, data: bytes) -> None:
        """Parse received bytes. Raises httptools.HttpParserError."""
        while True:
            try:
                self.parser.feed_data(data)
                return
            except httptools.HttpParserUpgrade as stop:
                if self._framing is None:  # CONNECT, which is refused: the rest is for a tunnel
                    return
                data = data[stop.args[0] :]
            head = b"POST / HTTP/1.1\r\nhost: x\r\n%s\r\n" % self._framing
            self._framing = None
            self.parser = httptools.HttpRequestParser(_AfterHead(self))
            self.parser.feed_data(head)

    def on_headers_complete(self) -> None:
        if self.parser.should_upgrade() and self.parser.get_method() != b"CONNECT":
            self._framing = self._framing_of(self.headers)
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        if self._framing is None:
            super().on_message_complete()
            self._ended()

    def _ended(self) -> None:
        """Called when a request is complete."""

    def _framing_of(self, headers: Iterable[tuple[bytes, bytes]]) -> bytes:
        """The header fields that determine where the request and the connection end (RFC 9112 §6, §9.3)."""
        kept = [field for field in headers if field[0] in (b"content-length", b"transfer-encoding")]
        if not self.parser.should_keep_alive():
            kept.append((b"connection", b"close"))
        return b"".join(b"%s: %s\r\n" % field for field in kept)


class _AfterHead:
    """The callbacks of a parser whose first head was read by the parser before it: those of that head are dropped."""

    def __init__(self, connection: HttpAlone) -> None:
        self._connection = connection
        self._dropping = True

    def on_message_begin(self) -> None:
        if not self._dropping:
            self._connection.on_message_begin()

    def on_url(self, url: bytes) -> None:
        if not self._dropping:
            self._connection.on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        if not self._dropping:
            self._connection.on_header(name, value)

    def on_headers_complete(self) -> None:
        if self._dropping:
            self._dropping = False
        else:
            self._connection.on_headers_complete()

    def on_body(self, body: bytes) -> None:
        self._connection.on_body(body)

    def on_message_complete(self) -> None:
        self._connection.on_message_complete()
