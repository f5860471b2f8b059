"""Revocation from the command line."""

from __future__ import annotations

import asyncio
import time

import asyncpg
import pytest

from taskward.cli.main import main
from tests.revocation.conftest import Start
from tests.support.revocations import REVOKE, seconds_until
from tokenward.testing import Issuer


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch, issuer: Issuer, database_url: str, tmp_path: object) -> None:
    for name, value in {
        "DATABASE_URL": database_url,
        "JWKS_URL": issuer.jwks_url,
        "JWT_ISSUER": issuer.url,
        "JWT_AUDIENCE": issuer.audience,
        "REVOCATIONS": "database",
    }.items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(str(tmp_path))


async def _run(*arguments: str) -> int:
    return await asyncio.to_thread(main, arguments)


@pytest.mark.parametrize(("option", "value"), [("--user", "ada"), ("--session", "phone")])
async def test_sessions_revoke_ends_tokens_within_a_second(
    start: Start, environment: None, option: str, value: str
) -> None:
    replica = await start()
    mine, other = await replica.person("ada", sid="phone"), await replica.person("bob", sid="desk")
    await seconds_until(mine, 200)
    await asyncio.sleep(1)  # the iat of a token has whole seconds
    assert await _run("sessions", "revoke", option, value) == 0
    assert await seconds_until(mine, 401) < 1.3
    assert (await other.get("/api/me/tasks")).status_code == 200


@pytest.mark.parametrize("kind", ["sid", "sub", "grant"])
async def test_explain_says_that_a_token_was_revoked_and_by_which_rule(
    database: asyncpg.Connection,
    environment: None,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    issuer: Issuer,
    kind: str,
) -> None:
    ago = int(time.time()) - 10
    token = issuer.token("ada", sid="phone", client_id="app", iat=ago)
    async with issuer.serve() as jwks:
        monkeypatch.setenv("JWKS_URL", jwks)
        assert await _run("explain", token) == 0
        assert "✓ revocation: not among the 0 in force" in capfd.readouterr().out
        await database.execute(REVOKE, kind, {"sid": "phone", "sub": "ada", "grant": "ada app"}[kind])
        assert await _run("explain", token) == 1
        said = capfd.readouterr().out
        told = {"sid": "its session (sid 'phone')", "sub": "its person (sub 'ada')", "grant": "its client's access"}
        assert f"✗ revocation: revoked: {told[kind]}" in said
        assert said.endswith("This token is refused.\n")
        assert await _run("explain", issuer.token("bob", sid="desk")) == 0
        capfd.readouterr()
        await database.execute("ALTER TABLE auth.revocations RENAME TO hidden")
        assert await _run("explain", token) == 1
        said = capfd.readouterr().out
        assert "· revocation: auth.revocations is missing or may not be read" in said
        assert said.endswith("This token cannot be judged now.\n")
        assert token not in said


async def test_check_names_each_table_and_trigger_that_is_missing(
    database: asyncpg.Connection, environment: None, capfd: pytest.CaptureFixture[str]
) -> None:
    await database.execute('DROP TRIGGER revoke_banned_people ON auth."user"')
    await database.execute("ALTER TABLE auth.session DISABLE TRIGGER revoke_truncated_sessions")
    assert await _run("check") == 1
    named = "✗ revocations: no trigger after UPDATE on auth.user, no trigger before TRUNCATE on auth.session"
    assert named in capfd.readouterr().out
    await database.execute('DROP TABLE auth."oauthConsent", auth.session; DROP TABLE auth."user"')
    assert await _run("check") == 1
    assert "✗ revocations: auth.session is missing, auth.user is missing" in capfd.readouterr().out


async def test_where_revocations_are_not_read_the_command_says_that_it_ends_nothing(
    database: asyncpg.Connection, environment: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REVOCATIONS", "off")
    assert await _run("sessions", "revoke", "--user", "ada") == 1
    assert await database.fetchval("SELECT count(*) FROM auth.revocations") == 0


async def test_without_the_table_the_command_fails_and_check_says_so(
    database: asyncpg.Connection, environment: None, capfd: pytest.CaptureFixture[str]
) -> None:
    await database.execute("ALTER TABLE auth.revocations RENAME TO hidden")
    assert await _run("sessions", "revoke", "--user", "ada") == 1
    assert await _run("check") == 1
    assert "✗ revocations: auth.revocations is missing or may not be read" in capfd.readouterr().out
    await database.execute("ALTER TABLE auth.hidden RENAME TO revocations")
    await _run("check")
    assert "✓ revocations: 0 in force" in capfd.readouterr().out
