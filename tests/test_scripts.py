"""scripts/run.py and scripts/browser.py, run in a folder of their own."""

import contextlib
import http.server
import os
import shutil
import signal
import socket
import stat
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from tests.support.process import ROOT, answers, free_port, program, until
from tests.support.script import script

WEB = """
import { createServer } from "node:http";
import { writeFileSync } from "node:fs";
const server = createServer((request, response) => {
  response.setHeader("X-Taskward-Run", process.env.TASKWARD_RUN_ID).end("ok");
});
server.listen(Number(process.env.PORT), process.env.HOSTNAME, () => console.log(`told ${process.env.BETTER_AUTH_URL}`));
process.on("SIGTERM", () => { console.log("goodbye from web"); process.exit(0); });
writeFileSync("pid", String(process.pid));
"""

needs_node = pytest.mark.skipif("CI" not in os.environ and not shutil.which("node"), reason="Node.js is not installed")


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """A clone with a web client of ten lines."""
    (tmp_path / "scripts").mkdir()
    shutil.copy(ROOT / "scripts/run.py", tmp_path / "scripts")
    (tmp_path / "web/server").mkdir(parents=True)
    (tmp_path / "web/server/start.mjs").write_text(WEB)
    return tmp_path


@pytest.fixture
def ports() -> dict[str, str]:
    return {"PORT": str(free_port()), "WEB_PORT": str(free_port())}


def running(clone: Path, ports: dict[str, str]) -> contextlib.AbstractContextManager[subprocess.Popen[bytes]]:
    return program([sys.executable, str(clone / "scripts/run.py")], clone / "log", ports, cwd=clone)


def reachable(port: str) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", int(port))) == 0


@needs_node
def test_make_run_starts_everything_stops_it_in_order_and_keeps_the_data(clone: Path, ports: dict[str, str]) -> None:
    log, kept = clone / "log", []
    for _ in range(2):
        with running(clone, ports) as process:
            until(lambda: "Taskward is running" in log.read_text(), process, log)
            assert answers(f"http://127.0.0.1:{ports['PORT']}/readyz")
            assert f"told http://localhost:{ports['WEB_PORT']}" in log.read_text()
            process.send_signal(signal.SIGINT)
            assert process.wait(30) == 0
        said = log.read_text()
        assert said.index("goodbye from web") < said.index("Application shutdown complete") < said.index("Stopped.")
        assert not reachable(ports["PORT"])
        secret = clone / ".data/better-auth-secret"
        assert stat.S_IMODE(secret.stat().st_mode) == 0o600
        assert secret.read_text() not in said
        kept.append((secret.read_text(), (clone / ".data/postgres/data/PG_VERSION").stat().st_ino))
    assert kept[0] == kept[1]


@needs_node
def test_when_one_part_dies_make_run_says_which_and_stops_the_rest(clone: Path, ports: dict[str, str]) -> None:
    log = clone / "log"
    with running(clone, ports) as process:
        until(lambda: "Taskward is running" in log.read_text(), process, log)
        os.kill(int((clone / "web/pid").read_text()), signal.SIGKILL)
        assert process.wait(30) == 1
    assert "✗ web was ended by SIGKILL" in log.read_text()
    assert not reachable(ports["PORT"])


@needs_node
@pytest.mark.skipif(sys.platform != "linux", reason="PR_SET_PDEATHSIG is Linux's")
def test_a_killed_make_run_leaves_no_process(clone: Path, ports: dict[str, str]) -> None:
    log = clone / "log"
    with running(clone, ports) as process:
        until(lambda: "Taskward is running" in log.read_text(), process, log)
        database = (clone / ".data/postgres/data/postmaster.pid").read_text().splitlines()[3]
        process.kill()
        process.wait()
        with program(["sleep", "60"], clone / "sleep", {}) as patience:
            left = [*ports.values(), database]
            until(lambda: not any(reachable(port) for port in left), patience, log)


def test_a_port_in_use_is_one_line_before_anything_starts(clone: Path, ports: dict[str, str]) -> None:
    with socket.create_server(("127.0.0.1", int(ports["WEB_PORT"]))), running(clone, ports) as process:
        assert process.wait(30) == 1
    said = (clone / "log").read_text().strip()
    assert "\n" not in said
    assert said.startswith(f"✗ Port {ports['WEB_PORT']}, for the web client: ")
    assert "make run WEB_PORT=" in said
    assert not (clone / ".data/postgres").exists()


