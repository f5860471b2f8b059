"""What a proof costs: processor time of a GET of one task with DPOP off, accept and require.

``python -m benchmarks.dpop`` prints µs a request, of the authenticator alone and of the service in process with a
PostgreSQL of its own. The cases take turns in one run; a figure is the median of the turns. Proofs are signed before
the time is taken.
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
from tokenward import Tokenward
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
        claims: dict[str, Any] = {"cnf": holder.cnf} if holder else {}
        self.token = issuer.token("ada", **claims)
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
        for mode in ("off", "accept", "require", "database"):
            settings = Settings.model_validate(
                {
                    "database_url": database_url,
                    "jwks_url": issuer.jwks_url,
                    "jwt_issuer": issuer.url,
                    "jwt_audience": issuer.audience,
                    "dpop": "require" if mode == "database" else mode,
                    "dpop_replays": "database" if mode == "database" else "auto",
                }
            )
            app = create_app(settings, http=httpx.AsyncClient(transport=issuer.transport()))
            apps[mode] = (await stack.enter_async_context(LifespanManager(app))).app
        cases = [
            Case("off, bearer token", apps["off"], issuer, None),
            Case("accept, bearer token", apps["accept"], issuer, None),
            Case("accept, proof by ES256", apps["accept"], issuer, Holder("ES256")),
            Case("require, proof by ES256", apps["require"], issuer, Holder("ES256")),
            Case("the same, used ones in the database", apps["database"], issuer, Holder("ES256")),
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


async def alone() -> dict[str, list[float]]:
    """The authenticator without a service around it, with tokens that it has seen."""
    issuer, holder, path = Issuer(), Holder("ES256"), "/api/me/tasks/0190a5d0-aaaa-7bbb-8ccc-123456789abc"
    times: dict[str, list[float]] = {}
    async with AsyncExitStack() as stack:
        auths = {}
        for mode in ("off", "accept"):
            auth = Tokenward(issuer=issuer.url, audience=issuer.audience, jwks_url=issuer.jwks_url, dpop=mode)
            stack.enter_context(issuer.behind(auth))
            auths[mode] = await stack.enter_async_context(auth)
        cases = [
            Case("off, bearer token", auths["off"], issuer, None),
            Case("accept, bearer token", auths["accept"], issuer, None),
            Case("accept, proof by ES256", auths["accept"], issuer, holder),
        ]
        for _ in range(ROUNDS):
            for case in cases:
                prepared = [case.headers("GET", path) for _ in range(CHUNK)]
                scopes = [
                    {"type": "http", "method": "GET", "scheme": "http", "headers": [(b"host", b"bench.test")]}
                    | {"path": path, "raw_path": path.encode()}
                    for _ in prepared
                ]
                began = time.process_time()
                for headers, scope in zip(prepared, scopes, strict=True):
                    await case.app.authenticate(headers, "192.0.2.1", scope)
                times.setdefault(case.name, []).append((time.process_time() - began) / CHUNK * 1e6)
    return times


def show(title: str, times: dict[str, list[float]]) -> None:
    base = statistics.median(next(iter(times.values())))
    print(f"{title:<36}{'µs':>8}{'more':>8}")
    for name, found in times.items():
        middle = statistics.median(found)
        print(f"{name:<36}{middle:>8.1f}{middle - base:>+8.1f}")


def main() -> None:
    log.configure("error", "json")
    show("The authenticator", asyncio.run(alone()))
    with tempfile.TemporaryDirectory() as folder, EmbeddedPostgres(Path(folder) / "pg", ephemeral=True) as server:
        upgrade(server.url())
        cases = asyncio.run(measure(server.url()))
    show("A GET of one task", {case.name: case.times for case in cases})


if __name__ == "__main__":
    main()
