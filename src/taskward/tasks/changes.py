"""Notifications of changed tasks, from the worker that changed them to the event streams of all workers.

Each worker collects the changes of 100 ms and sends one NOTIFY for all owners on its listening connection. The
transaction that changes a task sends none, because every commit with a NOTIFY takes one lock of the whole server.
"""

import asyncio
import base64
import contextlib
import hashlib
from collections.abc import Awaitable, Callable
from functools import lru_cache
from typing import Any

from taskward.problems import SHUTTING_DOWN, TOO_MANY_STREAMS, Problem
from tokenward.revocation.listener import Listener

CHANNEL = "taskward_changes"
COLLECT_SECONDS = 0.1
RETRY_SECONDS = 0.5
POLL_SECONDS = 0.8
"""Less than the second within which a change is told, because asking takes time as well."""
LAST_SECONDS = 1.0
"""For the last notification of a worker that stops, which takes 100 ms unless the database is away."""
MAX_PAYLOAD = 7900
"""Bytes; PostgreSQL refuses 8000."""
MAX_CHANGES = 10_000
"""Changes in one notification. From that number on it is for all owners."""
MAX_IDS = 50
"""Ids in one event. Above that, the event has no ids and means: many."""
EVERYBODY = "*"

Version = Callable[[str], Awaitable[Any]]
#: A change to be sent: owner, id of the task (None for several) and origin.
Change = tuple[str, str | None, str | None]


class Stream:
    """One open event stream and the news that it has not sent yet. Its size is bounded, even for a slow client."""

    __slots__ = ("ended", "ids", "key", "many", "origin", "owner", "reset", "woken")

    def __init__(self, owner: str, origin: str | None) -> None:
        self.owner, self.key = owner, digest(owner, 16)
        self.origin = digest(origin, 8) if origin else ""
        self.ids: set[str] = set()
        self.many = self.reset = self.ended = False
        self.woken = asyncio.Event()

    def tell(self, ids: list[str]) -> None:
        self.many = self.many or not ids or len(self.ids) + len(ids) > MAX_IDS
        self.ids = set() if self.many else self.ids.union(ids)
        self.woken.set()

    def start_over(self) -> None:
        self.reset = True
        self.woken.set()

    def end(self) -> None:
        self.ended = True
        self.woken.set()


