"""A copied request, token and proof, in a thief's hands: spelt anew, after a restart, after a sign-out."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import asyncpg
import httpx
import pytest
from asgi_lifespan import LifespanManager

from taskward.app import create_app
from tests.revocation.conftest import REVOKE, SCHEMA
from tests.support.application import settings_for
from tests.support.service import eventually
from tokenward.strict import b64url
from tokenward.testing import Holder, Issuer
from tokenward.testing.keys import b64

HOST = "http://taskward.test"
TASKS = "/api/me/tasks"
COUNTS = "/api/me/tasks/counts"
ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
"""Of the curve P-256."""

Report = Callable[..., None]


class Victim:
    """A service whose tokens can be bound and end, and a person who uses it."""

    def __init__(self, database_url: str, driver: asyncpg.Connection, **settings: Any) -> None:
        self.issuer, self.driver = Issuer(), driver
        self.holder = Holder("ES256")
        self.bound = self.issuer.token("ada", sid="bound", cnf=self.holder.cnf)
        self.bearer = self.issuer.token("ada", sid="bearer")
        chosen = {"revocations": "database", "dpop": "accept", "auth_failures": "0", **settings}
        self.settings = settings_for(self.issuer, database_url, **chosen)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[httpx.AsyncClient]:
        async with AsyncExitStack() as stack:
            app = create_app(self.settings, http=httpx.AsyncClient(transport=self.issuer.transport()))
            manager = await stack.enter_async_context(LifespanManager(app, startup_timeout=60, shutdown_timeout=60))
            transport = httpx.ASGITransport(manager.app, raise_app_exceptions=True)
            client = await stack.enter_async_context(httpx.AsyncClient(transport=transport, base_url=HOST))

            async def in_step() -> bool:
                return (await client.get("/readyz")).json()["revocations"] == "in step"  # type: ignore[no-any-return]  # JSON

            await eventually(in_step)
            yield client

    def request(self, method: str, path: str) -> dict[str, str]:
        return self.holder.headers(self.bound, method, HOST + path)

    async def tasks(self) -> int:
        return int(await self.driver.fetchval("SELECT count(*) FROM tasks"))


@pytest.fixture
async def driver(database_url: str) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(database_url)
    await connection.execute(SCHEMA)
    yield connection
    await connection.close()


def twin(proof: str) -> str:
    """The same proof with the other signature that ECDSA has for it (r, n - s)."""
    signed, _, signature = proof.rpartition(".")
    raw = b64url(signature)
    return f"{signed}.{b64(raw[:32] + (ORDER - int.from_bytes(raw[32:])).to_bytes(32))}"


async def test_a_used_request_passes_in_no_other_spelling(
    driver: asyncpg.Connection, database_url: str, reliability: Report
) -> None:
    victim = Victim(database_url, driver)
    async with victim.running() as client:
        body = {"title": "mine"}
        used = victim.request("POST", TASKS)
        assert (await client.post(TASKS, headers=used, json=body)).status_code == 201
        fresh = victim.request("GET", COUNTS)
        fresh["DPoP"] = twin(fresh["DPoP"])
        assert (await client.get(COUNTS, headers=fresh)).status_code == 200, "the other signature is a signature"
        ways: dict[str, tuple[str, str, dict[str, str]]] = {
            "as it was": ("POST", TASKS, {}),
            "with the other signature of ECDSA": ("POST", TASKS, {"DPoP": twin(used["DPoP"])}),
            "with a query": ("POST", f"{TASKS}?again", {}),
            "with the person's id": ("POST", "/api/ada/tasks", {}),
            "with an escaped letter": ("POST", "/api/me/task%73", {}),
            "with a dot segment": ("POST", "/api/me/./tasks", {}),
            "with an escaped dot segment": ("POST", "/api/me/%2E/tasks", {}),
            "with a second slash": ("POST", "/api//me/tasks", {}),
            "with a slash at its end": ("POST", f"{TASKS}/", {}),
            "with a path parameter": ("POST", f"{TASKS};a=b", {}),
            "as PUT": ("PUT", TASKS, {}),
            "as GET": ("GET", TASKS, {}),
            "as a method that another header names": ("POST", TASKS, {"X-HTTP-Method-Override": "DELETE"}),
            "as a method in small letters": ("post", TASKS, {}),
            "with a key of its own to repeat": ("POST", TASKS, {"Idempotency-Key": "again"}),
            "at another host": ("POST", TASKS, {"Host": "other.test"}),
            "at a host that a proxy names": ("POST", TASKS, {"X-Forwarded-Host": "taskward.test", "Host": "x.test"}),
            "with the scheme in small letters": ("POST", TASKS, {"Authorization": f"dpop {victim.bound}"}),
            "as a bearer token": ("POST", TASKS, {"Authorization": f"Bearer {victim.bound}"}),
            "as a bearer token without the proof": (
                "POST",
                TASKS,
                {"Authorization": f"Bearer {victim.bound}", "DPoP": ""},
            ),
        }
        accepted = []
        for name, (method, path, changes) in ways.items():
            request = client.build_request(method, path, headers={**used, **changes}, json=body)
            request.url = request.url.copy_with(raw_path=path.encode())  # httpx would tidy it up
            answer = await client.send(request)
            if answer.status_code not in (401, 404, 405):
                accepted.append((name, answer.status_code))
        reliability("a used request in other spellings", requests=len(ways), accepted=len(accepted))
        assert accepted == []
        assert await victim.tasks() == 1
        assert (await client.get(COUNTS, headers=victim.request("GET", COUNTS))).status_code == 200


async def test_a_used_request_stays_used_after_a_restart_and_at_a_new_replica_with_the_store_in_the_database(
    driver: asyncpg.Connection, database_url: str, reliability: Report
) -> None:
    victim = Victim(database_url, driver, dpop_replays="database")
    used = victim.request("POST", TASKS)
    statuses = []
    async with victim.running() as client:
        assert (await client.post(TASKS, headers=used, json={"title": "mine"})).status_code == 201
        async with victim.running() as replica:
            statuses.append((await replica.post(TASKS, headers=used, json={"title": "again"})).status_code)
    async with victim.running() as restarted:
        statuses.append((await restarted.post(TASKS, headers=used, json={"title": "again"})).status_code)
    reliability("a used request at a new replica, and after a restart", requests=2, accepted=statuses.count(201))
    assert statuses == [401, 401]
    assert await victim.tasks() == 1


async def test_an_ended_token_passes_in_no_spelling_and_at_no_route(
    driver: asyncpg.Connection, database_url: str, reliability: Report
) -> None:
    victim = Victim(database_url, driver)
    async with victim.running() as client:
        bearer = {"Authorization": f"Bearer {victim.bearer}"}
        made = await client.post(TASKS, headers=bearer, json={"title": "mine"})
        path = f"{TASKS}/{made.json()['id']}"
        assert (await client.get(COUNTS, headers=victim.request("GET", COUNTS))).status_code == 200
        for sid in ("bearer", "bound"):
            await driver.execute(REVOKE, "sid", sid)
        await driver.execute("NOTIFY taskward_revocations")

        async def ended() -> bool:
            return (await client.get(COUNTS, headers=bearer)).status_code == 401

        await eventually(ended)
        asked = accepted = 0
        token = victim.bearer
        for value in (f"Bearer {token}", f"bearer {token}", f"BEARER {token}", f"Bearer  {token}", f"Bearer {token} "):
            for method, where in (
                *(
                    ("GET", each)
                    for each in (TASKS, COUNTS, path, "/api/me/events", "/api/ada/tasks", "/api/bob/tasks")
                ),
                *((each, path) for each in ("PUT", "PATCH", "DELETE", "HEAD")),
                ("POST", TASKS),
                ("PATCH", f"{path}/complete"),
                ("DELETE", f"{TASKS}?completed=false"),
                ("GET", "/api/nowhere"),
            ):
                answer = await client.request(method, where, headers={"Authorization": value}, json={"title": "theirs"})
                asked += 1
                accepted += answer.status_code != 401
        for method, where in (("GET", COUNTS), ("GET", "/api/me/events"), ("DELETE", path)):
            answer = await client.request(method, where, headers=victim.request(method, where))  # with a fresh proof
            asked += 1
            accepted += answer.status_code != 401
        reliability("an ended token in other spellings, at every route", requests=asked, accepted=accepted)
        assert accepted == 0
        titles = await driver.fetch("SELECT title, completed FROM tasks")
        assert [tuple(row) for row in titles] == [("mine", False)]
