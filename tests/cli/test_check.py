"""What `taskward check` sees of the world around the service, each finding with what to do."""

from __future__ import annotations

import asyncio
import datetime
import json
import os
import ssl
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from email.utils import format_datetime
from pathlib import Path

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.support.postgres import Databases
from tests.support.process import ROOT, TASKWARD, free_port, program, until
from tests.support.redis import redis_server
from tests.support.service import serving
from tests.support.shell import Shell
from tokenward.testing import Issuer

NOW = datetime.datetime.now(datetime.UTC)


@asynccontextmanager
async def key_server(
    issuer: Issuer, *fields: str, ahead: float | None = None, context: ssl.SSLContext | None = None
) -> AsyncIterator[str]:
    """A key server with these header fields in its answers, and a clock that is ``ahead`` seconds; its origin."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        body = json.dumps(issuer.jwks()).encode()
        head = ["HTTP/1.1 200 OK", f"content-length: {len(body)}", "connection: close", *fields]
        if ahead is not None:
            there = datetime.datetime.now(datetime.UTC) + datetime.timedelta(seconds=ahead)
            head.append("date: " + format_datetime(there, usegmt=True))
        writer.write("\r\n".join(head).encode() + b"\r\n\r\n" + body)
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0, ssl=context)
    yield f"{'https' if context else 'http'}://localhost:{server.sockets[0].getsockname()[1]}"
    server.close()


@pytest.mark.parametrize(
    ("seconds", "word"), [(30, "behind"), (-30, "ahead of"), (86_400 * 400, "behind"), (-86_400 * 9000, "ahead of")]
)
async def test_a_clock_that_differs_from_the_key_servers_is_said_with_by_how_much(
    shell: Shell, seconds: int, word: str
) -> None:
    async with key_server(shell.issuer, ahead=seconds) as origin:
        done = await shell.check(JWKS_URL=f"{origin}/jwks")
        told = json.loads((await shell.check("--json", JWKS_URL=f"{origin}/jwks")).out)
    assert done.code == 1
    (line,) = [line for line in done.lines if "clock" in line.split(":")[0]]
    assert line.startswith("✗ clock: ")
    assert f"s {word} the key server's" in line
    assert abs(int(line.split()[2]) - abs(seconds)) < 20
    assert "NTP" in line
    (found,) = [finding for finding in told["findings"] if finding["check"] == "clock"]
    assert (told["ok"], found["ok"], bool(found["advice"])) == (False, False, True)


DATES = [
    *("date: ", "date: yesterday", "date: Thu, 99 Foo 2026 99:99:99 GMT", "date: 0", "date: -1", "x-no-date: 1"),
    *(
        "date: Fri, 27 Nov 99999 10:00:00 GMT",
        "date: Mon, 01 Jan 0000 00:00:00 GMT",
        "date: Fri, 27 Nov 2026 10:00:00 +9999",
    ),
    "date: \xff\xfe",
]


@pytest.mark.parametrize("date", DATES, ids=ascii)
async def test_a_date_that_says_nothing_is_no_finding_and_no_crash(shell: Shell, date: str) -> None:
    async with key_server(shell.issuer, date) as origin:
        done = await shell.check(JWKS_URL=f"{origin}/jwks")
    assert done.err == ""
    assert done.code == 0 or "✗ clock" in done.out
    assert done.lines[0] == "✓ configuration: complete"


async def test_a_clock_within_seconds_of_the_key_servers_is_no_finding(shell: Shell) -> None:
    async with key_server(shell.issuer, ahead=2) as origin:
        done = await shell.check(JWKS_URL=f"{origin}/jwks")
    assert (done.code, "clock" in done.out) == (0, False)


def certificate(folder: Path, name: str, days: tuple[int, int]) -> Path:
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(NOW + datetime.timedelta(days=days[0]))
        .not_valid_after(NOW + datetime.timedelta(days=days[1]))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    plain = serialization.NoEncryption()
    private = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain)
    file = folder / "certificate.pem"
    file.write_bytes(private + made.public_bytes(serialization.Encoding.PEM))
    return file


CERTIFICATES = {
    "of nobody's": ("localhost", (-1, 1), False),
    "expired": ("localhost", (-9, -1), True),
    "not yet valid": ("localhost", (2, 9), True),
    "of another host": ("elsewhere.example", (-1, 1), True),
}


@pytest.mark.parametrize("case", CERTIFICATES)
async def test_a_certificate_of_the_key_server_that_is_not_trusted_is_said(
    shell: Shell, tmp_path: Path, case: str
) -> None:
    name, days, known = CERTIFICATES[case]
    file = certificate(tmp_path, name, days)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file)
    async with key_server(shell.issuer, context=context) as origin:
        trusted = {"SSL_CERT_FILE": str(file)} if known else {}
        done = await shell.check(JWKS_URL=f"{origin}/jwks", **trusted)
    assert done.code == 1
    (line,) = [line for line in done.lines if line.startswith("✗ keys")]
    assert "certificate" in line
    assert "SSL_CERT_FILE" in line


async def test_a_certificate_of_ones_own_authority_is_no_finding(shell: Shell, tmp_path: Path) -> None:
    file = certificate(tmp_path, "localhost", (-1, 1))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file)
    async with key_server(shell.issuer, ahead=0, context=context) as origin:
        done = await shell.check(JWKS_URL=f"{origin}/jwks", SSL_CERT_FILE=str(file))
    assert done.code == 0, done.out


@pytest.mark.parametrize(("ctype", "told"), [("C", True), ("POSIX", True), ("C.UTF-8", False)])
async def test_a_character_class_that_knows_case_in_ascii_only_is_said(
    shell: Shell, databases: Databases, ctype: str, told: bool
) -> None:
    name = f"taskward_ctype_{ctype.lower().replace('.', '').replace('-', '')}"
    await databases.connection.execute(f'DROP DATABASE IF EXISTS "{name}"')
    await databases.connection.execute(
        f"CREATE DATABASE \"{name}\" TEMPLATE template0 ENCODING 'UTF8' "
        f"LOCALE_PROVIDER libc LC_COLLATE 'C' LC_CTYPE '{ctype}'"
    )
    url = databases.server.rpartition("/")[0] + f"/{name}"
    assert (await shell.run("migrate", DATABASE_URL=url)).code == 0
    done = await shell.check(DATABASE_URL=url)
    await databases.drop(url)
    assert done.code == 0, "searching works, less well"
    lines = [line for line in done.lines if line.startswith("· database LC_CTYPE: ")]
    assert bool(lines) is told
    assert all("É" in line and "C.UTF-8" in line for line in lines)


@pytest.mark.parametrize("command", ["check", "migrate"])
@pytest.mark.parametrize(
    ("query", "seen", "advised"),
    [
        ("sslmode=require", "the server offers no TLS", "Turn on ssl in PostgreSQL"),
        ("ssl=require", "the server offers no TLS", "Turn on ssl in PostgreSQL"),
        ("sslmode=verify-full", "no root certificate", "sslrootcert=system"),
        ("sslmode=verify-ca&sslrootcert=/nope", "FileNotFoundError", "sslrootcert"),
        ("sslmode=require&sslcert=/nope&sslkey=/nope", "FileNotFoundError", "sslcert, sslkey"),
        ("sslmode=verify-full&sslrootcert=system", "the server offers no TLS", "Turn on ssl in PostgreSQL"),
    ],
)
async def test_what_is_wrong_with_tls_to_the_database_is_said_with_what_to_do(
    shell: Shell, command: str, query: str, seen: str, advised: str
) -> None:
    """Arize-ai/phoenix#5647, #5679, #7397: a parameter dropped without a word, or refused as an unexpected argument."""
    done = await shell.run(command, DATABASE_URL=f"{shell.database_url}?{query}", HOME="/nonexistent")
    said = done.out + done.err
    assert done.code == 1, said
    assert seen in said
    assert advised in said
    assert "Is PostgreSQL up" not in said


