"""What a proof costs: processor time of a GET of one task with DPOP off, accept and require.

``python -m benchmarks.dpop`` starts a PostgreSQL of its own, calls the service in process and prints µs a request. The
services take turns in one run; a figure is the median of the turns. Proofs are signed before the time is taken.
"""

import asyncio
import statistics
import tempfile
import time
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import httpx
from asgi_lifespan import LifespanManager

from taskward.app import create_app
from taskward.database.migrate import upgrade
from taskward.embedded import EmbeddedPostgres
from taskward.operating import log
from taskward.settings import Settings
from tokenward.testing import Holder, Issuer

CHUNK, ROUNDS = 150, 15
HOST = "http://bench.test"

Headers = list[tuple[bytes, bytes]]


async def call(app: Any, method: str, path: str, headers: Headers, body: bytes = b"") -> bytes:
    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "root_path": "",
        "query_string": b"",
        "headers": [(b"host", b"bench.test"), *headers],
        "client": ("192.0.2.1", 1),
        "server": ("bench.test", 80),
        "state": {},
    }
    status, said = 0, b""

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: Any) -> None:
        nonlocal status, said
        status = message.get("status", status)
        said += message.get("body", b"")

    await app(scope, receive, send)
    assert status < 300, (status, said)
    return said


class Case:
    """One way to ask, at a service of its own."""

    def __init__(self, name: str, app: Any, issuer: Issuer, holder: Holder | None) -> None:
        self.name, self.app, self.holder = name, app, holder
        self.token = issuer.token("ada", **({"cnf": holder.cnf} if holder else {}))
        self.path = ""
        self.times: list[float] = []

    def headers(self, method: str, path: str) -> Headers:
        if self.holder is None:
            return [(b"authorization", b"Bearer " + self.token.encode())]
        found = self.holder.headers(self.token, method, HOST + path)
        return [(name.lower().encode(), value.encode()) for name, value in found.items()]

    async def turn(self) -> None:
        prepared = [self.headers("GET", self.path) for _ in range(CHUNK)]
        began = time.process_time()
        for headers in prepared:
            await call(self.app, "GET", self.path, headers)
        self.times.append((time.process_time() - began) / CHUNK * 1e6)


async def measure(database_url: str) -> list[Case]:
    issuer = Issuer()
    async with AsyncExitStack() as stack:
        apps: dict[str, Any] = {}
        for mode in ("off", "accept", "require"):
            settings = Settings(
                database_url=database_url,
                jwks_url=issuer.jwks_url,
                jwt_issuer=issuer.url,
                jwt_audience=issuer.audience,
                dpop=mode,
            )
            app = create_app(settings, http=httpx.AsyncClient(transport=issuer.transport()))
            apps[mode] = (await stack.enter_async_context(LifespanManager(app))).app
        cases = [
            Case("off, bearer token", apps["off"], issuer, None),
            Case("accept, bearer token", apps["accept"], issuer, None),
            Case("accept, proof by ES256", apps["accept"], issuer, Holder("ES256")),
            Case("require, proof by ES256", apps["require"], issuer, Holder("ES256")),
            Case("require, proof by EdDSA", apps["require"], issuer, Holder("EdDSA")),
            Case("require, proof by RS256", apps["require"], issuer, Holder("RS256")),
        ]
        for case in cases:
            tasks = "/api/me/tasks"
            json = [*case.headers("POST", tasks), (b"content-type", b"application/json")]
            made = await call(case.app, "POST", tasks, json, b'{"title": "measured"}')
            case.path = f"{tasks}/{httpx.Response(200, content=made).json()['id']}"
            await case.turn()
            case.times.clear()
        for _ in range(ROUNDS):
            for case in cases:
                await case.turn()
    return cases


def main() -> None:
    log.configure("error", "json")
    with tempfile.TemporaryDirectory() as folder, EmbeddedPostgres(Path(folder) / "pg", ephemeral=True) as server:
        upgrade(server.url())
        cases = asyncio.run(measure(server.url()))
    base = statistics.median(cases[0].times)
    print(f"{'DPOP':<26}{'µs':>7}{'more':>7}")
    for case in cases:
        middle = statistics.median(case.times)
        print(f"{case.name:<26}{middle:>7.0f}{middle - base:>+7.0f}")


if __name__ == "__main__":
    main()
