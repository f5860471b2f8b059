"""The listening connection: one that died without a sign is replaced within a second, one that is slow is kept."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import urlsplit

import asyncpg

from taskward.database.aside import connector
from tests.revocation.replicas import Wire
from tests.support.revocations import REVOKE, kill_listeners
from tokenward import Clock, Identity
from tokenward.revocation.listener import LATE, REST, Listener
from tokenward.revocation.postgres import PAGE, PostgresRevocations


async def until(holds: Callable[[], bool], limit: float = 10) -> float:
    """Seconds until this holds."""
    started = time.monotonic()
    while not holds():
        assert time.monotonic() - started < limit
        await asyncio.sleep(0.005)
    return time.monotonic() - started


class Reader:
    """Revocations that are read through a wire, and how often the listener began anew."""

    def __init__(self, wire: Wire, url: str) -> None:
        self.wire = wire
        self.listener = Listener(connector(url))
        self.revocations = PostgresRevocations(self.listener, max_lag=5)
        self.gaps = 0
        self.heard: list[str] = []
        self.listener.look(self._look)
        self.listener.on("spoken", self.heard.append)

    async def _look(self, _session: object, anew: bool) -> None:
        self.gaps += anew

    async def seconds_until(self, sid: str, limit: float = 10) -> float:
        """How long until the revocation of this session is known."""
        identity: Identity = Identity("ada", "", 0, 0, {}, {"sid": sid, "iat": 0})
        return await until(lambda: self.revocations.is_revoked(identity), limit)

    async def in_step(self) -> None:
        await until(lambda: self.listener.listening)


@asynccontextmanager
async def reading(database_url: str) -> AsyncIterator[Reader]:
    port = urlsplit(database_url).port
    assert port is not None
    wire = Wire(port)
    async with wire.served() as between:
        reader = Reader(wire, database_url.replace(f":{port}/", f":{between}/"))
        await reader.listener.start()
        try:
            await reader.in_step()
            yield reader
        finally:
            await reader.listener.close()


async def test_a_connection_that_died_without_a_sign_is_replaced_within_a_second(
    database: asyncpg.Connection, database_url: str
) -> None:
    async with reading(database_url) as reader:
        for number in range(3):
            await reader.in_step()
            reader.wire.cut()
            await database.execute(REVOKE, "sid", f"s{number}")
            assert await reader.seconds_until(f"s{number}") < 1
        assert reader.gaps == 4
        assert reader.revocations.problem is None


async def test_a_slow_server_costs_no_connection_and_no_gap(database: asyncpg.Connection, database_url: str) -> None:
    async with reading(database_url) as reader:
        reader.wire.delay = 2 * LATE  # an answer is late; a new connection would take several of them
        await asyncio.sleep(6 * LATE)
        await database.execute(REVOKE, "sid", "slow")
        assert await reader.seconds_until("slow") < 4
        reader.wire.delay = 0
        await database.execute(REVOKE, "sid", "fast")
        await reader.seconds_until("fast")
        assert reader.gaps == 1
        assert reader.listener.problem is None


async def test_a_server_that_was_slow_for_longer_than_it_takes_to_connect_is_not_asked_for_ever_anew(
    database: asyncpg.Connection, database_url: str
) -> None:
    async with reading(database_url) as reader:
        await database.execute(
            "CREATE FUNCTION slow() RETURNS bigint LANGUAGE sql AS 'SELECT count(*) FROM pg_sleep(0.6)'"
        )

        async def ask(session: object, _anew: bool) -> None:
            await session.fetch("SELECT slow()")  # type: ignore[attr-defined]  # a Session, or what takes its place

        reader.listener.look(ask)
        await asyncio.sleep(4)
        before = reader.wire.accepted
        await database.execute(REVOKE, "sid", "late")
        assert await reader.seconds_until("late") < 3
        await asyncio.sleep(2)
        assert reader.wire.accepted - before <= 4


async def test_notifications_arrive_through_the_connection_that_took_the_place(
    database: asyncpg.Connection, database_url: str
) -> None:
    async with reading(database_url) as reader:
        reader.wire.cut()
        assert not await reader.listener.notify("spoken", "lost")
        await until(lambda: reader.gaps == 2)
        assert await reader.listener.notify("spoken", "said")
        await until(lambda: reader.heard == ["said"])


async def test_more_rows_than_a_page_are_all_read_whether_new_or_whole(
    database: asyncpg.Connection, database_url: str
) -> None:
    many = 2 * PAGE + 7
    insert = (
        "INSERT INTO auth.revocations (kind, value, not_before, expires_at)"
        " SELECT (ARRAY['sid', 'sub', 'grant'])[n % 3 + 1], $1 || n, now(), now() + interval '1 hour'"
        " FROM generate_series(1, $2::int) n"
    )
    await database.execute(insert, "old", many)
    # Numbers between them were given out and never committed, and some rows have expired.
    await database.execute("SELECT setval(pg_get_serial_sequence('auth.revocations', 'id'), 900000)")
    await database.execute("UPDATE auth.revocations SET expires_at = now() WHERE id <= 10")
    async with reading(database_url) as reader:
        assert len(reader.revocations) == many - 10
        await database.execute(insert, "new", many)
        await until(lambda: len(reader.revocations) == 2 * many - 10)
        await kill_listeners(database)
        await until(lambda: reader.gaps == 2)
        await asyncio.sleep(1)  # the whole list is read at the next look
        assert len(reader.revocations) == 2 * many - 10


async def test_a_flood_of_notifications_makes_no_flood_of_looks(
    database: asyncpg.Connection, database_url: str
) -> None:
    async with reading(database_url) as reader:
        looks = 0

        async def count(_session: object, _anew: bool) -> None:
            nonlocal looks
            looks += 1

        reader.listener.look(count)
        started = time.monotonic()
        while time.monotonic() - started < 1:
            await database.execute("NOTIFY taskward_revocations")
        assert looks <= 1 / REST + 2
        await database.execute(REVOKE, "sid", "in the flood")
        assert await reader.seconds_until("in the flood") < 1


class Later(Clock):
    ahead = 0.0

    def monotonic(self) -> float:
        return time.monotonic() + self.ahead


class Named:
    """A connection to the server of this name, as the reader sees it."""

    def __init__(self, connection: asyncpg.Connection, name: str) -> None:
        self._connection, self._name = connection, name

    def __getattr__(self, attribute: str) -> Any:
        return getattr(self._connection, attribute)

    async def fetch(self, *asked: Any) -> list[Any]:
        rows = await self._connection.fetch(*asked)
        return [{**row, "server": self._name} for row in rows] if rows and "server" in rows[0] else rows


async def test_after_a_failover_ids_that_are_given_out_again_are_seen(
    database: asyncpg.Connection, database_url: str
) -> None:
    names = iter(("primary", "standby"))

    async def connect() -> Any:
        return Named(await connector(database_url)(), next(names))

    async def next_id(number: int) -> None:
        await database.execute("SELECT setval(pg_get_serial_sequence('auth.revocations', 'id'), $1::bigint)", number)

    def known(sid: str) -> bool:
        return reader.is_revoked(Identity("ada", "", 0, 0, {}, {"sid": sid, "iat": 0}))

    clock = Later()
    listener = Listener(connect)
    reader = PostgresRevocations(listener, clock=clock)
    await next_id(1000)
    await database.execute(REVOKE, "sid", "lost")
    await listener.start()
    await until(lambda: known("lost"))
    for _ in range(2):  # whole readings: the first ids are not looked at again
        clock.ahead += 61
        await until(lambda: reader.lag < 1)
    await database.execute("DELETE FROM auth.revocations")  # the standby never had it
    await next_id(900)
    await kill_listeners(database)
    await until(lambda: not known("lost"))
    for sid in ("first", "second"):
        await database.execute(REVOKE, "sid", sid)
        await until(lambda sid=sid: known(sid), 2)  # type: ignore[misc]  # bound now
    await listener.close()


async def test_a_standby_is_no_source_of_revocations(database: asyncpg.Connection, database_url: str) -> None:
    class Standby(Named):
        async def fetch(self, *asked: Any) -> list[Any]:
            rows = await super().fetch(*asked)
            return [{**row, "standby": True} for row in rows] if rows and "standby" in rows[0] else rows

    async def connect() -> Any:
        connection = await connector(database_url)()
        return Standby(connection, "standby") if moved else Named(connection, "primary")

    moved: list[bool] = []
    reader = PostgresRevocations(Listener(connect))
    await reader.read()
    assert reader.problem is None
    looked = reader.lag
    moved.append(True)
    await reader.read()
    assert reader.problem == "the database is a standby, which may be behind its primary"
    assert reader.lag > looked, "it was no look"