# --- The store of counts ---------------------------------------------------------------------------------------------

STORES = [
    "redis://:hunter2@{address}/0",
    "redis://u:hunter2@{address}/0",
    "redis://{address}/0",
    "redis://:right@{address}/99",
]


@pytest.mark.parametrize("url", STORES)
async def test_a_store_of_counts_that_refuses_is_said_once_and_throttles_nobody(
    shell: Shell, tmp_path: Path, url: str
) -> None:
    with redis_server(tmp_path, "--requirepass", "right", "--port", str(port := free_port())) as _:
        url = url.format(address=f"127.0.0.1:{port}")
        done = await shell.check(RATE_LIMIT_STORAGE_URL=url)
        assert done.code == 1
        (line,) = [line for line in done.lines if line.startswith("✗ store of counts: cannot be used")]
        assert "RATE_LIMIT_STORAGE_URL" in line
        settings = {"RATE_LIMIT_STORAGE_URL": url, "AUTH_FAILURES": "2/minute"}
        async with serving(shell.issuer, shell.jwks_url, shell.database_url, tmp_path, **settings) as service:
            async with httpx.AsyncClient(base_url=service.url, trust_env=False) as client:
                bad = {"authorization": f"Bearer {shell.issuer.token(aud='another')}"}
                seen = {(await client.get("/api/me/tasks", headers=bad)).status_code for _ in range(8)}
            assert seen == {401}
            told = [line for line in service.said().splitlines() if "refused tokens cannot be counted" in line]
            assert len(told) == 1, service.said()
            assert "hunter2" not in service.said()


