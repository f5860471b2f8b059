"""HTTP/1.1 and no other protocol: an offer to upgrade is ignored, and its request read like any other (RFC 9110 §7.8).

The parser believes that whatever follows the head of such a request is another protocol, and never reads its body. So
another parser takes over there: it is told a head with the same framing, which nobody hears, and goes on behind it.
"""

from collections.abc import Iterable
from typing import Any

import httptools
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol


class HttpAlone(HttpToolsProtocol):
    """What a connection inherits: ``feed`` takes the place of ``parser.feed_data``, callbacks come as always."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._framing: bytes | None = None  # while a parser stands behind the head of a request with an offer
        self._muted = False  # while a parser is told a head that has been read

    def feed(self, data: bytes) -> None:
        """Raises httptools.HttpParserError."""
        while True:
            try:
                self.parser.feed_data(data)
                return
            except httptools.HttpParserUpgrade as stop:
                if self._framing is None:  # CONNECT, which was refused: what follows was meant for somebody else
                    return
                data = data[stop.args[0] :]
            head = b"POST / HTTP/1.1\r\nhost: x\r\n%s\r\n" % self._framing
            self._framing, self._muted = None, True
            self.parser = httptools.HttpRequestParser(self)
            self.parser.feed_data(head)

    def on_message_begin(self) -> None:
        if not self._muted:
            super().on_message_begin()
            self._begun()

    def _begun(self) -> None:
        """A request begins."""

    def on_url(self, url: bytes) -> None:
        if not self._muted:
            super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        if not self._muted:
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        if self._muted:
            self._muted = False
            return
        if self.parser.should_upgrade() and self.parser.get_method() != b"CONNECT":
            self._framing = self._framing_of(self.headers)
        self._head_read()

    def _head_read(self) -> None:
        """A request's head is complete; by default it is answered from now on."""
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        if self._framing is None:
            super().on_message_complete()
            self._ended()

    def _ended(self) -> None:
        """A request is complete."""

    def _framing_of(self, headers: Iterable[tuple[bytes, bytes]]) -> bytes:
        """The fields that say where this request ends, and whether its connection does (RFC 9112 §6, §9.3)."""
        kept = [field for field in headers if field[0] in (b"content-length", b"transfer-encoding")]
        if not self.parser.should_keep_alive():
            kept.append((b"connection", b"close"))
        return b"".join(b"%s: %s\r\n" % field for field in kept)
