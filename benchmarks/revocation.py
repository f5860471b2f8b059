"""What looking at revocations costs: processor time of a GET of one task with REVOCATIONS off, and on with many rows.

``python -m benchmarks.revocation`` starts a PostgreSQL of its own, calls the service in process and prints µs a request
and the ratio to off: the median of the turns, which the services take in one run, and the fastest; and what
the look-up costs alone. It takes a minute.
"""

import asyncio
import statistics
import tempfile
import timeit
from contextlib import AsyncExitStack
from pathlib import Path

import asyncpg
import httpx
from asgi_lifespan import LifespanManager
from tests.revocation.conftest import SCHEMA

from benchmarks.dpop import Case, call
from taskward.app import create_app
from taskward.database.migrate import upgrade
from taskward.embedded import EmbeddedPostgres
from taskward.operating import log
from taskward.settings import Settings
from tokenward import Identity
from tokenward.revocation import MemoryRevocations, Revocation
from tokenward.testing import Issuer

ROUNDS = 61
ROWS = (0, 10_000, 100_000)
TASKS = "/api/me/tasks"
FILL = """
    INSERT INTO auth.revocations (kind, value, not_before, expires_at)
    SELECT CASE WHEN n % 10 = 0 THEN 'sub' ELSE 'sid' END, 'r' || n, now(), now() + interval '1 hour'
    FROM generate_series(1, $1::int) n
"""


async def prepared(server: EmbeddedPostgres, name: str, rows: int) -> str:
    """A database of its own with so many revocations; its URL."""
    root = await asyncpg.connect(server.url("postgres", "postgres"))
    await root.execute(f"CREATE DATABASE {name} OWNER taskward")
    await root.close()
    url = server.url(name)
    await asyncio.to_thread(upgrade, url)
    database = await asyncpg.connect(url)
    await database.execute(SCHEMA)
    await database.execute(FILL, rows)
    await database.close()
    return url


async def measure(server: EmbeddedPostgres) -> list[Case]:
    issuer = Issuer()
    async with AsyncExitStack() as stack:
        cases = []
        for number, rows in enumerate((None, *ROWS)):
            url = await prepared(server, f"bench_{number}", rows or 0)
            settings = Settings(
                database_url=url,
                jwks_url=issuer.jwks_url,
                jwt_issuer=issuer.url,
                jwt_audience=issuer.audience,
                revocations="off" if rows is None else "database",
                revocations_max_lag=3600,
            )
            app = create_app(settings, http=httpx.AsyncClient(transport=issuer.transport()))
            started = (await stack.enter_async_context(LifespanManager(app))).app
            case = Case("off" if rows is None else f"database, {rows:,} rows", started, issuer, None)
            case.token = issuer.token("ada", sid="measured")
            while rows is not None and b'"in step"' not in await call(started, "GET", "/readyz", []):  # noqa: ASYNC110 - it says so by HTTP only
                await asyncio.sleep(0.1)
            json = [*case.headers("POST", TASKS), (b"content-type", b"application/json")]
            made = await call(case.app, "POST", TASKS, json, b'{"title": "measured"}')
            case.path = f"{TASKS}/{httpx.Response(200, content=made).json()['id']}"
            await case.turn()
            case.times.clear()
            cases.append(case)
        for turn in range(ROUNDS):
            for case in cases if turn % 2 else reversed(cases):
                await case.turn()
    return cases


def looked_up(rows: int) -> float:
    """The look-up alone, in µs, at its fastest."""
    held = MemoryRevocations()
    held.add(Revocation("sub" if n % 10 == 0 else "sid", f"r{n}", 9e9, 9e9) for n in range(rows))
    claims = {"sid": "measured", "iat": 1}
    identity = Identity("ada", "https://issuer.example", 0, 0, claims, claims)
    return min(timeit.repeat(lambda: held.is_revoked(identity), number=100_000, repeat=9)) * 10


def main() -> None:
    log.configure("error", "json")
    with tempfile.TemporaryDirectory() as folder, EmbeddedPostgres(Path(folder) / "pg", ephemeral=True) as server:
        cases = asyncio.run(measure(server))
    for rows in ROWS:
        print(f"the look-up among {rows:,}: {looked_up(rows):.2f} µs")
    print(f"{'REVOCATIONS':<26}{'median µs':>10}{'ratio':>8}{'least µs':>10}{'ratio':>8}")
    bases = statistics.median(cases[0].times), min(cases[0].times)
    for case in cases:
        middle, least = statistics.median(case.times), min(case.times)
        print(f"{case.name:<26}{middle:>10.1f}{middle / bases[0]:>8.3f}{least:>10.1f}{least / bases[1]:>8.3f}")


if __name__ == "__main__":
    main()
