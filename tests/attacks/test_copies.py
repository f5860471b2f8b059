"""A copied request, token and proof, in a thief's hands: spelt anew, after a restart, after a sign-out."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import asyncpg
import httpx
import pytest_asyncio

from tests.support.revocations import REVOKE, replica, with_revocations
from tests.support.service import eventually
from tokenward.strict import b64url
from tokenward.testing import Holder, Issuer
from tokenward.testing.keys import b64

HOST = "taskward.test"
"""A name that every replica is reached by, so that a request to one can be sent to another."""

TASKS = "/api/me/tasks"
COUNTS = "/api/me/tasks/counts"
ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
"""Of the curve P-256."""

Report = Callable[..., None]


class Victim:
    """A person with a bound token and a bearer token, and the service that accepts both."""

    def __init__(self, issuer: Issuer, database: asyncpg.Connection, database_url: str) -> None:
        self.issuer, self.database, self.database_url = issuer, database, database_url
        self.holder = Holder("ES256")
        self.bound = issuer.token("ada", sid="bound", cnf=self.holder.cnf)
        self.bearer = issuer.token("ada", sid="bearer")

    @asynccontextmanager
    async def client(self, **settings: Any) -> AsyncIterator[httpx.AsyncClient]:
        """A client, without a token, of a service that has just started."""
        chosen = {"dpop": "accept", "auth_failures": "0", **settings}
        async with (
            replica(self.issuer, self.database_url, **chosen) as service,
            httpx.AsyncClient(base_url=service.url, headers={"Host": HOST}, trust_env=False, timeout=30) as client,
        ):
            yield client

    def request(self, method: str, path: str) -> dict[str, str]:
        return self.holder.headers(self.bound, method, f"http://{HOST}{path}")

    async def tasks(self) -> int:
        return int(await self.database.fetchval("SELECT count(*) FROM tasks"))


@pytest_asyncio.fixture
async def victim(issuer: Issuer, database_url: str) -> AsyncIterator[Victim]:
    async with with_revocations(database_url) as database:
        yield Victim(issuer, database, database_url)


def twin(proof: str) -> str:
    """The same proof with the other signature that ECDSA has for it (r, n - s)."""
    signed, _, signature = proof.rpartition(".")
    raw = b64url(signature)
    return f"{signed}.{b64(raw[:32] + (ORDER - int.from_bytes(raw[32:])).to_bytes(32))}"


async def test_a_used_request_passes_in_no_other_spelling(victim: Victim, reliability: Report) -> None:
    async with victim.client() as client:
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
            request.method, request.url = method, request.url.copy_with(raw_path=path.encode())  # as httpx would not
            answer = await client.send(request)
            if answer.status_code not in (400, 401, 404, 405):
                accepted.append((name, answer.status_code))
        reliability("a used request in other spellings", requests=len(ways), accepted=len(accepted))
        assert accepted == []
        assert await victim.tasks() == 1
        assert (await client.get(COUNTS, headers=victim.request("GET", COUNTS))).status_code == 200


async def test_a_used_request_stays_used_after_a_restart_and_at_a_new_replica_with_the_store_in_the_database(
    victim: Victim, reliability: Report
) -> None:
    shared = {"dpop_replays": "database"}
    used = victim.request("POST", TASKS)
    statuses = []
    async with victim.client(**shared) as client:
        assert (await client.post(TASKS, headers=used, json={"title": "mine"})).status_code == 201
        async with victim.client(**shared) as another:
            statuses.append((await another.post(TASKS, headers=used, json={"title": "again"})).status_code)
    async with victim.client(**shared) as restarted:
        statuses.append((await restarted.post(TASKS, headers=used, json={"title": "again"})).status_code)
    reliability("a used request at a new replica, and after a restart", requests=2, accepted=statuses.count(201))
    assert statuses == [401, 401]
    assert await victim.tasks() == 1


async def test_an_ended_token_passes_in_no_spelling_and_at_no_route(victim: Victim, reliability: Report) -> None:
    async with victim.client() as client:
        bearer = {"Authorization": f"Bearer {victim.bearer}"}
        made = await client.post(TASKS, headers=bearer, json={"title": "mine"})
        path = f"{TASKS}/{made.json()['id']}"
        assert (await client.get(COUNTS, headers=victim.request("GET", COUNTS))).status_code == 200
        for sid in ("bearer", "bound"):
            await victim.database.execute(REVOKE, "sid", sid)
        await victim.database.execute("NOTIFY taskward_revocations")

        async def ended() -> bool:
            return (await client.get(COUNTS, headers=bearer)).status_code == 401

        await eventually(ended)
        asked = accepted = 0
        token = victim.bearer
        for value in (f"Bearer {token}", f"bearer {token}", f"BEARER {token}", f"Bearer  {token}"):
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
        titles = await victim.database.fetch("SELECT title, completed FROM tasks")
        assert [tuple(row) for row in titles] == [("mine", False)]
