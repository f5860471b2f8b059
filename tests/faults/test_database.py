"""Database faults under load: no acknowledged change is lost, and none is made twice."""

import asyncio
import os
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio

from taskward.database.migrate import upgrade
from taskward.embedded import EmbeddedPostgres
from tests.support.load import Ledger, People
from tests.support.postgres_faults import (
    CUT,
    NO_SPACE,
    SETTINGS,
    SPACE,
    administrator,
    pgbouncer,
    replica_of,
    stopped,
)
from tests.support.service import Service, eventually, serving
from tokenward.testing import Issuer

RECOVERY = 2.0
"""Seconds from the database's return to the first good answer, whatever the outage was."""

PATH = f"{os.environ['PATH']}:/usr/sbin"  # Debian's place for PgBouncer

Report = Callable[..., None]


@pytest_asyncio.fixture(scope="module")
async def keys() -> AsyncIterator[tuple[Issuer, str]]:
    issuer = Issuer()
    async with issuer.serve() as url:
        yield issuer, url


@pytest_asyncio.fixture(scope="module")
async def postgres(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[EmbeddedPostgres]:
    """A server that these tests may hurt. What it has acknowledged is on its way to the disk, as in production."""
    folder = tmp_path_factory.mktemp("postgres")
    server = EmbeddedPostgres(folder / "server", settings=SETTINGS)
    await asyncio.to_thread(server.start)
    try:
        await asyncio.to_thread(upgrade, server.url())
        yield server
    finally:
        await asyncio.to_thread(server.stop)


@pytest_asyncio.fixture(scope="module")
async def service(
    keys: tuple[Issuer, str], postgres: EmbeddedPostgres, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Service]:
    """One service for all of these faults, never restarted: each finds it as the one before has left it."""
    folder = tmp_path_factory.mktemp("service")
    async with serving(*keys, postgres.url(), folder, DATABASE_TIMEOUT="1", DATABASE_POOL_SIZE="5") as service:
        yield service
        assert service.process.poll() is None
        assert "Traceback" not in service.said()


@pytest.fixture
def people(keys: tuple[Issuer, str], service: Service) -> People:
    return People(keys[0], [service.url])


async def recovered(service: Service, token: str) -> float:
    """Seconds until a task can be written again."""
    async with service.client(token) as client:

        async def writes() -> bool:
            return (await client.post("/api/me/tasks", json={"title": "back"})).status_code == 201

        return await eventually(writes)


async def unavailable(ledger: Ledger, more: int = 5) -> None:
    """Return once this many more requests have been told to come back later."""
    wanted = ledger.statuses[503] + more

    async def told() -> bool:
        return ledger.statuses[503] >= wanted

    await eventually(told)


def assert_nothing_is_wrong(found: dict[str, int], ledger: Ledger) -> None:
    assert not ledger.wrong, ledger.wrong[:5]
    assert ledger.lost == 0
    assert (found["missing"], found["doubled"]) == (0, 0)
    assert found["acknowledged"] > 20


async def hurt(
    people: People,
    service: Service,
    token: str,
    fault: Callable[[Ledger], Awaitable[None]],
    reliability: Report,
    name: str,
) -> None:
    """People work, the fault comes and goes, they work on; then everything is looked up and repeated."""
    async with people.at_work() as ledger:
        await people.successes()
        await fault(ledger)
        seconds = await recovered(service, token)
        await people.successes()
    found = await people.audit()
    reliability(name, **found, recovery_s=round(seconds, 2))
    assert_nothing_is_wrong(found, ledger)
    assert seconds < RECOVERY


async def test_a_killed_database_loses_no_promise_and_is_found_again(
    people: People, service: Service, keys: tuple[Issuer, str], postgres: EmbeddedPostgres, reliability: Report
) -> None:
    async def killed(ledger: Ledger) -> None:
        await asyncio.to_thread(postgres.kill)
        await unavailable(ledger)
        await asyncio.to_thread(postgres.start)

    await hurt(people, service, keys[0].token("z"), killed, reliability, "PostgreSQL killed (SIGKILL) and restarted")


@pytest.mark.parametrize(
    "seconds", [pytest.param(1.5, id="briefly"), pytest.param(10, id="ten-seconds", marks=pytest.mark.torture)]
)
async def test_a_database_that_stands_still_is_unavailable_and_goes_on_where_it_stopped(
    people: People,
    service: Service,
    keys: tuple[Issuer, str],
    postgres: EmbeddedPostgres,
    reliability: Report,
    seconds: float,
) -> None:
    async def stands_still(ledger: Ledger) -> None:
        with stopped(postgres):
            await unavailable(ledger)
            await asyncio.sleep(seconds)  # the fault itself: how long it lasts

    name = f"PostgreSQL stopped (SIGSTOP) for {seconds:g} s"
    await hurt(people, service, keys[0].token("z"), stands_still, reliability, name)


async def test_connections_cut_by_an_administrator_are_made_anew(
    people: People, service: Service, keys: tuple[Issuer, str], postgres: EmbeddedPostgres, reliability: Report
) -> None:
    async def cut(ledger: Ledger) -> None:
        async with administrator(postgres) as root:
            for _ in range(5):
                assert await root.fetchval(CUT) > 0
                await people.successes(5)

    await hurt(people, service, keys[0].token("z"), cut, reliability, "Connections cut by an administrator, 5 times")


async def test_a_full_disk_is_unavailable_and_not_a_crash(
    people: People, service: Service, keys: tuple[Issuer, str], postgres: EmbeddedPostgres, reliability: Report
) -> None:
    async def full(ledger: Ledger) -> None:
        async with administrator(postgres) as root:
            await root.execute(NO_SPACE)
            await unavailable(ledger)
            await root.execute(SPACE)

    await hurt(people, service, keys[0].token("z"), full, reliability, "Disk full (SQLSTATE 53100)")


async def test_a_database_that_has_become_read_only_is_left_for_one_that_is_not(
    people: People, service: Service, keys: tuple[Issuer, str], postgres: EmbeddedPostgres, reliability: Report
) -> None:
    async def read_only(ledger: Ledger) -> None:
        async with administrator(postgres, "postgres") as root:
            await root.execute("ALTER DATABASE taskward SET default_transaction_read_only = on")
            await root.fetchval(CUT)
            await unavailable(ledger)
            async with service.client(keys[0].token("person-0")) as client:
                assert (await client.get("/api/me/tasks")).status_code == 200  # what can be answered still is
            # No connection is cut this time: those opened while it was read-only would stay so.
            await root.execute("ALTER DATABASE taskward RESET default_transaction_read_only")

    await hurt(people, service, keys[0].token("z"), read_only, reliability, "Read-only database (SQLSTATE 25006)")


@pytest.mark.torture
async def test_a_server_without_free_connections_is_unavailable_until_there_are_some(
    people: People, service: Service, keys: tuple[Issuer, str], postgres: EmbeddedPostgres, reliability: Report
) -> None:
    async def crowded(ledger: Ledger) -> None:
        async with administrator(postgres) as root:
            await root.execute("ALTER ROLE taskward CONNECTION LIMIT 0")
            await root.fetchval(CUT)
            await unavailable(ledger)
            await root.execute("ALTER ROLE taskward CONNECTION LIMIT -1")

    await hurt(people, service, keys[0].token("z"), crowded, reliability, "No connection left (SQLSTATE 53300)")


async def test_a_statement_that_waits_for_a_lock_ends_in_time_and_leaves_nothing_running(
    service: Service, keys: tuple[Issuer, str], postgres: EmbeddedPostgres, reliability: Report
) -> None:
    async with service.client(keys[0].token("lock")) as client, administrator(postgres) as root:
        task = (await client.post("/api/me/tasks", json={"title": "held"})).json()
        path = f"/api/me/tasks/{task['id']}"
        async with root.transaction():
            await root.execute("SELECT FROM tasks WHERE id = $1 FOR UPDATE", task["id"])
            answer = await client.patch(path, json={"title": "changed"})
            assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
            assert answer.elapsed.total_seconds() < 10
            assert (await client.get(path)).json() == task  # readers do not wait for writers

            async def nobody_waits() -> bool:
                waiting = "SELECT count(*) FROM pg_stat_activity WHERE usename = 'taskward' AND state = 'active'"
                return bool(await root.fetchval(waiting) == 0)

            await eventually(nobody_waits)
        assert (await client.get(path)).json() == task  # the statement that was given up did not run afterwards
        assert (await client.patch(path, json={"title": "changed"})).status_code == 200
    reliability("Slow statement (row locked)", requests=5, unavailable=1, missing=0, doubled=0, wrong=0)


async def test_an_exhausted_pool_answers_503_with_retry_after_and_recovers(
    people: People, service: Service, keys: tuple[Issuer, str], postgres: EmbeddedPostgres, reliability: Report
) -> None:
    async def exhausted(ledger: Ledger) -> None:
        async with administrator(postgres) as root, root.transaction():
            await root.execute("LOCK TABLE tasks IN ACCESS EXCLUSIVE MODE")  # every statement waits, all are taken
            await unavailable(ledger, more=10)

    await hurt(people, service, keys[0].token("z"), exhausted, reliability, "Pool exhausted (every connection waits)")


async def test_readiness_follows_the_database(service: Service, postgres: EmbeddedPostgres) -> None:
    async with httpx.AsyncClient(base_url=service.url, trust_env=False, timeout=30) as client:
        assert (await client.get("/readyz")).status_code == 200
        await asyncio.to_thread(postgres.kill)

        async def not_ready() -> bool:
            return (await client.get("/readyz")).status_code == 503

        await eventually(not_ready)
        answer = await client.get("/readyz")
        assert (answer.json()["code"], answer.headers["retry-after"]) == ("database_unavailable", "1")
        assert (await client.get("/healthz")).status_code == 200  # restarting the process would not bring it back
        await asyncio.to_thread(postgres.start)

        async def ready() -> bool:
            return (await client.get("/readyz")).status_code == 200

        assert await eventually(ready) < RECOVERY


@pytest_asyncio.fixture
async def pair(tmp_path: Path) -> AsyncIterator[tuple[EmbeddedPostgres, EmbeddedPostgres]]:
    """A primary that acknowledges what its streaming replica has written, and that replica."""
    settings = {**SETTINGS, "synchronous_standby_names": "*"}
    primary = EmbeddedPostgres(tmp_path / "primary", settings=SETTINGS)
    await asyncio.to_thread(primary.start)
    await asyncio.to_thread(upgrade, primary.url())
    await asyncio.to_thread(primary.stop)
    replica = replica_of(primary, tmp_path / "replica")
    primary = EmbeddedPostgres(primary.folder, primary.port, settings=settings)
    try:
        await asyncio.to_thread(primary.start)
        await asyncio.to_thread(replica.start)
        yield primary, replica
    finally:
        await asyncio.to_thread(replica.stop)
        await asyncio.to_thread(primary.kill)


def naming_both(primary: EmbeddedPostgres, replica: EmbeddedPostgres) -> str:
    return primary.url().replace(f":{primary.port}/", f":{primary.port},127.0.0.1:{replica.port}/")


@pytest.mark.parametrize("how", ["killed", pytest.param("stands still", marks=pytest.mark.torture)])
async def test_a_promoted_replica_takes_over_without_a_restart(
    pair: tuple[EmbeddedPostgres, EmbeddedPostgres],
    keys: tuple[Issuer, str],
    tmp_path: Path,
    reliability: Report,
    how: str,
) -> None:
    primary, replica = pair
    async with serving(*keys, naming_both(*pair), tmp_path, DATABASE_TIMEOUT="3") as service:
        people = People(keys[0], [service.url])
        async with people.at_work() as ledger:
            await people.successes()
            async with administrator(replica) as root:
                if how == "killed":
                    await asyncio.to_thread(primary.kill)
                    await unavailable(ledger)
                    await root.fetchval("SELECT pg_promote()")
                    seconds = await recovered(service, keys[0].token("z"))
                    await people.successes()
                else:
                    with stopped(primary):
                        await unavailable(ledger)
                        await root.fetchval("SELECT pg_promote()")
                        seconds = await recovered(service, keys[0].token("z"))
                        await people.successes()
                        await asyncio.to_thread(primary.kill)  # what an operator does: no two primaries
        found = await people.audit()
        reliability(f"Failover to a promoted replica (primary {how})", **found, recovery_s=round(seconds, 2))
        assert_nothing_is_wrong(found, ledger)
        assert seconds < (RECOVERY if how == "killed" else 3 * RECOVERY)  # a silent host is asked first, and waited for


needs_pgbouncer = pytest.mark.skipif(
    shutil.which("pgbouncer", path=PATH) is None and "CI" not in os.environ,
    reason="PgBouncer is not installed (apt-get install pgbouncer)",
)


@needs_pgbouncer
async def test_services_that_share_a_pooler_never_get_each_others_answers(
    postgres: EmbeddedPostgres, keys: tuple[Issuer, str], tmp_path: Path, reliability: Report
) -> None:
    import asyncpg

    mixed: list[Any] = []

    async def stranger(url: str, number: int, done: asyncio.Event) -> int:
        """Another program on the same pooler, whose statements take the same kinds of arguments as ours."""
        connection = await asyncpg.connect(url, statement_cache_size=0)
        asked = 0
        while not done.is_set():
            asked += 1
            word = f"{number}-{asked}"
            got = await connection.fetchval(f"SELECT $1::varchar || ' of {number}'", word)
            if got != f"{word} of {number}":
                mixed.append(got)
        await connection.close()
        return asked

    with pgbouncer(postgres, tmp_path) as url:
        async with (
            serving(*keys, url, tmp_path, DATABASE_POOL_SIZE="8") as one,
            serving(*keys, url, tmp_path, DATABASE_POOL_SIZE="8") as other,
        ):
            people = People(keys[0], [one.url, other.url], people=12)
            done = asyncio.Event()
            async with asyncio.TaskGroup() as group:
                strangers = [group.create_task(stranger(url, number, done)) for number in range(4)]
                async with people.at_work() as ledger:
                    await people.successes(150)
                done.set()
            found = await people.audit()
    asked = sum(task.result() for task in strangers)
    reliability("Two services and a stranger behind PgBouncer (transaction mode)", **found, strangers=asked)
    assert mixed == []
    assert_nothing_is_wrong(found, ledger)
    assert ledger.statuses[503] == 0
