"""Unusual environments: the command starts, or prints what to correct and ends with 2, without a traceback."""

from __future__ import annotations

import asyncio
import os
import resource
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from taskward.cli.main import main
from tests.support.process import ROOT, TASKWARD
from tests.support.shell import environment

REMOTE = "https://keys.example.invalid/jwks"
GOOD = {
    "DATABASE_URL": "postgresql://u:hunter2@127.0.0.1:1/d",
    "JWKS_URL": REMOTE,
    "JWT_ISSUER": "http://localhost:3000",
    "JWT_AUDIENCE": "http://localhost:3000",
    "DATABASE_TIMEOUT": "2",
}


def run(folder: Path, *arguments: str, **variables: str | bytes) -> subprocess.CompletedProcess[bytes]:
    env = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT / "src"), **GOOD, **variables}
    return subprocess.run([*TASKWARD, *arguments], cwd=folder, env=env, capture_output=True, timeout=60, check=False)  # type: ignore[arg-type]  # bytes are values too


#: A variable that cannot be used, and what the one line about it begins with.
UNUSABLE = {
    "a SOCKS proxy without its library": ({"ALL_PROXY": "socks5://hunter2@127.0.0.1:1"}, "ALL_PROXY: is a SOCKS proxy"),
    "a proxy of an unknown kind": ({"HTTPS_PROXY": "carrier://hunter2@h"}, "HTTPS_PROXY: is not the URL of a proxy"),
    "a proxy that is no URL": ({"https_proxy": "http://hunter2:999999"}, "HTTPS_PROXY: is not the URL of a proxy"),
    "a proxy without a host": ({"HTTPS_PROXY": "http://"}, "HTTPS_PROXY: is not the URL of a proxy"),
    "a proxy with a port that is none": ({"all_proxy": "h:port"}, "ALL_PROXY: is not the URL of a proxy"),
    "an IPv6 network without proxy": (
        {"HTTPS_PROXY": "http://127.0.0.1:1", "NO_PROXY": "localhost,fd00::/8"},
        "NO_PROXY: has an entry",
    ),
    "a certificate file that is not there": ({"SSL_CERT_FILE": "/nope"}, "SSL_CERT_FILE: cannot be used (No such file"),
    "a certificate file that is a folder": ({"SSL_CERT_FILE": "/"}, "SSL_CERT_FILE: cannot be used"),
    "a certificate file that is none": ({"SSL_CERT_FILE": "/etc/passwd"}, "SSL_CERT_FILE: cannot be used"),
    "a key log in a folder that is not there": ({"SSLKEYLOGFILE": "/nope/log"}, "SSLKEYLOGFILE: cannot be used"),
    "bytes that are no text in a setting": ({"JWT_ISSUER": b"\xff\xfe"}, "JWT_ISSUER: "),
    "bytes that are no text in the database's address": ({"DATABASE_URL": b"postgresql://u\xff@h/d"}, "DATABASE_URL: "),
}


@pytest.mark.parametrize("command", ["check", "serve", "migrate"])
@pytest.mark.parametrize("case", UNUSABLE)
def test_unusable_variables_are_one_line_and_exit_code_2(
    tmp_path: Path, case: str, command: str, capfd: pytest.CaptureFixture[str]
) -> None:
    variables, beginning = UNUSABLE[case]
    with environment(tmp_path, {**GOOD, **variables}):
        code = main([command])
    out, said = capfd.readouterr()
    assert code == 2, said
    lines = [line.strip() for line in said.splitlines() if line.startswith("  ")]
    assert len(lines) == 1, said
    assert lines[0].startswith(beginning)
    assert "Traceback" not in said
    assert "hunter2" not in said + out


#: What may be odd and stops nothing: the check goes through to its end, where the database and the keys are missing.
HARMLESS: dict[str, dict[str, str | bytes]] = {
    "an IPv6 network without a proxy to go with it": {"NO_PROXY": "fd00::/8"},
    "proxies when keys come from this machine": {"JWKS_URL": "http://127.0.0.1:1/jwks", "ALL_PROXY": "socks5://h:1"},
    "no home": {"HOME": "/nonexistent"},
    "another's home": {"HOME": "/root"},
    "a time zone that there is not": {"TZ": "Nowhere/Land"},
    "a language that there is not": {"LANG": "xx_YY.UTF-8", "LC_ALL": "xx_YY.UTF-8"},
    "a terminal that there is not": {"TERM": "nope", "COLUMNS": "wide"},
    "uvicorn's own variables": {"WEB_CONCURRENCY": "many", "FORWARDED_ALLOW_IPS": "*", "UVICORN_PORT": "x"},
    "a folder for files that is not there": {"TMPDIR": "/nope"},
    "an OpenSSL without configuration": {"OPENSSL_CONF": "/nope"},
    "a certificate folder that is not there": {"SSL_CERT_DIR": "/nope"},
    "optimised away": {"PYTHONOPTIMIZE": "2"},
    "debugged": {"PYTHONASYNCIODEBUG": "1", "PYTHONDEVMODE": "1"},
    "a password file that is not there": {"PGPASSFILE": "/nope"},
    "bytes that are no text, in somebody else's variable": {"SOMEBODY": b"\xff"},
    "what Kubernetes sets": {"TASKWARD_PORT": "tcp://10.0.0.1:8000", "TASKWARD_SERVICE_HOST": "10.0.0.1"},
}


