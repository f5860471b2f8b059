"""What people reported of comparable services, tried on this one. Each test names the report that it comes from."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from typing import Any

import asyncpg
import httpx
import pytest

from taskward.database.migrate import upgrade
from tests.conftest import Introduce, Person
from tests.support.service import eventually, serving
from tests.support.shell import Shell
from tests.support.wire import Wire
from tokenward.testing import Answer, Issuer, SigningKey

TASKS = "/api/me/tasks"


def port_of(url: str) -> int:
    return int(url.rpartition(":")[2])


@pytest.mark.parametrize(
    ("line", "statuses"),
    [
        ("GET /\U0001f47d HTTP/1.1", {400, 404}),  # uvicorn #344: an emoji in the URL
        ("GET /healthz?coordinates=76.916664, 8.483333 HTTP/1.1", {400}),  # uvicorn #205: a space in the URL
        ("MUX /healthz HTTP/1.1", {400, 405}),  # uvicorn #1296: a method of one's own
        ("GET http://x/healthz HTTP/1.1", {200}),  # uvicorn #344: the absolute form that proxies send
        ("OPTIONS * HTTP/1.1", {200, 204, 400, 404, 405}),
        ("GET /%F0%9F%91%BD HTTP/1.1", {404}),
        ("GET //healthz HTTP/1.1", {400, 404}),
    ],
)
async def test_a_request_line_that_servers_stumble_over_has_an_answer_in_the_one_shape(
    served: str, line: str, statuses: set[int]
) -> None:
    """Kludex/uvicorn#205, #344, #1296, fastapi/fastapi#680: an empty reply, a 502, a warning without a cause."""
    wire = await Wire.to(port_of(served))
    await wire.send(f"{line}\r\nhost: x\r\nconnection: close\r\n\r\n".encode())
    reply = await wire.answer()
    wire.close()
    assert reply.status in statuses
    if reply.status >= 400:
        assert reply.get("content-type") == "application/problem+json"
        assert reply.problem["request_id"] == reply.get("x-request-id")


RANGES = [
    *("bytes=5-4", "bytes=10-5", "bytes=-999999999", "bytes=0-0,0-0", "bytes=x", "bytes=", "bytes=-", "bytes=0-0 x"),
    *("bytes=" + ",".join(["0-0"] * 5000), "bytes=" + "9" * 400 + "-", "items=0-1", "bytes=0-99999999999999999999"),
]


@pytest.mark.parametrize("path", ["/docs", "/docs/docs.js", "/docs/nothing.js", "/openapi.json", "/healthz"])
async def test_a_range_of_a_file_is_right_or_refused_and_costs_little(served: str, path: str) -> None:
    """Kludex/starlette#3388, #3252, #3430, #3568: backwards ranges, ranges without end, a 206 for what is not there."""
    async with httpx.AsyncClient(base_url=served, trust_env=False) as client:
        whole = await client.get(path)
        for given in RANGES:
            began = time.monotonic()
            answer = await client.get(path, headers={"range": given})
            assert time.monotonic() - began < 5, given[:40]
            if whole.status_code != 200:
                assert answer.status_code == whole.status_code, "what is not there has no parts"
            elif answer.status_code >= 400:
                assert answer.headers["content-type"] == "application/problem+json", given[:40]
            elif answer.status_code == 200:
                assert answer.content == whole.content
            else:
                assert 0 < len(answer.content) < 4 * len(whole.content) + 100_000, given[:40]


async def test_a_statement_survives_a_column_that_is_added_or_altered_while_it_is_prepared(
    alice: Person, database_url: str
) -> None:
    """pgbouncer/pgbouncer#1038, MagicStack/asyncpg#198: cached plan must not change result type."""
    made = await alice.post(TASKS, json={"title": "a"})
    one = f"{TASKS}/{made.json()['id']}"
    for _ in range(3):
        assert (await alice.get(one)).status_code == 200
        assert (await alice.get(TASKS)).status_code == 200
    driver = await asyncpg.connect(database_url)
    for change in (
        "ALTER TABLE tasks ADD COLUMN due date",
        "ALTER TABLE tasks ALTER COLUMN title TYPE varchar(400)",
        "ALTER TABLE tasks DROP COLUMN due",
        "ANALYZE tasks",
    ):
        await driver.execute(change)
        seen = await asyncio.gather(*(alice.get(one) for _ in range(5)), *(alice.get(TASKS) for _ in range(5)))
        assert {answer.status_code for answer in seen} == {200}, change
        assert (await alice.patch(one, json={"title": "a"})).status_code == 200
    await driver.close()


