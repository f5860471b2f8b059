"""What looking at revocations costs a GET of one task.

``python -m benchmarks.revocation`` starts a PostgreSQL of its own and calls one service in process for each number of
rows. In every other turn its authenticator has no revocations. It prints µs of processor time a request and the ratio
of on to off, each as the median over the turns, and what the look-up costs alone. ``--json`` prints the ratios only.
"""

import asyncio
import json
import statistics
import sys
import tempfile
import timeit
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any, ClassVar
from unittest.mock import patch

import asyncpg
import httpx
from asgi_lifespan import LifespanManager
from tests.support.revocations import SCHEMA

from benchmarks.dpop import Case, call
from taskward.app import create_app
from taskward.database.migrate import upgrade
from taskward.embedded import EmbeddedPostgres
from taskward.operating import log
from taskward.settings import Settings
from tokenward import Authenticator, Identity
from tokenward.revocation import MemoryRevocations, Revocation
from tokenward.testing import Issuer

TURNS = 200
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


class Remembered(Authenticator):
    """An authenticator that can be reached from outside the application."""

    made: ClassVar[list[Authenticator]] = []

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.made.append(self)


async def measure(server: EmbeddedPostgres, rows: int) -> tuple[list[float], list[float]]:
    """The times of a request with revocations and without them, in µs, a pair for each turn."""
    issuer = Issuer()
    settings = Settings.model_validate(
        {
            "database_url": await prepared(server, f"bench_{rows}", rows),
            "jwks_url": issuer.jwks_url,
            "jwt_issuer": issuer.url,
            "jwt_audience": issuer.audience,
            "revocations": "database",
            "revocations_max_lag": 3600,
        }
    )
    async with AsyncExitStack() as stack:
        with patch("taskward.app.Authenticator", Remembered):
            app = create_app(settings, http=httpx.AsyncClient(transport=issuer.transport()))
        authenticator = Remembered.made[-1]
        case = Case("", (await stack.enter_async_context(LifespanManager(app))).app, issuer, None)
        case.token = issuer.token("ada", sid="measured")
        while b'"in step"' not in await call(case.app, "GET", "/readyz", []):  # noqa: ASYNC110 - it says so by HTTP only
            await asyncio.sleep(0.1)
        head = [*case.headers("POST", TASKS), (b"content-type", b"application/json")]
        made = await call(case.app, "POST", TASKS, head, b'{"title": "measured"}')
        case.path = f"{TASKS}/{json.loads(made)['id']}"
        await case.turn()
        both = {True: authenticator.revocations, False: None}
        times: dict[bool, list[float]] = {True: [], False: []}
        for turn in range(TURNS):
            for on in (True, False) if turn % 2 else (False, True):
                authenticator.revocations = both[on]
                await case.turn()
                times[on].append(case.times[-1])
    return times[True], times[False]


def looked_up(rows: int) -> float:
    """The look-up alone, in µs, at its fastest."""
    held = MemoryRevocations()
    held.add(Revocation("sub" if n % 10 == 0 else "sid", f"r{n}", 9e9, 9e9) for n in range(rows))
    claims = {"sid": "measured", "iat": 1}
    identity = Identity("ada", "https://issuer.example", 0, 0, claims, claims)
    return min(timeit.repeat(lambda: held.is_revoked(identity), number=100_000, repeat=9)) * 10


def main() -> None:
    log.configure("error", "json")
    ratios: dict[str, float] = {}
    if "--json" not in sys.argv:
        print(f"{'revocations':>12}{'on µs':>8}{'off µs':>8}{'ratio':>8}{'look-up µs':>12}")
    for rows in ROWS:
        with tempfile.TemporaryDirectory() as folder, EmbeddedPostgres(Path(folder) / "pg", ephemeral=True) as server:
            on, off = asyncio.run(measure(server, rows))
        ratios[str(rows)] = statistics.median(a / b for a, b in zip(on, off, strict=True))
        if "--json" not in sys.argv:
            medians = f"{statistics.median(on):>8.1f}{statistics.median(off):>8.1f}"
            print(f"{rows:>12,}{medians}{ratios[str(rows)]:>8.3f}{looked_up(rows):>12.2f}")
    if "--json" in sys.argv:
        print(json.dumps(ratios))


if __name__ == "__main__":
    main()
