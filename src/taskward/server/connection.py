"""The HTTP/1.1 connection of one client: uvicorn's, with limits on size and time.

Rules of this file: refuse every message that two parsers could read as different requests; give each refusal the shape
and headers of every other error; run only a few comparisons for each request.
"""

import asyncio
import socket
from asyncio.events import TimerHandle
from collections import deque
from typing import Any, ClassVar, cast

import httptools
from starlette.types import Receive, Scope, Send
from uvicorn.protocols.http.httptools_impl import STATUS_LINE

from taskward.server.answer import Cycle, Guarded
from taskward.server.refusal import RENDERER, Headers, Refused, Renderer, bare
from taskward.server.upgrades import HttpAlone

MAX_HEAD = 64 * 1024
"""Bytes of a request's line and header fields."""
MAX_HEADERS = 100
MAX_URL = 8 * 1024
MAX_PIPELINE = 32
"""Pipelined requests that may wait on one connection."""
MAX_MESSAGE = 8 * 1024 * 1024
"""Bytes of a whole request: head, body, chunk extensions, trailers, and the rest of a refused body."""


class Connection(HttpAlone):
    """Times are in seconds. There is one timer for a connection, not one for each request."""

    look_every: ClassVar[float] = 5
    #: How often in a row the client may be seen without progress, by what it is expected to do.
    patience: ClassVar[dict[str, int]] = {"head": 2, "body": 6, "rest": 6, "reading": 6, "leaving": 1}

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._heading = False  # reading a head
        self._deaf = False  # draining: further bytes are discarded
        self._chunk = 0  # bytes of the last data_received
        self._first = 0  # bytes of the data_received in which the message began; other messages may precede it there
        self._received = 0  # bytes received since
        self._timer: TimerHandle | None = None
        self._owed: tuple[str, object] | None = None
        self._times = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # uvicorn's own signature
        super().connection_made(transport)
        # asyncio sets TCP_NODELAY only on sockets that it opened itself. Without it, the body of a response can wait
        # 40 ms and more, until the client has acknowledged the head.
        transport.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        # A dual-stack socket names an IPv4 client ::ffff:192.0.2.1, which matches no IPv4 network.
        if self.client is not None and self.client[0].startswith("::ffff:"):
            self.client = (self.client[0].removeprefix("::ffff:"), self.client[1])
        self._timer = self.loop.call_later(self.look_every, self._look)

    def connection_lost(self, exc: Exception | None) -> None:
        if self._timer is not None:
            self._timer.cancel()
        super().connection_lost(exc)
        self._unset_keepalive_if_required()
        # Break the reference cycle between the connection and its requests. Otherwise their bodies stay in memory until
        # the next garbage collection.
        self.pipeline.clear()
        self.cycle = None  # type: ignore[assignment]  # as before the first request

    def eof_received(self) -> bool:  # type: ignore[override]  # asyncio: true keeps the way out open
        """A client that closes its sending side after a whole request still gets the response."""
        if self._idle or self.cycle.more_body or self.cycle.scope.get("state", {}).get("endless"):
            return False  # an event stream never ends by itself, so the client has gone
        self.cycle.keep_alive = False
        return True

    def data_received(self, data: bytes) -> None:
        if self._deaf:
            self._received += len(data)
            if self._received > MAX_MESSAGE:
                self.transport.abort()
            return
        self._unset_keepalive_if_required()
        self._chunk = len(data)
        self._received += self._chunk
        try:
            self.feed(data)
        except httptools.HttpParserError as error:
            self._refuse(_refusal_of(error))
        else:
            if self._received > MAX_HEAD and (self._heading or self._received > MAX_MESSAGE):
                self._refuse(Refused(431))

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._unset_keepalive_if_required()
        self._heading = True
        self._first, self._received = self._chunk, 0

    def on_headers_complete(self) -> None:
        self._check_head()
        super().on_headers_complete()
        self._heading = False
        # httptools reports trailer fields as headers. Discard them: no proxy has checked them (RFC 9110 §6.5.1).
        self.headers = deque(maxlen=0)  # type: ignore[assignment]  # discards all
        cycle = self.cycle
        if self.expect_100_continue or self.scope["method"] == "CONNECT" or "leaving" in self.app_state:
            # After Expect or CONNECT, the next bytes could be a body, a tunnel or a request: accept none of them.
            cycle.keep_alive = False
        cycle.__class__ = Cycle  # uvicorn has no setting for it, and the application has not started
        cycle.transport = Guarded(self.transport, self._end)  # type: ignore[assignment]  # has the methods that are used

    def _ended(self) -> None:
        if self.cycle.more_body:  # the response was sent before the body was complete
            self.cycle.more_body = False
            self._unset_keepalive_if_required()
            self.timeout_keep_alive_task = self.loop.call_later(
                self.timeout_keep_alive, self.timeout_keep_alive_handler
            )

    def _end(self) -> None:
        """Close after a response. If the client is still sending a body, drain it first.

        Closing at once would reset the connection, and the client could lose the response (RFC 9112 §9.6).
        """
        if self._idle and self.cycle is not None and self.cycle.more_body and not self.transport.is_closing():
            self._deaf, self._received = True, 0
            self.transport.write_eof()
        else:
            self.transport.close()

    def _check_head(self) -> None:
        headers = self.headers
        if len(self.pipeline) >= MAX_PIPELINE:
            raise Refused(400, "Too many requests at once")
        if len(headers) > MAX_HEADERS or (
            self._first + self._received > MAX_HEAD
            and sum(len(name) + len(value) + 4 for name, value in headers) > MAX_HEAD
        ):
            raise Refused(431)
        if len(self.url) > MAX_URL:
            raise Refused(414)
        hosts = 0
        coded = False
        for name, value in headers:
            if name == b"host":
                hosts += 1
            elif name == b"transfer-encoding":
                coded = True
                if value.lower() != b"chunked":
                    raise Refused(400, "The only Transfer-Encoding here is chunked")
            elif name == b"content-length" and int(value) > MAX_MESSAGE:
                raise Refused(413)  # such a body is not drained, so no request can follow it
        version = self.parser.get_http_version()
        if version == "1.1":
            if hosts != 1:
                raise Refused(400, "A request has one Host field")  # RFC 9112 §3.2
        elif version != "1.0" or hosts > 1 or coded:
            raise Refused(400, "HTTP/1.1 is spoken here")  # RFC 9112 §6.1 on Transfer-Encoding in HTTP/1.0

    @property
    def _idle(self) -> bool:
        return self.cycle is None or self.cycle.response_complete

    def _refuse(self, refused: Refused) -> None:
        """Send the refusal and close. It waits for the responses to earlier requests on this connection."""
        self._deaf, self._received = True, 0
        cycle = self.cycle
        if self._idle and cycle is not None and cycle.more_body and not self._heading:
            self._end()  # the rest of a body, after the response
        elif not self._idle and not (cycle.more_body and not cycle.response_started):
            cycle.keep_alive = False  # earlier requests are answered; then the connection is closed
        elif self.pipeline:
            self.pipeline[0] = (cycle, self._answering(refused))
        else:
            request_id = None
            if not self._idle:
                request_id = cast("str | None", cycle.scope.get("request_id"))
                cycle.disconnected = True
                cycle.waiting_for_100_continue = False
                cycle.message_event.set()
                cycle.scope["state"]["refused"] = True  # the application's response is not sent
            self._write(refused, request_id)
        self.flow.resume_reading()  # it may be paused for the body that is now drained

    def _write(self, refused: Refused, request_id: str | None) -> None:
        headers, body = self._rendered(refused, request_id)
        fields = b"".join(b"%s: %s\r\n" % field for field in (*self.server_state.default_headers, *headers))
        self.transport.write(STATUS_LINE[refused.status] + fields + b"\r\n" + body)
        # Not closed at once, for the reason given in _end. The client closes, or _look disconnects it.
        self.transport.write_eof()

    def _answering(self, refused: Refused) -> Any:
        async def refuse(scope: Scope, receive: Receive, send: Send) -> None:
            headers, body = self._rendered(refused, None)
            await send({"type": "http.response.start", "status": refused.status, "headers": headers})
            await send({"type": "http.response.body", "body": body})

        return refuse

    def _rendered(self, refused: Refused, request_id: str | None) -> tuple[Headers, bytes]:
        render: Renderer = self.app_state.get(RENDERER, bare)
        client = None if self.client is None else self.client[0]
        headers, body = render(refused.status, refused.detail, client, request_id)
        return [*headers, (b"connection", b"close")], body

    def _look(self) -> None:
        """Runs every 5 s. A client that made no progress since the last runs gets 408 or is disconnected."""
        self._timer = self.loop.call_later(self.look_every, self._look)
        owed = self._what_is_owed()
        self._times = self._times + 1 if owed is not None and owed == self._owed else 0
        self._owed = owed
        if owed is None or self._times < self.patience[owed[0]]:
            return
        if owed[0] in ("reading", "leaving", "rest") or (owed[0] == "head" and not self._heading):
            self.transport.abort()
        else:
            self._refuse(Refused(408))

    def _what_is_owed(self) -> tuple[str, object] | None:
        """What the client is expected to do, and for which request. None while the service has to act."""
        if unread := self.transport.get_write_buffer_size():
            return "reading", unread
        if self._idle and self.cycle is not None and self.cycle.more_body:
            return "rest", self.cycle  # send the rest of a body, after the response
        if self._deaf and (self._idle or self.cycle.disconnected):
            return "leaving", None
        if self._idle:
            return ("head", self.cycle) if self._heading or self.timeout_keep_alive_task is None else None
        return ("body", self.cycle) if self.cycle.more_body else None


def _refusal_of(error: httptools.HttpParserError) -> Refused:
    """The refusal that a callback raised inside the parser. Its traceback is dropped: it refers to the connection."""
    cause = error.__context__
    return cause.with_traceback(None) if isinstance(cause, Refused) else Refused(400)
