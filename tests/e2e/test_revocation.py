"""Every way in which a session ends at the web client's Better Auth, seen by a service beside its database and by one
that has nothing but HTTP."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from typing import Any

import asyncpg
import httpx
import pytest
import pytest_asyncio

from tests.support.better_auth import INSTALLED, BetterAuth, better_auth, posted, token_of
from tests.support.postgres import Databases
from tests.support.process import free_port
from tests.support.service import Service, serving

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.skipif(not INSTALLED, reason="Better Auth is not installed: run make install"),
]
LIMIT = 1.0
SECRET = "of-the-feed-for-tests-only-0123456789"


class World:
    def __init__(self, auth: BetterAuth, services: list[Service], database: asyncpg.Connection) -> None:
        self.auth, self.services, self.database = auth, services, database

    def statuses(self, token: str) -> list[int]:
        headers = {"authorization": f"Bearer {token}"}
        return [
            httpx.get(f"{one.url}/api/me/tasks", headers=headers, trust_env=False).status_code for one in self.services
        ]

    async def seconds_until_refused(self, token: str) -> float:
        """At the service that takes longest."""
        headers = {"authorization": f"Bearer {token}"}

        async def one(service: Service) -> float:
            started = time.monotonic()
            async with httpx.AsyncClient(base_url=service.url, headers=headers, trust_env=False) as client:
                while (answer := await client.get("/api/me/tasks")).status_code != 401:
                    assert answer.status_code == 200
                    assert time.monotonic() - started < 5
                    await asyncio.sleep(0.005)
            assert "was revoked" in answer.headers["www-authenticate"]
            return time.monotonic() - started

        return max(await asyncio.gather(*map(one, self.services)))


@pytest_asyncio.fixture(scope="module")
async def world(
    databases: Databases, migrated_template: str, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[World]:
    folder, port = tmp_path_factory.mktemp("revocation"), free_port()
    url = await databases.create(migrated_template)
    async with AsyncExitStack() as stack:
        api = f"http://127.0.0.1:{port}"
        auth = stack.enter_context(better_auth(folder, url, api, REVOCATIONS_FEED_SECRET=SECRET))
        jwks = f"{auth.url}/api/auth/jwks"
        feed = f"{auth.url}/api/auth/revocations".replace("//", f"//feed:{SECRET}@")
        services = [
            await stack.enter_async_context(serving(auth, jwks, url, folder, REVOCATIONS=where, **more))  # type: ignore[arg-type]  # it has url and audience
            for where, more in (("database", {"PORT": str(port)}), (feed, {}))
        ]
        database = await asyncpg.connect(url)
        yield World(auth, services, database)
        await database.close()
        for service in services:
            assert SECRET not in service.said()
            assert "Traceback" not in service.said()
    await databases.drop(url)


Event = Callable[[World, httpx.Client, httpx.Client], Any]


def _sign_out(_: World, mine: httpx.Client, _other: httpx.Client) -> None:
    posted(mine, "/sign-out")


def _sign_out_there(_: World, mine: httpx.Client, other: httpx.Client) -> None:
    current = next(one for one in mine.get("/own-sessions").json() if one["current"])
    posted(other, "/own-sessions/end", id=current["id"])


def _everywhere(_: World, mine: httpx.Client, _other: httpx.Client) -> None:
    posted(mine, "/revoke-sessions")


def _ban(it: World, mine: httpx.Client, _other: httpx.Client) -> Any:
    person = mine.get("/get-session").json()["user"]["id"]

    async def ban() -> None:
        administrator, email = it.auth.sign_up("admin")
        await it.database.execute("UPDATE auth.\"user\" SET role = 'admin' WHERE email = $1", email)
        posted(administrator, "/admin/ban-user", userId=person)

    return ban()


def _delete(_: World, mine: httpx.Client, _other: httpx.Client) -> None:
    posted(mine, "/delete-user", password="correct horse battery")


def _by_hand(it: World, mine: httpx.Client, _other: httpx.Client) -> Any:
    session = mine.get("/get-session").json()["session"]["id"]
    return it.database.execute("DELETE FROM auth.session WHERE id = $1", session)


def _expired_by_hand(it: World, mine: httpx.Client, _other: httpx.Client) -> Any:
    session = mine.get("/get-session").json()["session"]["id"]
    return it.database.execute('UPDATE auth.session SET "expiresAt" = now() WHERE id = $1', session)


def _password(_: World, _mine: httpx.Client, other: httpx.Client) -> None:
    passwords = {"currentPassword": "correct horse battery", "newPassword": "another horse battery"}
    posted(other, "/change-password", **passwords, revokeOtherSessions=True)


EVENTS: dict[str, tuple[Event, bool]] = {
    "sign-out": (_sign_out, False),
    "sign out there": (_sign_out_there, False),
    "everywhere": (_everywhere, True),
    "ban": (_ban, True),
    "deletion": (_delete, True),
    "DELETE FROM session by hand": (_by_hand, False),
    "UPDATE of the session's end by hand": (_expired_by_hand, False),
    "change of password": (_password, False),
}
"""What happens, and whether it ends the person's other session as well."""


@pytest.mark.parametrize("name", EVENTS)
async def test_an_event_at_better_auth_ends_its_tokens_within_a_second_and_no_others(name: str, world: World) -> None:
    event, everywhere = EVENTS[name]
    mine, email = world.auth.sign_up("ada")
    other, (stranger, _) = world.auth.sign_in(email), world.auth.sign_up("bob")
    tokens = [token_of(browser) for browser in (mine, other, stranger)]
    assert [world.statuses(token) for token in tokens] == [[200, 200]] * 3
    done = event(world, mine, other)
    if done is not None:
        await done
    assert await world.seconds_until_refused(tokens[0]) < LIMIT
    # A change of password gives the session that asked for it a new id: its old token goes with the old one.
    kept = 401 if everywhere or name == "change of password" else 200
    if kept == 401:
        assert await world.seconds_until_refused(tokens[1]) < LIMIT
    else:
        assert world.statuses(tokens[1]) == [200, 200]
    assert world.statuses(tokens[2]) == [200, 200]


async def test_a_feed_that_is_read_with_the_wrong_secret_is_503_and_no_token_is_believed(
    world: World, tmp_path: Any, database_url: str
) -> None:
    jwks, feed = f"{world.auth.url}/api/auth/jwks", f"{world.auth.url}/api/auth/revocations"
    async with serving(world.auth, jwks, database_url, tmp_path, REVOCATIONS=feed) as service:  # type: ignore[arg-type]  # as above
        browser, _ = world.auth.sign_up("eve")
        headers = {"authorization": f"Bearer {token_of(browser)}"}
        async with httpx.AsyncClient(base_url=service.url, trust_env=False) as client:
            answer = await client.get("/api/me/tasks", headers=headers)
            ready = await client.get("/readyz")
        assert (answer.status_code, answer.json()["code"]) == (503, "revocations_unavailable")
        assert (ready.status_code, ready.json()["revocations"]) == (200, "the feed cannot be followed: status 401")