@pytest.mark.parametrize(("ahead", "status"), [(1, 200), (5, 200), (25, 200), (120, 401), (86_400, 401)])
async def test_a_token_from_a_clock_slightly_ahead_is_accepted_and_from_one_far_ahead_told_apart(
    client: httpx.AsyncClient, issuer: Issuer, ahead: int, status: int
) -> None:
    """PostgREST/postgrest#1139, #5196, supabase/supabase#41294: issued in the future, now and then."""
    moment = int(time.time()) + ahead
    token = issuer.token(iat=moment, nbf=moment, exp=moment + 600)
    for _ in range(3):
        answer = await client.get(TASKS, headers={"authorization": f"Bearer {token}"})
        assert answer.status_code == status, answer.text


CACHING = [
    *({"cache-control": value} for value in ("no-cache", "max-age=0", "no-store, max-age=0, must-revalidate")),
    *({"cache-control": value} for value in ("max-age=-5", "public, max-age=18341, no-transform", "x", "")),
    *({"expires": value} for value in ("0", "-1", "Thu, 01 Jan 1970 00:00:00 GMT", "soon")),
    {"cache-control": "max-age=60", "expires": "Thu, 01 Jan 1970 00:00:00 GMT"},
]


@pytest.mark.parametrize("headers", CACHING, ids=str)
async def test_what_a_key_server_says_of_caching_makes_no_storm_of_fetches(
    issuer: Issuer, database_url: str, tmp_path: Path, headers: dict[str, str]
) -> None:
    """hasura/graphql-engine#8299, #5781, #3834, #3301, #3655: a fetch a second, or a start that fails."""
    issuer.always = Answer(body=issuer.jwks(), headers=headers)
    async with (
        issuer.serve() as url,
        serving(issuer, url, database_url, tmp_path) as service,
        service.client(issuer.token()) as alice,
    ):
        before = issuer.fetches
        for _ in range(15):
            assert (await alice.get(TASKS)).status_code == 200
            await asyncio.sleep(0.1)
        assert issuer.fetches - before <= 1


async def test_a_new_key_works_at_once_and_a_removed_one_not_for_ever(
    issuer: Issuer, database_url: str, tmp_path: Path
) -> None:
    """hasura #9759, supabase/auth#2821, envoyproxy/gateway#4180 (new keys), garden-co/jazz#2205 (removed ones)."""
    async with (
        issuer.serve() as url,
        serving(issuer, url, database_url, tmp_path, JWKS_TTL="1", JWKS_MAX_STALE="1") as service,
        httpx.AsyncClient(base_url=service.url, trust_env=False) as client,
    ):
        former = issuer.signer
        old = {"authorization": f"Bearer {issuer.token()}"}
        assert (await client.get(TASKS, headers=old)).status_code == 200
        issuer.rotate()
        new = {"authorization": f"Bearer {issuer.token('bob')}"}
        assert (await client.get(TASKS, headers=new)).status_code == 200
        issuer.remove(former.kid)

        async def refused() -> bool:
            return (await client.get(TASKS, headers=old)).status_code == 401

        await eventually(refused, 10)
        assert (await client.get(TASKS, headers=new)).status_code == 200


async def test_another_key_under_the_same_kid_is_taken_when_the_key_set_is_next_fetched(
    issuer: Issuer, database_url: str, tmp_path: Path
) -> None:
    """keycloak#14263, PostgREST/postgrest#4014: the new key was refused, or the old one passed, until a restart."""
    async with (
        issuer.serve() as url,
        serving(issuer, url, database_url, tmp_path, JWKS_TTL="1", AUTH_FAILURES="0") as service,
        httpx.AsyncClient(base_url=service.url, trust_env=False) as client,
    ):
        old = issuer.headers()
        for _ in range(3):
            assert (await client.get(TASKS, headers=old)).status_code == 200
        replaced = SigningKey.new(kid=issuer.signer.kid)
        issuer.keys[:] = [replaced]
        headers = {"authorization": f"Bearer {issuer.token(key=replaced)}"}

        async def accepted() -> bool:
            return (await client.get(TASKS, headers=headers)).status_code == 200

        await eventually(accepted, 10)
        assert (await client.get(TASKS, headers=old)).status_code == 401, "it was verified before, by the former key"