# --- Users, homes and addresses --------------------------------------------------------------------------------------

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root to become somebody else")


@as_root
@pytest.mark.parametrize("uid", [65534, 54321], ids=["nobody", "a uid without a name"])
@pytest.mark.parametrize("user", ["", "u@"], ids=["no user", "a user"])
@pytest.mark.parametrize("home", ["/root", "/nonexistent", ""])
def test_somebody_elses_home_and_a_user_without_a_name_are_said_without_a_traceback(
    uid: int, user: str, home: str
) -> None:
    # The first run imports what the second one may not be allowed to read any more.
    code = (
        "import io, os, sys, taskward.cli.main as m; out, sys.stdout = sys.stdout, io.StringIO(); m.main(['check']); "
        f"sys.stdout = out; os.setgid(65534); os.setuid({uid}); sys.exit(m.main(['check']))"
    )
    env = {
        **{"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT / "src"), "JWKS_URL": "http://127.0.0.1:1/jwks"},
        **{"JWT_ISSUER": "http://x", "JWT_AUDIENCE": "http://x", "DATABASE_TIMEOUT": "1"},
        "DATABASE_URL": f"postgresql://{user}127.0.0.1:1/d",
    }
    if home:
        env["HOME"] = home
    done = subprocess.run(
        [sys.executable, "-c", code], cwd="/", env=env, capture_output=True, text=True, timeout=60, check=False
    )
    said = done.stdout + done.stderr
    assert done.returncode == 1, said
    assert "Traceback" not in said
    if not user and uid == 54321:
        assert "name the user in DATABASE_URL" in said
    elif home == "/root":
        assert "/root/" in said, "which file may not be read"
    elif user:
        assert "ConnectionRefusedError" in said or "no address" in said


@pytest.mark.parametrize("host", ["::", "0.0.0.0", "::1"])
@pytest.mark.parametrize("what", ["HOST", "METRICS_HOST"])
async def test_both_hosts_to_listen_on_mean_the_same(shell: Shell, host: str, what: str) -> None:
    port, other = free_port(), free_port()
    ports = {"PORT": str(port), "METRICS_PORT": str(other)}
    families = {"::": (True, True), "0.0.0.0": (True, False), "::1": (False, True)}
    looked, path = (port, "/healthz") if what == "HOST" else (other, "/metrics")
    log = shell.folder / "log"
    command = [*TASKWARD, "serve"]
    with program(command, log, {**shell.env, **ports, what: host, "LOG_LEVEL": "info"}, cwd=shell.folder) as process:
        await asyncio.to_thread(until, lambda: "Application startup complete" in log.read_text(), process, log)
        for address, there in zip(("127.0.0.1", "[::1]"), families[host], strict=True):
            async with httpx.AsyncClient(trust_env=False) as client:
                try:
                    answered = (await client.get(f"http://{address}:{looked}{path}")).status_code == 200
                except httpx.ConnectError:
                    answered = False
            assert answered is there, (address, log.read_text())
