"""A token ends within a second at every replica; one that is out of step believes no token."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import statistics
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from pathlib import Path

import asyncpg
import pytest
import pytest_asyncio

from taskward.database.aside import connector
from taskward.database.migrate import upgrade
from taskward.embedded import EmbeddedPostgres
from tests.revocation.replicas import NO_DATABASE, Four, Wire, accepted, replicas
from tests.support.postgres_faults import SETTINGS, administrator, pgbouncer, replica_of, stopped
from tests.support.revocations import REVOKE, SCHEMA, SIGN_OUT, kill_listeners, listen, with_revocations
from tests.support.service import eventually
from tokenward.revocation.listener import Listener
from tokenward.revocation.postgres import PostgresRevocations
from tokenward.testing.issuer import Issuer

pytestmark = pytest.mark.torture

LIMIT = 1.0
REPLICAS = 4
TIMES = 500
AT_ONCE = 10
Report = Callable[..., None]


@pytest_asyncio.fixture(scope="module")
async def postgres(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[EmbeddedPostgres]:
    server = EmbeddedPostgres(tmp_path_factory.mktemp("postgres") / "server", settings=SETTINGS)
    await asyncio.to_thread(server.start)
    try:
        await asyncio.to_thread(upgrade, server.url())
        async with with_revocations(server.url()):
            yield server
    finally:
        await asyncio.to_thread(server.stop)


@pytest_asyncio.fixture(scope="module")
async def four(postgres: EmbeddedPostgres, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Four]:
    folder = tmp_path_factory.mktemp("services")
    async with replicas(Issuer(), postgres.url(), postgres.url(), folder, REPLICAS) as made:
        yield made


BAN = 'UPDATE auth."user" SET banned = true WHERE id = $1'
DELETE_PERSON = 'DELETE FROM auth."user" WHERE id = $1'
OF = 'DELETE FROM auth.session WHERE "userId" = $1'
OTHERS = "DELETE FROM auth.session WHERE \"userId\" = $1 AND id <> 'current'"
BY_HAND = "DELETE FROM auth.session WHERE id LIKE $1 || '%'"
EVENTS: dict[str, tuple[str, str]] = {
    "sign-out": (SIGN_OUT, "sid"),
    "sign out there": (f'{SIGN_OUT} AND "userId" IS NOT NULL', "sid"),
    "everywhere": (OF, "sub"),
    "ban": (BAN, "sub"),
    "deletion of the person": (DELETE_PERSON, "sub"),
    "DELETE FROM session by hand": (BY_HAND, "sid"),
    "change of password": (OTHERS, "sub"),
}
"""What Better Auth writes; tests/e2e/test_revocation.py has it write them itself."""


@pytest.mark.parametrize("name", EVENTS)
async def test_five_hundred_of_each_event(name: str, four: Four, reliability: Report) -> None:
    statement, by = EVENTS[name]
    took: list[float] = []

    async def one(number: int) -> float:
        async with turn:
            sub, sid = f"{name}-{number}-p", f"{name}-{number}-s"
            token = await four.signed_in(sub, sid)
            await four.database.execute(statement, sid if by == "sid" else sub)
            committed = time.monotonic()
        return await four.refused(token, committed)

    turn = asyncio.Lock()
    for start in range(0, TIMES, AT_ONCE):
        took += await asyncio.gather(*(one(number) for number in range(start, start + AT_ONCE)))
    reliability(name, events=TIMES, replicas=REPLICAS, worst_s=max(took), median_s=statistics.median(took))
    assert max(took) <= LIMIT


async def test_a_refusal_asks_the_database_nothing(four: Four, postgres: EmbeddedPostgres, reliability: Report) -> None:
    token = await four.signed_in("nothing", "nothing-asked")
    await four.database.execute(SIGN_OUT, "nothing-asked")
    await four.refused(token, time.monotonic())
    with stopped(postgres):  # nobody could answer a query
        statuses = [status for _ in range(50) for status in await four.everywhere(token)]
    reliability("refused while PostgreSQL stands still: queries", events=len(statuses), queries=0)
    assert set(statuses) == {401}
    await four.refused(token, time.monotonic(), allowed=(503,))
    await eventually(lambda: accepted(four))


async def test_a_notification_lost_with_its_listener(four: Four, reliability: Report) -> None:
    took = []
    for number in range(20):
        token = await four.signed_in("lost", f"lost-{number}")
        async with four.database.transaction():
            await four.database.execute(SIGN_OUT, f"lost-{number}")
            assert await kill_listeners(four.database) >= REPLICAS
        took.append(await four.refused(token, time.monotonic()))
    reliability("listeners killed between commit and read", events=20, replicas=REPLICAS, worst_s=max(took))
    assert max(took) <= LIMIT


async def test_ids_committed_out_of_order(four: Four, postgres: EmbeddedPostgres, reliability: Report) -> None:
    took = []
    slow = await asyncpg.connect(postgres.url())
    for number in range(20):
        first = await four.signed_in("order", f"first-{number}")
        second = await four.signed_in("order", f"second-{number}")
        transaction = slow.transaction()
        await transaction.start()
        await slow.execute(SIGN_OUT, f"first-{number}")  # the lower id, committed last
        await four.database.execute(SIGN_OUT, f"second-{number}")
        took.append(await four.refused(second, time.monotonic()))
        assert await four.everywhere(first) == [200] * REPLICAS, "not committed yet"
        await transaction.commit()
        took.append(await four.refused(first, time.monotonic()))
    await slow.close()
    reliability("ids committed out of order", events=len(took), replicas=REPLICAS, worst_s=max(took))
    assert max(took) <= LIMIT


async def test_a_row_without_a_notification_is_read(four: Four, reliability: Report) -> None:
    took = []
    for number in range(10):
        token = await four.signed_in("silent", f"silent-{number}")
        await four.database.execute(REVOKE, "sid", f"silent-{number}")
        took.append(await four.refused(token, time.monotonic()))
    reliability("a row without a notification", events=10, replicas=REPLICAS, worst_s=max(took))
    assert max(took) <= LIMIT


async def test_a_hundred_thousand_in_one_transaction(four: Four, reliability: Report) -> None:
    token = await four.signed_in("many", "many-last")
    async with four.database.transaction():
        await four.database.execute(
            "INSERT INTO auth.session SELECT 'm' || n, 'many', now() + interval '1 day'"
            " FROM generate_series(1, 100000) n"
        )
    await four.database.execute(OF, "many")
    took = await four.refused(token, time.monotonic())
    other = await four.refused(four.issuer.token("many", sid="m50000"), time.monotonic())
    reliability(
        "100,000 sessions ended in one transaction", events=100_000, replicas=REPLICAS, worst_s=max(took, other)
    )
    assert max(took, other) <= LIMIT


async def test_the_event_stream_of_an_ended_session(four: Four, reliability: Report) -> None:
    took = []
    for number in range(50):
        sid = f"stream-{number}"
        token = await four.signed_in(f"stream-{number}", sid)
        client = four.clients[number % REPLICAS]
        async with listen(client, headers={"authorization": f"Bearer {token}"}) as events:
            await four.database.execute(SIGN_OUT, sid)
            committed = time.monotonic()
            while (event := await events.next(5)) is not None:
                assert event[0] == "reset"
            took.append(time.monotonic() - committed)
    reliability("its open event stream ends", events=50, worst_s=max(took), median_s=statistics.median(took))
    assert max(took) <= LIMIT


async def test_a_replica_that_stood_still_believes_no_cached_token(four: Four, reliability: Report) -> None:
    token = await four.signed_in("still", "still")
    process = four.services[0].process
    os.kill(process.pid, signal.SIGSTOP)
    try:
        await four.database.execute(SIGN_OUT, "still")
        await asyncio.sleep(30)  # the fault itself: how long it lasts
        waiting = [asyncio.create_task(four.asked(four.clients[0], token)) for _ in range(20)]
        await asyncio.sleep(0.2)
    finally:
        os.kill(process.pid, signal.SIGCONT)
    resumed = time.monotonic()
    first = await asyncio.gather(*waiting)
    took = await four.refused(token, resumed, allowed=(503,))
    believed = sum(status == 200 for status in first)
    reliability("a replica stopped (SIGSTOP) for 30 s, then asked", events=20, believed=believed, worst_s=took)
    assert believed == 0


async def test_clocks_five_minutes_apart(postgres: EmbeddedPostgres, tmp_path: Path, reliability: Report) -> None:
    for minutes in (-5, 5):
        issuer = Issuer(clock=lambda minutes=minutes: time.time() + 60 * minutes)  # type: ignore[misc]  # bound now
        async with replicas(issuer, postgres.url(), postgres.url(), tmp_path, 1, JWT_LEEWAY="300") as one:
            took = []
            for name, (statement, by) in EVENTS.items():
                sub, sid = f"clocks {minutes}: {name}-p", f"clocks {minutes}: {name}-s"
                token = await one.signed_in(sub, sid)
                await one.database.execute(statement, sid if by == "sid" else sub)
                took.append(await one.refused(token, time.monotonic()))
            reliability(f"the issuer's clock {minutes:+d} minutes", events=len(took), replicas=1, worst_s=max(took))
            assert max(took) <= LIMIT


async def test_workers_that_start_during_the_event_and_all_of_them_restarted(
    postgres: EmbeddedPostgres, four: Four, tmp_path: Path, reliability: Report
) -> None:
    tokens = [await four.signed_in("start", f"start-{number}") for number in range(40)]

    async def sign_out() -> float:
        for number in range(40):
            await four.database.execute(SIGN_OUT, f"start-{number}")
            await asyncio.sleep(0.1)
        return time.monotonic()

    ending = asyncio.create_task(sign_out())
    async with replicas(four.issuer, postgres.url(), postgres.url(), tmp_path, 2) as started:
        committed = max(await ending, time.monotonic())  # ready by now
        took = max(await asyncio.gather(*(started.refused(token, committed) for token in tokens)))
        reliability("workers that start during the events", events=40, replicas=2, worst_s=took)
        assert took <= LIMIT
    async with replicas(four.issuer, postgres.url(), postgres.url(), tmp_path, 2) as again:
        statuses = [status for token in tokens for status in await again.everywhere(token)]
    believed = sum(status == 200 for status in statuses)
    reliability("all restarted, then asked", events=40, replicas=2, believed=believed)
    assert believed == 0


async def test_a_listening_connection_that_is_half_open(
    postgres: EmbeddedPostgres, tmp_path: Path, reliability: Report
) -> None:
    wire = Wire(postgres.port)
    async with wire.served() as port:
        url = postgres.url().replace(f":{postgres.port}/", f":{port}/")
        async with replicas(Issuer(), url, postgres.url(), tmp_path, 1) as one:
            took = []
            for number in range(5):
                sid = f"half-{number}"
                token = await one.signed_in("half", sid)
                wire.cut()
                await one.database.execute(SIGN_OUT, sid)
                committed = believed = time.monotonic()
                while (status := await one.asked(one.clients[0], token, NO_DATABASE)) != 401:
                    assert status in (403, 503)
                    believed = time.monotonic() if status == 403 else believed
                    await asyncio.sleep(0.01)
                took.append(believed - committed)
                await eventually(lambda: accepted(one))
    reliability("the listening connection half open: believed for", events=5, replicas=1, worst_s=max(took))
    assert max(took) <= LIMIT


async def test_a_failover_to_a_standby(tmp_path: Path, reliability: Report) -> None:
    primary = EmbeddedPostgres(tmp_path / "primary", settings=SETTINGS)
    await asyncio.to_thread(primary.start)
    await asyncio.to_thread(upgrade, primary.url())
    connection = await asyncpg.connect(primary.url())
    await connection.execute(SCHEMA)
    await connection.close()
    await asyncio.to_thread(primary.stop)
    standby = replica_of(primary, tmp_path / "standby")
    primary = EmbeddedPostgres(primary.folder, primary.port, settings={**SETTINGS, "synchronous_standby_names": "*"})
    try:
        await asyncio.to_thread(primary.start)
        await asyncio.to_thread(standby.start)
        behind = PostgresRevocations(Listener(connector(standby.url())))

        async def read() -> bool:
            with suppress(asyncpg.PostgresError, OSError):  # it is still starting
                await behind.read()
            return behind.problem == "the database is a standby, which may be behind its primary"

        await eventually(read)
        both = primary.url().replace(f":{primary.port}/", f":{primary.port},127.0.0.1:{standby.port}/")
        async with replicas(Issuer(), both, primary.url(), tmp_path, 2) as two:
            before = await two.signed_in("over", "before")
            after = await two.signed_in("over", "after")
            await two.database.execute(SIGN_OUT, "before")
            await two.refused(before, time.monotonic())
            await asyncio.to_thread(primary.kill)
            statuses = [await two.asked(client, before, NO_DATABASE) for _ in range(20) for client in two.clients]
            believed = sum(status not in (401, 503) for status in statuses)
            async with administrator(standby) as root:
                await root.fetchval("SELECT pg_promote()")
            elsewhere = await asyncpg.connect(standby.url())
            await elsewhere.execute(SIGN_OUT, "after")
            took = await two.refused(after, time.monotonic(), (403, 503), NO_DATABASE)
            statuses = [await two.asked(client, before, NO_DATABASE) for client in two.clients]
            believed += sum(status not in (401, 503) for status in statuses)
            await elsewhere.close()
            await eventually(lambda: accepted(two))
        reliability("failover to a standby: ended before, and after it", events=2, believed=believed, worst_s=took)
        assert believed == 0
        assert took <= 5
    finally:
        await asyncio.to_thread(standby.stop)
        await asyncio.to_thread(primary.kill)


@pytest.mark.skipif(
    shutil.which("pgbouncer", path=f"{os.environ['PATH']}:/usr/sbin") is None and "CI" not in os.environ,
    reason="PgBouncer is not installed (apt-get install pgbouncer)",
)
async def test_pgbouncer_drops_listen_without_an_error(
    postgres: EmbeddedPostgres, tmp_path: Path, reliability: Report
) -> None:
    with pgbouncer(postgres, tmp_path, pool=4) as url:
        async with replicas(Issuer(), url, postgres.url(), tmp_path, 2) as two:
            took = []
            for number in range(20):
                sid = f"bouncer-{number}"
                token = await two.signed_in("bouncer", sid)
                await two.database.execute(SIGN_OUT, sid)
                took.append(await two.refused(token, time.monotonic()))
    reliability("PgBouncer in the DSN (it polls)", events=20, replicas=2, worst_s=max(took))
    assert max(took) <= LIMIT


async def test_missing_triggers_are_said(four: Four, reliability: Report) -> None:
    await four.database.execute('ALTER TABLE auth."user" DISABLE TRIGGER revoke_banned_people')

    def said(wanted: str) -> Callable[[], Awaitable[bool]]:
        async def ask() -> bool:
            answers = [(await client.get("/readyz")).json()["revocations"] for client in four.clients]
            return answers == [wanted] * REPLICAS

        return ask

    await kill_listeners(four.database)
    seconds = await eventually(said("no trigger after UPDATE on auth.user"))
    await four.database.execute('ALTER TABLE auth."user" ENABLE TRIGGER revoke_banned_people')
    await kill_listeners(four.database)
    await eventually(said("in step"))
    reliability("a missing trigger is named by readiness", events=1, replicas=REPLICAS, worst_s=seconds)