async def test_migrations_and_checks_at_the_same_time_leave_one_table_and_no_error(
    shell: Shell, empty_database_url: str
) -> None:
    """sqlalchemy/alembic#694, #633, miguelgrinberg/Flask-Migrate#311: both make the version table, and one dies."""
    commands = ["migrate", "check", "migrate", "check", "migrate"]
    done = await asyncio.gather(*(shell.run(name, DATABASE_URL=empty_database_url) for name in commands))
    assert [d.code for d, name in zip(done, commands, strict=True) if name == "migrate"] == [0, 0, 0]
    assert {d.code for d, name in zip(done, commands, strict=True) if name == "check"} <= {0, 1}
    assert (await shell.run("check", DATABASE_URL=empty_database_url)).code == 0


async def test_a_percent_sign_in_the_address_of_the_database_is_no_syntax_of_a_configuration_file(
    empty_database_url: str,
) -> None:
    """sqlalchemy/alembic (ConfigParser): invalid interpolation syntax, for a password with a % in it."""
    await asyncio.to_thread(upgrade, f"{empty_database_url}?application_name=100%25%25s%28x%29")


async def test_a_client_that_goes_away_before_its_answer_is_no_crash(
    served: str, issuer: Issuer, person: Introduce, capsys: Any
) -> None:
    """Kludex/uvicorn and encode/starlette: exceptions in the log for each client that does not wait."""
    for _ in range(20):
        wire = await Wire.to(port_of(served))
        await wire.send(
            b"GET /api/me/tasks HTTP/1.1\r\nhost: x\r\nauthorization: Bearer %s\r\n\r\n" % issuer.token().encode()
        )
        wire.close()
    await asyncio.sleep(0.3)
    said = "".join(capsys.readouterr())
    assert "Traceback" not in said
    assert "request crashed" not in said
    async with httpx.AsyncClient(base_url=served, trust_env=False) as client:
        assert (await client.get("/readyz")).status_code == 200


@pytest.mark.parametrize(("origin", "status"), [("http://localhost:3000", 200), ("https://evil.example", 400)])
async def test_a_page_of_ours_may_reach_a_server_in_a_private_network_and_another_may_not(
    client: httpx.AsyncClient, origin: str, status: int
) -> None:
    """Kludex/starlette#3064: Chromium asks before a public page reaches a private address; Starlette refused it."""
    preflight = {
        "origin": origin,
        "access-control-request-method": "GET",
        "access-control-request-headers": "authorization",
        "access-control-request-private-network": "true",
    }
    answer = await client.options(TASKS, headers=preflight)
    assert answer.status_code == status, answer.text
    assert answer.headers.get("access-control-allow-origin") == (origin if status == 200 else None)
    if status == 200:
        assert answer.headers["access-control-allow-private-network"] == "true"


@pytest.mark.parametrize("origin", [None, "http://localhost:3000", "https://evil.example"])
async def test_a_cache_keeps_no_answer_of_one_origin_for_another(
    client: httpx.AsyncClient, alice: Person, origin: str | None
) -> None:
    """Kludex/starlette#3516, #3517: answers without Vary when the request had no Origin, or one that is not allowed."""
    headers = {} if origin is None else {"origin": origin}
    for path in (TASKS, f"{TASKS}/x", "/healthz", "/openapi.json", "/.well-known/oauth-protected-resource", "/none"):
        for who in (client, alice):
            answer = await who.get(path, headers=headers)
            assert "origin" in answer.headers["vary"].lower().replace(" ", "").split(","), path
    if origin is not None:
        asked = {"access-control-request-method": "GET", "access-control-request-headers": "authorization"}
        preflight = await client.options(TASKS, headers={**headers, **asked})
        assert {"origin", *asked} <= set(preflight.headers["vary"].lower().replace(" ", "").split(","))
