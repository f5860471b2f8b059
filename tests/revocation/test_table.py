"""The table as tokenward uses it: written by a receiver, bounded in memory."""

from __future__ import annotations

import time

import asyncpg
import pytest

from taskward.database.aside import connector
from tests.revocation.conftest import Start
from tests.support.revocations import REVOKE, seconds_until
from tokenward import Clock
from tokenward.revocation import Revocation
from tokenward.revocation.listener import Listener
from tokenward.revocation.postgres import PostgresRevocations


async def test_what_a_receiver_writes_is_refused_at_every_replica_within_a_second(
    start: Start, database: asyncpg.Connection, database_url: str
) -> None:
    replicas = [await start(), await start()]
    people = [await one.person("ada", sid="phone") for one in replicas]
    for client in people:
        assert (await client.get("/api/me/tasks")).status_code == 200
    writer = PostgresRevocations(Listener(connector(database_url)))
    await writer.revoke([])
    await writer.revoke([Revocation("sid", "phone", time.time(), time.time() + 900, replicas[0].issuer.url)])
    assert len(writer) == 1
    for client in people:
        assert await seconds_until(client, 401) < 1
    row = await database.fetchrow("SELECT kind, value, expires_at > now() AS holds FROM auth.revocations")
    assert row is not None
    assert tuple(row) == ("sid", "phone", True)


async def test_a_revocation_that_cannot_be_written_raises_and_ends_nothing(
    database: asyncpg.Connection, database_url: str
) -> None:
    writer = PostgresRevocations(Listener(connector(database_url)))
    with pytest.raises(asyncpg.CheckViolationError):
        await writer.revoke([Revocation("sid", "a", 1, 9e9), Revocation("all", "b", 1, 9e9)])  # type: ignore[arg-type]  # no such kind
    assert len(writer) == 0
    assert await database.fetchval("SELECT count(*) FROM auth.revocations") == 0


async def test_more_rows_than_may_be_held_are_no_look_until_there_are_fewer(
    database: asyncpg.Connection, database_url: str
) -> None:
    reader = PostgresRevocations(Listener(connector(database_url)), max_entries=10)
    for number in range(11):
        await database.execute(REVOKE, "sid", f"s{number}")
    await reader.read()
    assert reader.problem == "more than 10 revocations"
    assert reader.lag > 1e6
    await database.execute("DELETE FROM auth.revocations WHERE value = 's0'")
    await reader.read()
    assert reader.problem is None
    assert len(reader) == 10


class Slept(Clock):
    """A machine that slept: its monotonic clock stood still."""

    asleep = 0.0

    def wall(self) -> float:
        return time.time() + self.asleep


async def test_a_machine_that_slept_is_out_of_step_until_it_has_looked(
    database: asyncpg.Connection, database_url: str
) -> None:
    clock = Slept()
    reader = PostgresRevocations(Listener(connector(database_url)), clock=clock)
    await reader.read()
    assert reader.lag < 1
    clock.asleep = 60
    assert reader.lag > 59
    await reader.read()
    assert reader.lag < 1