@pytest.mark.parametrize("case", HARMLESS)
def test_odd_variables_of_other_programs_stop_nothing(tmp_path: Path, case: str) -> None:
    done = run(tmp_path, "check", **HARMLESS[case])
    said = done.stderr.decode() + done.stdout.decode()
    assert done.returncode == 1, said
    assert "✓ configuration" in said or "? configuration" in said
    assert "Traceback" not in said
    assert "hunter2" not in said


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to become somebody without rights")
def test_an_env_file_that_may_not_be_read_is_one_line_and_code_2(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("JWT_SECRET=hunter2\n")
    (tmp_path / ".env").chmod(0)
    tmp_path.chmod(0o755)
    code = (
        "import os, sys, taskward.cli.main as m; os.setgid(65534); os.setuid(65534); "
        f"os.chdir({str(tmp_path)!r}); sys.exit(m.main(['check']))"
    )
    env = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT / "src"), **GOOD}
    for folder in tmp_path.parents:
        if folder.stat().st_mode & 0o777 == 0o700:
            folder.chmod(0o755)
    done = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (2, ""), done.stderr
    assert ".env: cannot be read (Permission denied)" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_working_folder_that_is_gone_stops_nothing(tmp_path: Path) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    command = f"cd {gone} && rmdir {gone} && exec {shlex.join([*TASKWARD, 'check'])}"
    env = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT / "src"), **GOOD}
    done = subprocess.run(["sh", "-c", command], env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 1, done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    "closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-", ">/dev/full", "2>/dev/full", ">/dev/full 2>&1"]
)
@pytest.mark.parametrize(("command", "code"), [("check", 1), ("migrate", 1), ("explain", 1), ("check --json", 1)])
def test_streams_that_are_closed_or_full_change_no_exit_code(
    tmp_path: Path, closed: str, command: str, code: int
) -> None:
    shell = f"{shlex.join(TASKWARD)} {command} {closed}"
    env = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT / "src"), **GOOD}
    done = subprocess.run(["sh", "-c", shell], cwd=tmp_path, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == code, (done.stdout, done.stderr)
    assert "Traceback" not in done.stderr
    assert "Exception ignored" not in done.stderr


@pytest.mark.parametrize("command", ["check", "explain"])
def test_a_closed_pipe_changes_no_exit_code(tmp_path: Path, command: str) -> None:
    shell = f"({shlex.join(TASKWARD)} {command} </dev/null; echo $? >&2) | true"
    env = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT / "src"), **GOOD}
    done = subprocess.run(["sh", "-c", shell], cwd=tmp_path, env=env, capture_output=True, text=True, check=False)
    assert done.stderr.strip() == "1"


@pytest.mark.parametrize(
    "host", ["a" * 70, "..", "a..b", "no such host", "fe80::1%nope", "999.1.1.1", "http://0.0.0.0"]
)
@pytest.mark.parametrize("setting", ["HOST", "METRICS_HOST"])
def test_an_invalid_host_to_listen_on_is_reported_in_one_line(tmp_path: Path, host: str, setting: str) -> None:
    done = run(tmp_path, "serve", PORT="0", METRICS_PORT="1" if setting == "METRICS_HOST" else "", **{setting: host})
    said = done.stderr.decode()
    assert done.returncode == 1, said
    assert f"Cannot listen on {host} port" in said
    assert f"or {setting}." in said
    assert "Traceback" not in said


def test_a_given_prometheus_multiproc_dir_is_refused(tmp_path: Path) -> None:
    for name in ("PROMETHEUS_MULTIPROC_DIR", "prometheus_multiproc_dir"):
        done = run(tmp_path, "serve", **{name: "/nope"})
        assert done.returncode == 2
        assert b"PROMETHEUS_MULTIPROC_DIR: " in done.stderr
        assert b"Traceback" not in done.stderr


async def test_a_lack_of_file_descriptors_is_named_as_the_cause(tmp_path: Path) -> None:
    def few() -> None:
        resource.setrlimit(resource.RLIMIT_NOFILE, (9, 9))

    env = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT / "src"), **GOOD}
    command = [*TASKWARD, "check"]
    done = await asyncio.to_thread(
        subprocess.run, command, cwd=tmp_path, env=env, capture_output=True, text=True, preexec_fn=few, check=False
    )
    assert done.returncode in (1, 2), done.stderr
    assert "Traceback" not in done.stderr