class Changes:
    """The changes that this worker sends and receives, and its open streams.

    ``per_person`` and ``per_worker`` bound the number of open streams. ``version`` returns a value that differs after
    each change of an owner's tasks. Behind a pooler LISTEN does not work; then ``version`` is polled for every
    owner who has a stream.
    """

    def __init__(self, listener: Listener, version: Version, *, per_person: int = 10, per_worker: int = 2000) -> None:
        self._listener = listener
        self._version = version
        self._per_person, self._per_worker = per_person, per_worker
        self._streams: dict[str, set[Stream]] = {}
        self._count = 0
        self._seen: dict[str, Any] = {}  # the version of an owner's tasks that their streams know of
        self._pending: list[Change] = []
        self._sender: asyncio.Task[None] | None = None
        self._poller: asyncio.Task[None] | None = None
        self._leaving = False
        listener.on(CHANNEL, self._heard)
        listener.look(self._look)

    @property
    def streams(self) -> int:
        return self._count

    # Streams

    def open(self, owner: str, origin: str | None) -> Stream:
        """Open a stream. Raises Problem: too many streams, or this process is shutting down."""
        if self._leaving:
            raise Problem(SHUTTING_DOWN)
        stream = Stream(owner, origin)
        mine = self._streams.setdefault(stream.key, set())
        if len(mine) >= self._per_person or self._count >= self._per_worker:
            if not mine:
                del self._streams[stream.key]
            raise Problem(TOO_MANY_STREAMS, headers={"Retry-After": "60"})
        mine.add(stream)
        self._count += 1
        return stream

    async def begin(self, stream: Stream) -> None:
        """Make sure that the stream misses nothing from here on. Await it before the client is told that it is open."""
        if self._listener.pooled and stream.owner not in self._seen:
            with contextlib.suppress(Exception):  # any error, and no time: then the first poll that succeeds tells it
                async with asyncio.timeout(POLL_SECONDS):
                    self._seen.setdefault(stream.owner, await self._version(stream.owner))

    def close(self, stream: Stream) -> None:
        mine = self._streams[stream.key]
        mine.discard(stream)
        self._count -= 1
        if not mine:
            del self._streams[stream.key]
            self._seen.pop(stream.owner, None)

    def wake(self) -> None:
        """Make every stream check its token again: the revocations have changed."""
        for stream in self._all():
            stream.woken.set()

    def leave(self) -> None:
        """End all streams and open no more: this process is shutting down."""
        self._leaving = True
        for stream in self._all():
            stream.end()

    # Telling

    def note(self, owner: str, task_id: str | None, origin: str | None) -> None:
        """Record that a task of this owner changed; None for several. All workers are notified within 100 ms."""
        if len(self._pending) < MAX_CHANGES:
            self._pending.append((owner, task_id, origin))
        if self._sender is None or self._sender.done():
            self._sender = asyncio.create_task(self._send())

    async def _send(self) -> None:
        while self._pending:
            await asyncio.sleep(COLLECT_SECONDS)
            pending, self._pending = self._pending, []
            if not await self._listener.notify(CHANNEL, payload(pending)):
                self._pending = (pending + self._pending)[:MAX_CHANGES]
                await asyncio.sleep(RETRY_SECONDS)

    # Hearing

    def _heard(self, text: str) -> None:
        if text == EVERYBODY:
            for stream in self._all():
                stream.tell([])
            return
        for entry in text.split(";"):
            key, origin, *ids = entry.split(",")
            mine = self._streams.get(key)
            if mine:
                for stream in mine:
                    if not origin or stream.origin != origin:
                        stream.tell(ids)

    async def _look(self, _connection: Any, whole: bool) -> None:
        """After a gap in listening, tell every stream to start over: notifications may be lost."""
        if whole:
            for stream in self._all():
                stream.start_over()

    def _all(self) -> list[Stream]:
        return [stream for mine in self._streams.values() for stream in mine]

    # Polling, behind a pooler

    async def start(self) -> None:
        self._poller = asyncio.create_task(self._poll())

    async def stop(self) -> None:
        """End the streams and wait until the last changes are sent. The listener must still be open."""
        self.leave()
        if self._poller is not None:
            self._poller.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._poller
        if self._sender is not None:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(LAST_SECONDS):
                    await self._sender

    async def _poll(self) -> None:
        while True:
            await asyncio.sleep(POLL_SECONDS)
            owners = {stream.owner for stream in self._all()} if self._listener.pooled else set()
            self._seen = {owner: value for owner, value in self._seen.items() if owner in owners}
            for owner in owners:
                with contextlib.suppress(Exception):  # any error: the next poll that succeeds tells what changed
                    now = await self._version(owner)
                    if owner not in self._seen or self._seen[owner] != now:
                        self._seen[owner] = now
                        for stream in self._streams.get(digest(owner, 16), ()):
                            stream.tell([])


@lru_cache(10_000)
def digest(text: str, size: int) -> str:
    """A short hash of an owner or an origin, so that notifications hold no identifiers."""
    raw = hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=size).digest()
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def payload(changes: list[Change]) -> str:
    """``owner,origin,id,id;owner,origin`` with as many ids as fit, or ``*`` when there are too many changes."""
    if len(changes) >= MAX_CHANGES:
        return EVERYBODY
    found: dict[str, set[str | None]] = {}
    for owner, task_id, origin in changes:
        found.setdefault(f"{digest(owner, 16)},{digest(origin, 8) if origin else ''}", set()).add(task_id)
    room = MAX_PAYLOAD - sum(len(entry) + 1 for entry in found)
    if room < 0:
        return EVERYBODY
    entries = []
    for entry, ids in found.items():
        if None not in ids and len(ids) <= MAX_IDS and len(ids) * 37 <= room:
            room -= len(ids) * 37
            entry = ",".join([entry, *map(str, ids)])
        entries.append(entry)
    return ";".join(entries)
