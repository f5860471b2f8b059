"""``GET /{user_id}/events``: a person's changes as server-sent events, until the token expires or is revoked."""

import asyncio
import contextlib
import re
from collections.abc import Callable

import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from taskward.api import described as say
from taskward.api.openapi import Resource, operation
from taskward.api.request import EVENT_STREAM, fields, query
from taskward.api.routing import Endpoint, ResourceRoute
from taskward.problems import Invalid
from taskward.tasks.changes import Changes, Stream
from tokenward import Clock, Identity

COMMENT_SECONDS = 15.0
SEND_SECONDS = 10.0
"""A client that reads nothing for this long is disconnected."""

_ORIGIN = re.compile(r"[A-Za-z0-9._-]{1,64}")
_HEADERS = [(b"content-type", f"{EVENT_STREAM}; charset=utf-8".encode()), (b"x-accel-buffering", b"no")]


class EventStream:
    """The response: ``ready`` first, then ``tasks`` and ``reset`` events, and a comment every 15 s.

    ``holds`` says whether the token would still be accepted. It is called at least every 15 s.
    """

    status_code = 200

    def __init__(
        self, changes: Changes, stream: Stream, identity: Identity, holds: Callable[[Identity], bool], clock: Clock
    ) -> None:
        self._changes, self._stream = changes, stream
        self._identity, self._holds, self._clock = identity, holds, clock

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        scope.get("state", {})["endless"] = True  # read by server/connection.py
        watch = asyncio.create_task(self._until_gone(receive))
        try:
            await send({"type": "http.response.start", "status": 200, "headers": list(_HEADERS)})
            await self._changes.begin(self._stream)
            await self._write(send, b"event: ready\ndata: {}\n\n")
            while self._goes_on():
                left = max(0.0, self._identity.valid_until - self._clock.wall())
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(min(COMMENT_SECONDS, left)):
                        await self._stream.woken.wait()
                    self._stream.woken.clear()
                    if self._goes_on():
                        await self._write_news(send)
                    continue
                if self._goes_on():
                    await self._write(send, b":\n\n")
            await send({"type": "http.response.body", "body": b"", "more_body": False})
        finally:
            self._changes.close(self._stream)
            watch.cancel()

    def _goes_on(self) -> bool:
        return (
            not self._stream.ended and self._clock.wall() < self._identity.valid_until and self._holds(self._identity)
        )

    async def _write_news(self, send: Send) -> None:
        stream = self._stream
        if stream.reset:
            news = b"event: reset\ndata: {}\n\n"
        elif stream.many:
            news = b"event: tasks\ndata: {}\n\n"
        elif stream.ids:
            news = b"event: tasks\ndata: %b\n\n" % orjson.dumps({"ids": list(stream.ids)})
        else:
            return
        stream.reset = stream.many = False
        stream.ids = set()
        await self._write(send, news)

    async def _write(self, send: Send, piece: bytes) -> None:
        """Send one piece. uvicorn waits here while its write buffer is full; after 10 s the stream ends."""
        try:
            async with asyncio.timeout(SEND_SECONDS):
                await send({"type": "http.response.body", "body": piece, "more_body": True})
        except TimeoutError:
            self._stream.end()

    async def _until_gone(self, receive: Receive) -> None:
        while (await receive())["type"] != "http.disconnect":
            pass
        self._stream.end()


class Streams:
    """Opens event streams. ``holds`` says whether a verified token has not been revoked since."""

    def __init__(self, changes: Changes, holds: Callable[[Identity], bool], clock: Clock) -> None:
        self.changes, self._holds, self._clock = changes, holds, clock

    def answer(self, identity: Identity, origin: str | None) -> EventStream:
        """The response for a new stream. Raises Problem: too many streams, or shutting down."""
        stream = self.changes.open(identity.subject, origin)
        return EventStream(self.changes, stream, identity, self._holds, self._clock)


def origin(request: Request) -> str | None:
    """The browser tab that a change comes from: the X-Origin header, or None if it is absent or invalid."""
    value = "".join(fields(request, b"x-origin")[:1])
    return value if _ORIGIN.fullmatch(value) else None


def _origin_of_stream(request: Request) -> str | None:
    """The browser tab whose own changes the stream leaves out. Raises Invalid."""
    given, errors = query(request, "origin")
    value = given.get("origin")
    if value is not None and not _ORIGIN.fullmatch(value):
        errors.append({"field": "origin", "message": "must be 1 to 64 letters, digits, dots, underscores or hyphens"})
    if errors:
        raise Invalid(errors)
    return value


class Events(Endpoint):
    """``/{user_id}/events``"""

    @operation(
        "streamEvents",
        "Receive changes as server-sent events",
        {
            200: {
                "description": "Server-sent events: `ready` first; `tasks` after changes, with the ids or `{}` "
                "for many; `reset` after a gap. Ends when the token expires or is revoked.",
                "headers": {"X-Request-Id": say.ref("headers", "request_id")},
                "content": {EVENT_STREAM: {"schema": {"type": "string"}}},
            }
        },
        422,
        parameters=[say.ref("parameters", "origin")],
    )
    async def get(self, request: Request) -> Response:
        origin = _origin_of_stream(request)
        if request.method == "HEAD":
            return Response(media_type=EVENT_STREAM)
        streams: Streams = request.scope["streams"]
        return streams.answer(request.scope["user"], origin)  # type: ignore[return-value]  # an ASGI answer with a status


EVENTS = Resource(
    tag="events",
    description="Changes as they happen",
    routes=[ResourceRoute("/{user_id}/events", Events)],
    schemas={},
    parameters={
        "origin": say.query(
            "origin",
            {"type": "string", "pattern": "^[A-Za-z0-9._-]{1,64}$"},
            "An id of the browser tab. Changes sent with this value in `X-Origin` cause no event.",
        )
    },
)