@pytest.mark.skipif(not socket.has_ipv6, reason="this Python knows no IPv6")
def test_another_server_on_the_ipv6_loopback_is_named_before_anything_starts(
    clone: Path, ports: dict[str, str]
) -> None:
    with (
        socket.create_server(("::1", int(ports["WEB_PORT"])), family=socket.AF_INET6),
        running(clone, ports) as process,
    ):
        assert process.wait(30) == 1
    said = (clone / "log").read_text().strip()
    assert said.startswith(f"✗ Port {ports['WEB_PORT']} of [::1], for the web client: ")
    assert "make run WEB_PORT=" in said
    assert not (clone / ".data/postgres").exists()


@pytest.mark.skipif(not socket.has_ipv6, reason="this Python knows no IPv6")
def test_a_server_that_came_to_the_ipv6_loopback_meanwhile_is_found_before_it_says_ready() -> None:
    run = script("run")

    class Other(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None: ...

    class Server(http.server.HTTPServer):
        address_family = socket.AF_INET6

    with Server(("::1", 0), Other) as other:
        threading.Thread(target=other.serve_forever, daemon=True).start()
        env = {"PORT": str(free_port()), "WEB_PORT": str(other.server_port), run.RUN_ID: "ours"}
        with pytest.raises(run.CannotRunError, match=rf"Another program answers on \[::1\]:{other.server_port}"):
            run.check_names(env)
        other.shutdown()


@needs_node
def test_the_web_client_is_waited_for_while_it_is_built(clone: Path, ports: dict[str, str]) -> None:
    log = clone / "log"
    # As scripts/install.py does: the builder is started first, then run.py takes the place of its parent.
    starter = (
        "import os, subprocess, sys; page = subprocess.Popen(['sh', '-c', sys.argv[2]]); "
        "os.execv(sys.executable, [sys.executable, sys.argv[1], '--page', str(page.pid)])"
    )
    command = [sys.executable, "-c", starter, str(clone / "scripts/run.py")]
    with program([*command, "sleep 1; touch built"], log, ports, cwd=clone) as process:
        until(lambda: "Taskward is running" in log.read_text(), process, log)
        assert (clone / "built").exists()
    with program([*command, "exit 3"], log, ports, cwd=clone) as process:
        assert process.wait(30) == 1
    assert "✗ The web client could not be built" in log.read_text()
    assert not reachable(ports["PORT"])


def test_a_database_that_cannot_be_used_is_one_line_without_its_password(clone: Path, ports: dict[str, str]) -> None:
    (clone / ".env").write_text(f"DATABASE_URL=postgresql://me:hunter2@127.0.0.1:{free_port()}/nowhere\n")
    with running(clone, ports) as process:
        assert process.wait(60) == 1
    said = (clone / "log").read_text()
    assert "✗ The database cannot be used" in said
    assert "hunter2" not in said
    assert "Traceback" not in said
    assert not (clone / ".data/postgres").exists(), "DATABASE_URL means that database and no embedded one"


def test_the_environment_wins_over_the_file_and_the_file_over_what_fits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = script("run")
    monkeypatch.setattr(run, "ROOT", tmp_path)
    monkeypatch.setattr(run, "DATA", tmp_path / ".data")
    for name in ("PORT", "BETTER_AUTH_URL", "JWT_ISSUER", "JWT_SECRET", "JWKS_URL", "CORS_ORIGINS"):
        monkeypatch.delenv(name, raising=False)
    (tmp_path / ".env").write_text("PORT=8111\nWEB_PORT=3111\nJWT_AUDIENCE=mine\nGITHUB_CLIENT_ID=handed-on\n")
    monkeypatch.setenv("WEB_PORT", "3222")
    env = run.environment()
    assert (env["PORT"], env["WEB_PORT"], env["JWT_AUDIENCE"]) == ("8111", "3222", "mine")
    assert env["JWT_ISSUER"] == env["CORS_ORIGINS"] == env["BETTER_AUTH_URL"] == "http://localhost:3222"
    assert env["JWKS_URL"] == "http://localhost:3222/api/auth/jwks"
    assert env["GITHUB_CLIENT_ID"] == "handed-on"
    monkeypatch.setenv("JWT_SECRET", "s" * 32)
    assert "JWKS_URL" not in run.environment(), "the two exclude each other"


@pytest.mark.parametrize(("ci", "code"), [("true", 1), ("", 0)])
def test_browser_tests_without_a_browser_are_named_as_skipped_and_fail_on_ci(
    ci: str, code: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    browser = script("browser")
    monkeypatch.setattr(browser, "chromium", lambda: None)
    monkeypatch.setenv("CI", ci)
    assert browser.main() == code
    assert "Browser tests skipped" in capsys.readouterr().out
