"""The event stream as a client sees it."""

from __future__ import annotations

import asyncio
import time
from contextlib import AsyncExitStack

import asyncpg
import httpx
import pytest

from tests.database.test_behind_pgbouncer import person_behind
from tests.revocation.conftest import Start
from tests.support.revocations import REVOKE, kill_listeners, listen, seconds_until
from tokenward.testing import Issuer


async def made(client: httpx.AsyncClient, **more: object) -> str:
    answer = await client.post("/api/me/tasks", json={"title": "a"}, **more)  # type: ignore[arg-type]  # httpx's own options
    assert answer.status_code == 201
    return str(answer.json()["id"])


async def test_every_kind_of_change_is_heard_through_another_replica(start: Start) -> None:
    here, there = await start(), await start()
    writer, reader = await here.person("ada"), await there.person("ada")
    async with listen(reader) as events:
        one = await made(writer)
        assert await events.next() == ("tasks", {"ids": [one]})
        for method, path, body in (
            ("PUT", f"/{one}", {"title": "b"}),
            ("PATCH", f"/{one}", {"completed": True}),
            ("PATCH", f"/{one}/complete", None),
            ("DELETE", f"/{one}", None),
        ):
            answer = await writer.request(method, f"/api/me/tasks{path}", json=body)
            assert answer.status_code in (200, 204)
            assert await events.next() == ("tasks", {"ids": [one]}), method
        assert (await writer.delete("/api/me/tasks?completed=true")).status_code == 200
        assert await events.next() == ("tasks", {}), "many"


async def test_the_stream_has_the_headers_of_a_stream_and_of_every_answer(start: Start) -> None:
    reader = await (await start()).person("ada")
    async with listen(reader, headers={"accept": "text/event-stream"}) as events:
        headers = events.response.headers
        assert headers["content-type"].startswith("text/event-stream")
        assert headers["cache-control"] == "no-store"
        assert headers["x-content-type-options"] == "nosniff"
        assert "x-request-id" in headers


async def test_a_stream_has_no_events_of_other_people_or_of_unchanged_tasks(start: Start) -> None:
    replica = await start()
    ada, bob = await replica.person("ada"), await replica.person("bob")
    key = {"idempotency-key": "k"}
    one = await made(ada, headers=key)
    await asyncio.sleep(0.3)
    async with listen(ada) as events:
        await made(bob)
        assert (await ada.post("/api/me/tasks", json={"title": "a"}, headers=key)).status_code == 200
        assert (await ada.post("/api/me/tasks", json={"title": ""})).status_code == 422
        assert (await ada.delete(f"/api/me/tasks/{one[:-1]}{'1' if one[-1] != '1' else '2'}")).status_code == 404
        assert (await ada.get("/api/me/tasks")).status_code == 200
        with pytest.raises(TimeoutError):
            await events.next(0.6)


async def test_a_tab_does_not_hear_of_its_own_changes_and_the_others_do(start: Start) -> None:
    replica = await start()
    ada = await replica.person("ada")
    async with listen(ada, "/api/me/events?origin=tab-1") as mine, listen(ada, "/api/ada/events?origin=tab-2") as other:
        one = await made(ada, headers={"x-origin": "tab-1"})
        assert await other.next() == ("tasks", {"ids": [one]})
        two = await made(ada)
        assert await mine.next() == ("tasks", {"ids": [two]}), "its own change is not among them"


async def test_a_killed_listener_is_a_reset_and_nothing_is_missed_after_it(
    start: Start, database: asyncpg.Connection
) -> None:
    replica = await start()
    ada = await replica.person("ada")
    async with listen(ada) as events:
        assert await kill_listeners(database)
        heard = [await events.next()]
        assert heard == [("reset", {})]
        one = await made(ada)
        assert await events.next() == ("tasks", {"ids": [one]})


async def test_the_last_changes_of_a_replica_that_stops_are_heard_through_the_others(
    issuer: Issuer, database_url: str, start: Start
) -> None:
    reader = await (await start()).person("ada")
    async with listen(reader) as events:
        for _ in range(3):  # a rolling restart
            async with person_behind(issuer, database_url) as leaving:
                one = await made(leaving)  # its process stops as soon as it has answered
            assert await events.next() == ("tasks", {"ids": [one]})


