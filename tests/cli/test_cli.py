"""The commands, as real processes: output and exit codes."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import sys
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import httpx
import pytest

from taskward.database import migrate
from taskward.embedded import EmbeddedPostgres
from tests.support.process import ROOT, TASKWARD, free_port, program, until
from tests.support.rows import dump
from tests.support.service import Service, eventually, serving
from tests.support.shell import Done, Shell
from tokenward.testing import Answer, Issuer, SigningKey


def nobody() -> str:
    """An address of this machine where nothing listens."""
    return f"127.0.0.1:{free_port()}"


# --- Settings and usage ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("command", ["serve", "explain"])
async def test_bad_settings_are_listed_a_line_each_and_end_with_2(shell: Shell, command: str) -> None:
    wrong = {"JWKS_URL": "", "JWT_ISSUER": "", "CORS_ORIGINS": "*", "PORT": "http", "JWT_SECRET": "hunter2"}
    done = await shell.run(command, **wrong, DATABASE_URL="mysql://u:hunter2@h/d")
    assert (done.code, done.out) == (2, "")
    listed = [line.strip().split(": ")[0] for line in done.err.splitlines() if line.startswith("  ")]
    database = [] if command == "explain" else ["DATABASE_URL"]  # it has no use for one
    assert sorted(listed) == sorted([*database, "JWT_SECRET", "JWT_ISSUER", "CORS_ORIGINS", "PORT"])


async def test_an_option_that_cannot_be_is_a_bad_setting(shell: Shell) -> None:
    done = await shell.run("serve", "--port", "70000", "--workers", "0")
    assert done.code == 2
    assert "PORT: must be less than or equal to 65535" in done.err
    assert "WORKERS: must be greater than or equal to 1" in done.err


async def test_without_a_command_the_commands_are_named(shell: Shell) -> None:
    done = await shell.run()
    assert done.code == 2
    helped = await shell.run("--help")
    assert helped.code == 0
    for command in ("serve", "migrate", "check", "explain", "dev"):
        assert command in helped.out


# --- migrate ---------------------------------------------------------------------------------------------------------


async def test_several_migrations_at_once_all_succeed(shell: Shell, empty_database_url: str, database_url: str) -> None:
    runs = await asyncio.gather(*(shell.run("migrate", DATABASE_URL=empty_database_url) for _ in range(4)))
    assert [(done.code, done.err) for done in runs] == [(0, "")] * 4
    assert len({done.out for done in runs}) == 1
    assert runs[0].out.startswith("The database is at revision ")
    assert await dump(empty_database_url) == await dump(database_url)


async def test_a_migrated_database_can_be_taken_back_and_forward_again(shell: Shell, database_url: str) -> None:
    before = await dump(database_url)
    await asyncio.to_thread(migrate.downgrade, database_url, "base")
    assert await dump(database_url) == {"taskward_version": []}
    assert (await shell.run("serve")).code == 3
    assert (await shell.run("migrate")).code == 0
    assert await dump(database_url) == before


async def test_migrate_reports_an_unreachable_database_in_one_line(shell: Shell) -> None:
    done = await shell.run("migrate", DATABASE_URL=f"postgresql://u:hunter2@{nobody()}/d")
    assert (done.code, done.out, len(done.err.splitlines())) == (1, "", 1)
    assert "could not be migrated: ConnectionRefusedError: Connect call failed" in done.err
    assert "hunter2" not in done.err


async def test_a_database_with_another_password_is_named_with_its_sqlstate(shell: Shell, database_url: str) -> None:
    parts = urlsplit(database_url)
    wrong = urlunsplit(parts._replace(netloc=f"{parts.username}:hunter2@{parts.hostname}:{parts.port}"))
    done = await shell.run("migrate", DATABASE_URL=wrong)
    assert (done.code, done.out, len(done.err.splitlines())) == (1, "", 1)
    assert "InvalidPasswordError 28P01" in done.err
    assert "docker-compose" in done.err
    assert "hunter2" not in done.err


@pytest.mark.parametrize(("database", "level", "code"), [("good", "info", 0), ("down", "error", 1)])
async def test_migrate_logs_json_where_the_log_is_json(
    shell: Shell, database: str, level: str, code: int, database_url: str
) -> None:
    url = database_url if database == "good" else f"postgresql://u:hunter2@{nobody()}/d"
    done = await shell.run("migrate", LOG_FORMAT="json", DATABASE_URL=url)
    assert (done.code, done.out) == (code, "")
    (line,) = map(json.loads, done.err.splitlines())
    assert line["level"] == level
    assert line["event"].startswith("The database ")


# --- check -----------------------------------------------------------------------------------------------------------


async def test_check_says_a_line_for_each_part_and_0_when_all_are_well(shell: Shell) -> None:
    done = await shell.run("check")
    assert (done.code, done.err) == (0, "")
    parts = [line.split(":")[0] for line in done.lines]
    assert parts == ["✓ configuration", "✓ database", "✓ migrations", "· revocations", "✓ keys"]
    assert f"{shell.jwks_url}: {shell.issuer.signer.kid} (Ed25519/EdDSA)" in done.lines[-1]


async def test_check_fails_for_each_part_alone_and_still_looks_at_the_others(
    shell: Shell, empty_database_url: str
) -> None:
    down, keyless = f"postgresql://u:hunter2@{nobody()}/d", f"http://{nobody()}/api/auth/jwks"
    no_database, not_migrated, no_keys = await asyncio.gather(
        shell.run("check", DATABASE_URL=down),
        shell.run("check", DATABASE_URL=empty_database_url),
        shell.run("check", JWKS_URL=keyless),
    )
    signs = {name: [line[0] for line in done.lines] for name, done in locals().items() if isinstance(done, Done)}
    assert signs == {
        "no_database": ["✓", "✗", "·", "·", "✓"],
        "not_migrated": ["✓", "✓", "✗", "·", "✓"],
        "no_keys": ["✓", "✓", "✓", "·", "✗"],
    }
    assert [done.code for done in (no_database, not_migrated, no_keys)] == [1, 1, 1]
    assert "Check DATABASE_URL" in no_database.out
    assert "Run taskward migrate" in not_migrated.out
    assert f"{keyless}: ConnectError" in no_keys.out


async def test_check_names_keys_that_are_left_out_without_letting_them_at_the_terminal(shell: Shell) -> None:
    hostile = {**SigningKey.new().jwk(), "kid": "\x1b]0;owned\x07"}
    shell.issuer.always = Answer(body={"keys": [shell.issuer.signer.jwk(), hostile]})
    done = await shell.run("check")
    assert done.code == 0
    assert "\x1b" not in done.out
    assert "· key ?]0;owned? is left out: no usable kid" in done.lines


async def test_check_with_a_shared_secret_asks_no_key_server(shell: Shell) -> None:
    done = await shell.run("check", JWKS_URL="", JWT_SECRET="hunter2" * 5)
    assert done.code == 0
    assert done.lines[-1] == "✓ keys: a shared secret (HS256)"
    assert shell.issuer.fetches == 0


async def test_a_terminal_that_cannot_show_the_signs_is_no_reason_to_fail(shell: Shell) -> None:
    done = await shell.run("check", PYTHONUTF8="0", PYTHONIOENCODING="ascii")
    assert (done.code, done.lines[0]) == (0, "? configuration: complete")


# --- explain ---------------------------------------------------------------------------------------------------------


async def test_explain_takes_a_token_as_an_argument_or_from_standard_input(shell: Shell) -> None:
    token = shell.issuer.token()
    runs = await asyncio.gather(
        shell.run("explain", token, DATABASE_URL=""),
        shell.run("explain", "-", stdin=token.encode() + b"\n"),
        shell.run("explain", stdin=f"Bearer {token}".encode()),
    )
    for done in runs:
        assert (done.code, done.err, done.lines[-1]) == (0, "", "This token is accepted.")
        assert token.split(".")[1] not in done.out
        assert token.split(".")[2] not in done.out


async def test_explain_refuses_with_the_check_the_two_values_and_what_to_change(shell: Shell) -> None:
    token = shell.issuer.token(iss=f"{shell.issuer.url}/api/auth")
    done = await shell.run("explain", token)
    assert (done.code, done.lines[-1]) == (1, "This token is refused.")
    (wrong,) = [number for number, line in enumerate(done.lines) if line.startswith("✗")]
    assert done.lines[wrong].startswith(
        f"✗ issuer: iss is '{shell.issuer.url}/api/auth', JWT_ISSUER is '{shell.issuer.url}'"
    )
    assert "→ they differ by /api/auth" in done.lines[wrong + 1]
    assert token.split(".")[2] not in done.out


async def test_explain_lists_the_kids_on_offer_for_an_unknown_one(shell: Shell) -> None:
    done = await shell.run("explain", shell.issuer.token(key=SigningKey.new(kid="elsewhere")))
    assert done.code == 1
    assert "✗ key: kid 'elsewhere' is unknown; the key set has " in done.out
    assert shell.issuer.signer.kid in done.out


async def test_explain_does_not_blame_the_token_when_the_keys_cannot_be_had(shell: Shell) -> None:
    done = await shell.run("explain", shell.issuer.token(), JWKS_URL=f"http://{nobody()}/jwks")
    assert (done.code, done.lines[-1]) == (1, "This token cannot be judged now.")
    assert "· key: " in done.out


async def test_a_proxy_in_the_environment_is_not_asked_for_a_key_server_on_this_machine(shell: Shell) -> None:
    proxies = {"HTTP_PROXY": f"http://{nobody()}", "ALL_PROXY": f"http://{nobody()}"}
    checked, explained = await asyncio.gather(
        shell.run("check", **proxies), shell.run("explain", shell.issuer.token(), **proxies)
    )
    assert (checked.code, explained.code) == (0, 0), checked.out + explained.out


async def test_explain_of_bytes_that_are_no_text_is_a_refusal(shell: Shell) -> None:
    done = await shell.run("explain", stdin=b"\xff\xfe\x00")
    assert (done.code, done.lines[-1]) == (1, "This token is refused.")


# --- serve -----------------------------------------------------------------------------------------------------------


async def test_serve_on_an_unmigrated_database_is_one_line_and_3(shell: Shell, empty_database_url: str) -> None:
    done = await shell.run("serve", DATABASE_URL=empty_database_url)
    assert (done.code, done.out) == (3, "")
    assert done.err == "The database is not migrated: run taskward migrate.\n"


@pytest.mark.parametrize(("reason", "code"), [("not migrated", 3), ("Cannot listen", 1)])
async def test_why_it_does_not_serve_is_a_line_of_json_where_the_log_is_json(
    shell: Shell, reason: str, code: int, empty_database_url: str
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        changes = {"DATABASE_URL": empty_database_url} if code == 3 else {"PORT": str(taken.getsockname()[1])}
        done = await shell.run("serve", LOG_FORMAT="json", **changes)
    assert (done.code, done.out) == (code, "")
    (line,) = map(json.loads, done.err.splitlines())
    assert line["level"] == "error"
    assert reason in line["event"]


@pytest.mark.parametrize(("setting", "workers"), [("PORT", "1"), ("METRICS_PORT", "2")])
async def test_a_port_in_use_is_one_clear_line(shell: Shell, setting: str, workers: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = await shell.run("serve", WORKERS=workers, **{"PORT": str(free_port()), setting: str(port)})
    assert (done.code, done.out) == (1, "")
    host = "HOST" if setting == "PORT" else "METRICS_HOST"
    assert (
        done.err == f"Cannot listen on 127.0.0.1 port {port}: another program listens there. Set {setting} or {host}.\n"
    )


async def test_a_host_that_is_not_this_machine_is_one_clear_line(shell: Shell) -> None:
    done = await shell.run("serve", "--host", "192.0.2.1")
    assert (done.code, done.out, len(done.err.splitlines())) == (1, "", 1)
    assert "Cannot listen on 192.0.2.1 port 8000: " in done.err


async def test_the_service_starts_without_its_database_and_recovers_when_it_comes(
    issuer: Issuer, own_postgres: EmbeddedPostgres, tmp_path: Path
) -> None:
    database_url = own_postgres.url()
    await asyncio.to_thread(migrate.upgrade, database_url)
    own_postgres.stop()
    async with (
        issuer.serve() as jwks_url,
        serving(issuer, jwks_url, database_url, tmp_path, ready="/healthz") as service,
        service.client(issuer.token()) as alice,
    ):
        assert "the database cannot be reached yet" in service.said()
        not_ready, refused = await alice.get("/readyz"), await alice.get("/api/me/tasks")
        assert (not_ready.status_code, refused.status_code) == (503, 503)
        assert refused.json()["code"] == "database_unavailable"
        await asyncio.to_thread(own_postgres.start)

        async def ready() -> bool:
            return (await alice.get("/readyz")).is_success

        await eventually(ready)
        made = await alice.post("/api/me/tasks", json={"title": "at last"})
        assert made.status_code == 201
        assert [row["title"] for row in (await alice.get("/api/me/tasks")).json()["items"]] == ["at last"]


async def workers_of(service: Service) -> set[int]:
    """Process ids that have answered: uvicorn says its own when it starts."""
    return {
        int(line.split("[")[1].split("]")[0])
        for line in service.said().splitlines()
        if "Started server process" in line
    }


@pytest.mark.parametrize("workers", [1, 2])
async def test_sigterm_lets_a_request_under_way_finish_and_ends_with_0(shell: Shell, workers: int) -> None:
    async with serving(
        shell.issuer, shell.jwks_url, shell.database_url, shell.folder, WORKERS=str(workers), LOG_LEVEL="info"
    ) as service:
        body = b'{"title": "just in time"}'
        reader, writer = await asyncio.open_connection("127.0.0.1", service.port)
        writer.write(
            b"POST /api/me/tasks HTTP/1.1\r\nhost: taskward\r\ncontent-type: application/json\r\n"
            b"expect: 100-continue\r\nauthorization: Bearer %b\r\ncontent-length: %d\r\n\r\n"
            % (shell.issuer.token().encode(), len(body))
        )
        # The server asks for the body once the handler reads it: now the request is under way.
        assert await reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
        service.process.send_signal(signal.SIGTERM)

        async def all_told() -> bool:
            return service.said().count("Shutting down") == workers

        async def turned_away() -> bool:
            try:
                _, probe = await asyncio.open_connection("127.0.0.1", service.port)
            except OSError:
                return True
            probe.close()
            return False

        await eventually(all_told)
        await eventually(turned_away)
        assert service.process.poll() is None, "it waits for the request"
        writer.write(body)
        head = await reader.readuntil(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 201 "), head
        assert b"just in time" in await reader.read()
        writer.close()
        code = await asyncio.to_thread(service.process.wait, 10)
        assert code == 0, service.said()
        assert len(await workers_of(service)) == workers
    connection = await asyncpg.connect(shell.database_url)
    try:
        assert await connection.fetchval("SELECT title FROM tasks") == "just in time"
    finally:
        await connection.close()


async def test_ctrl_c_ends_an_idle_service_quietly(shell: Shell) -> None:
    async with serving(shell.issuer, shell.jwks_url, shell.database_url, shell.folder) as service:
        service.process.send_signal(signal.SIGINT)
        assert await asyncio.to_thread(service.process.wait, 10) == 0
        assert service.said() == ""


async def test_two_workers_share_one_port_and_one_that_is_killed_is_replaced(shell: Shell) -> None:
    async with serving(
        shell.issuer, shell.jwks_url, shell.database_url, shell.folder, WORKERS="2", LOG_LEVEL="info"
    ) as service:

        async def started() -> bool:
            return len(await workers_of(service)) >= 2

        await eventually(started)
        before = await workers_of(service)
        os.kill(min(before), signal.SIGKILL)

        async def replaced() -> bool:
            return len(await workers_of(service)) == 3

        await eventually(replaced)
        async with service.client(shell.issuer.token()) as alice:
            assert (await alice.post("/api/me/tasks", json={"title": "a"})).status_code == 201


async def test_localhost_is_served_on_every_address_it_has(shell: Shell) -> None:
    log, port = shell.folder / "log", free_port()
    with program(
        [*TASKWARD, "serve", "--host", "localhost", "--port", str(port)], log, shell.env, cwd=shell.folder
    ) as p:
        addresses = {found[4][0] for found in socket.getaddrinfo("localhost", port, type=socket.SOCK_STREAM)}

        def answered() -> Any:
            try:
                for address in addresses:
                    url = f"http://[{address}]" if ":" in address else f"http://{address}"
                    assert httpx.get(f"{url}:{port}/healthz", trust_env=False).is_success
            except httpx.TransportError:
                return False
            return True

        await asyncio.to_thread(until, answered, p, log)


def test_the_package_can_be_run_as_a_module(tmp_path: Path) -> None:
    import subprocess

    env = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT / "src")}
    done = subprocess.run(
        [sys.executable, "-m", "taskward.cli.main", "--version"], cwd=tmp_path, env=env, capture_output=True, text=True
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("taskward ")
