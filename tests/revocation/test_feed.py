"""Revocations by HTTP: the service follows a signed feed, on real sockets."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncIterator

import asyncpg
import httpx
import pytest
import pytest_asyncio

from taskward.cli.main import main
from tests.revocation.conftest import Start
from tests.support.revocations import listen, seconds_until, until_in_step
from tokenward.testing import Feed, Issuer

LIMIT = 1.0


@pytest_asyncio.fixture
async def feed(issuer: Issuer) -> AsyncIterator[tuple[Feed, str]]:
    served = Feed(issuer)
    async with served.serve() as url:
        yield served, url


async def test_a_revoked_session_is_refused_at_every_replica_within_a_second(
    start: Start, feed: tuple[Feed, str], database: asyncpg.Connection
) -> None:
    replicas = [await start(revocations=feed[1]) for _ in range(2)]
    mine = [await one.person("ada", sid="phone") for one in replicas]
    other = await replicas[0].person("ada", sid="desk")
    for client in (*mine, other):
        assert (await client.get("/api/me/tasks")).status_code == 200
    feed[0].revoke("sid", "phone")
    assert max(await asyncio.gather(*(seconds_until(client, 401) for client in mine))) < LIMIT
    answer = await mine[0].post("/api/me/tasks", json={"title": "never"})
    assert (answer.status_code, answer.json()["code"]) == (401, "invalid_token")
    assert 'error_description="The access token was revoked"' in answer.headers["www-authenticate"]
    assert await database.fetchval("SELECT count(*) FROM public.tasks") == 0
    assert (await other.get("/api/me/tasks")).status_code == 200


async def test_the_event_stream_of_a_revoked_session_ends_within_a_second(start: Start, feed: tuple[Feed, str]) -> None:
    replica = await start(revocations=feed[1])
    phone, desk = await replica.person("ada", sid="phone"), await replica.person("ada", sid="desk")
    async with listen(phone) as ended, listen(desk) as others:
        feed[0].revoke("sid", "phone")
        assert await ended.news(LIMIT) is None
        made = await desk.post("/api/me/tasks", json={"title": "a"})
        assert await others.news() == ("tasks", {"ids": [made.json()["id"]]})


async def test_a_feed_that_is_away_is_503_and_said_by_readiness_until_it_is_back(
    start: Start, feed: tuple[Feed, str], database: asyncpg.Connection
) -> None:
    replica = await start(revocations=feed[1], revocations_max_lag=1)
    mine = await replica.person("ada")
    assert (await mine.get("/api/me/tasks")).status_code == 200
    feed[0].script.extend([b"HTTP/1.1 500 -\r\ncontent-length: 0\r\n\r\n"] * 1000)
    assert await seconds_until(mine, 503) < 2.5
    answer = await mine.post("/api/me/tasks", json={"title": "never"})
    assert answer.json()["code"] == "revocations_unavailable"
    assert int(answer.headers["retry-after"]) >= 1
    assert await database.fetchval("SELECT count(*) FROM public.tasks") == 0
    await until_in_step(replica, "the feed cannot be followed: status 500")
    async with httpx.AsyncClient(base_url=replica.url, trust_env=False) as probe:
        assert (await probe.get("/readyz")).status_code == 200
    feed[0].script.clear()
    assert await seconds_until(mine, 200) < 4


@pytest.fixture
def environment(
    monkeypatch: pytest.MonkeyPatch, issuer: Issuer, database_url: str, tmp_path: object, feed: tuple[Feed, str]
) -> None:
    for name, value in {
        "DATABASE_URL": database_url,
        "JWT_ISSUER": issuer.url,
        "JWT_AUDIENCE": issuer.audience,
        "REVOCATIONS": feed[1].replace("//", "//feed:the-secret-of-the-feed@"),
    }.items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(str(tmp_path))


async def test_check_says_what_it_found_and_never_the_secret(
    environment: None,
    monkeypatch: pytest.MonkeyPatch,
    issuer: Issuer,
    feed: tuple[Feed, str],
    capfd: pytest.CaptureFixture[str],
) -> None:
    feed[0].revoke("sid", "phone")
    feed[0].secret = "the-secret-of-the-feed"
    async with issuer.serve() as jwks:
        monkeypatch.setenv("JWKS_URL", jwks)
        assert await asyncio.to_thread(main, ["check"]) == 0
        said = capfd.readouterr().out
        assert "✓ revocations: 1 in force" in said
        feed[0].secret = "another"
        assert await asyncio.to_thread(main, ["check"]) == 1
        found = capfd.readouterr().out
        said += found
        assert f"✗ revocations: {feed[1]}: status 401" in found
        assert await asyncio.to_thread(main, ["sessions", "revoke", "--user", "ada"]) == 1
        told = capfd.readouterr()
        said += told.out + told.err
        assert "only the issuer writes a feed" in told.err
    assert "the-secret-of-the-feed" not in said
    assert base64.b64encode(b"feed:the-secret-of-the-feed").decode() not in said