async def test_a_revoked_token_ends_the_stream_within_a_second(start: Start, database: asyncpg.Connection) -> None:
    replica = await start()
    ada, desk = await replica.person("ada", sid="phone"), await replica.person("ada", sid="desk")
    async with listen(ada) as events, listen(desk) as others:
        await database.execute(REVOKE, "sid", "phone")
        await database.execute("NOTIFY taskward_revocations")
        assert await events.news(1) is None
        one = await made(desk)
        assert await others.next() == ("tasks", {"ids": [one]})
    assert (await ada.get("/api/me/events")).status_code == 401


async def test_an_expired_token_ends_the_stream(start: Start) -> None:
    replica = await start(jwt_leeway=0)
    ada = await replica.person("ada", exp=int(time.time()) + 2)
    async with listen(ada) as events:
        assert await events.news(4) is None
    assert (await ada.get("/api/me/events")).status_code == 401


async def test_before_it_starts_it_is_refused_like_anything_else(start: Start, database: asyncpg.Connection) -> None:
    replica = await start(revocations_max_lag=1)
    ada = await replica.person("ada")
    async with httpx.AsyncClient(base_url=replica.url, trust_env=False) as nobody:
        assert (await nobody.get("/api/me/events")).json()["code"] == "missing_token"
    assert (await ada.get("/api/bob/events")).json()["code"] == "not_owner"
    assert (await ada.get("/api/me/events?origin=a%20b")).status_code == 422
    assert (await ada.get("/api/me/events?since=1")).status_code == 422
    assert (await ada.post("/api/me/events")).status_code == 405
    assert (await ada.get("/api/me/events", headers={"accept": "application/json"})).status_code == 406
    assert (await ada.head("/api/me/events")).status_code == 200
    await database.execute("ALTER TABLE auth.revocations RENAME TO hidden")
    await seconds_until(ada, 503)
    assert (await ada.get("/api/me/events")).json()["code"] == "revocations_unavailable"


async def test_the_eleventh_stream_of_a_person_is_429_and_a_closed_one_makes_room(start: Start) -> None:
    replica = await start()
    ada, bob = await replica.person("ada"), await replica.person("bob")
    async with AsyncExitStack() as first, AsyncExitStack() as rest:
        await first.enter_async_context(listen(ada))
        for _ in range(9):
            await rest.enter_async_context(listen(ada))
        refused = await ada.get("/api/me/events")
        assert (refused.status_code, refused.json()["code"]) == (429, "too_many_streams")
        assert int(refused.headers["retry-after"]) >= 1
        async with listen(bob):
            pass
        await first.aclose()
        await asyncio.sleep(0.3)
        async with listen(ada):
            pass


async def test_a_preflight_lets_the_page_name_its_tab(start: Start) -> None:
    replica = await start()
    async with httpx.AsyncClient(base_url=replica.url, trust_env=False) as browser:
        asked = {
            "origin": "http://localhost:3000",
            "access-control-request-method": "POST",
            "access-control-request-headers": "authorization,content-type,x-origin",
        }
        assert (await browser.options("/api/me/tasks", headers=asked)).status_code == 200


async def test_two_hundred_changes_are_seen_through_another_replica_within_a_second(start: Start) -> None:
    here, there = await start(), await start()
    writer, reader = await here.person("ada"), await there.person("ada")
    one = await made(writer)
    await asyncio.sleep(0.4)
    late: list[float] = []
    async with listen(reader) as events:
        for _ in range(200):
            assert (await writer.patch(f"/api/me/tasks/{one}/complete")).status_code == 200
            answered = time.perf_counter()
            assert await events.next() == ("tasks", {"ids": [one]})
            late.append(time.perf_counter() - answered)
    late.sort()
    print(f"event after answer: median {late[100] * 1000:.0f} ms, p99 {late[197] * 1000:.0f} ms")
    assert late[197] < 1
