"""`make run`'s stack, with the web client as it is built: what README promises, and a backup that can be restored."""

import asyncio
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import asyncpg
import httpx
import pytest

from taskward.embedded import EmbeddedPostgres
from taskward.embedded.binaries import Binaries
from tests.support.process import ROOT, free_port, program, until

BUILT = (ROOT / "web/.next/standalone/.next/BUILD_ID").exists()
pytestmark = pytest.mark.skipif(
    not BUILT and "STACK" not in os.environ, reason="the web client is not built: run make test-stack"
)
SECRET = "for-tests-only-" * 3


@contextmanager
def stack(database_url: str, log: Path) -> Iterator[tuple[str, str]]:
    """`scripts/run.py` on this database; the URLs of the web client and of the API."""
    ports = {"PORT": str(free_port()), "WEB_PORT": str(free_port())}
    settings = {"DATABASE_URL": database_url, "BETTER_AUTH_SECRET": SECRET, **ports}
    with program([sys.executable, str(ROOT / "scripts/run.py")], log, settings) as process:
        until(lambda: "Taskward is running" in log.read_text(errors="replace"), process, log)
        yield f"http://localhost:{ports['WEB_PORT']}", f"http://localhost:{ports['PORT']}"


def test_make_runs_stack_passes_the_smoke_test(tmp_path: Path) -> None:
    with (
        EmbeddedPostgres(tmp_path / "postgres", ephemeral=True) as server,
        stack(server.url(), tmp_path / "log") as urls,
    ):
        done = subprocess.run(["sh", ROOT / "scripts/smoke.sh", *urls], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        assert "All as promised" in done.stdout
        assert "skipped" not in done.stdout, "revocations are on in make run"
        assert "eyJ" not in done.stdout + done.stderr, "a token was printed"
        # With the two bases exchanged nothing is as promised, and it says so.
        wrong = subprocess.run(
            ["sh", ROOT / "scripts/smoke.sh", *urls[::-1]], capture_output=True, text=True, check=False
        )
        assert (wrong.returncode, wrong.stderr[:1]) == (1, "✗")


def test_the_image_holds_no_library_that_resizes_images() -> None:
    """sharp and libvips were half of it. The image is this folder (Dockerfile, stage `web`)."""
    found = {path.name for path in (ROOT / "web/.next/standalone/node_modules").iterdir()}
    assert found
    assert not found & {"sharp", "@img"}


async def rows(database_url: str) -> dict[str, list[str]]:
    """Every row of every table, in every schema of ours."""
    connection = await asyncpg.connect(database_url)
    try:
        tables = await connection.fetch(
            """SELECT quote_ident(schemaname) || '.' || quote_ident(tablename) AS name FROM pg_tables
               WHERE schemaname IN ('public', 'auth') ORDER BY 1"""
        )
        return {
            table["name"]: [
                row["row"]
                for row in await connection.fetch(f"SELECT t::text AS row FROM {table['name']} t ORDER BY 1")  # noqa: S608 - a name PostgreSQL quoted
            ]
            for table in tables
        }
    finally:
        await connection.close()


def commands_of_the_manual() -> str:
    section = re.search(r"^## Backup and restore\n(.*?)^## ", (ROOT / "docs/operating.md").read_text(), re.M | re.S)
    assert section
    return "\n".join(re.findall(r"^(?:pg_dump|pg_restore) .*$", section[1], re.M))


def test_a_backup_restored_into_an_empty_server_has_everything_sessions_and_revocations_included(
    tmp_path: Path,
) -> None:
    title = "Water the plants"
    with (
        EmbeddedPostgres(tmp_path / "one", ephemeral=True) as one,
        EmbeddedPostgres(tmp_path / "two", ephemeral=True) as two,
        httpx.Client(trust_env=False, timeout=30) as browser,
        httpx.Client(trust_env=False, timeout=30) as gone,
    ):
        with stack(one.url(), tmp_path / "log-one") as (web, api):
            for person, name in ((browser, "ada"), (gone, "grace")):
                body = {"name": name, "email": f"{name}@example.test", "password": "correct horse battery"}
                answer = person.post(f"{web}/api/auth/sign-up/email", json=body, headers={"origin": web})
                assert answer.status_code == 200, answer.text
            bearer = {"authorization": f"Bearer {browser.get(f'{web}/api/auth/token').json()['token']}"}
            assert browser.post(f"{api}/api/me/tasks", json={"title": title}, headers=bearer).status_code == 201
            assert gone.post(f"{web}/api/auth/sign-out", json={}, headers={"origin": web}).status_code == 200
        before = asyncio.run(rows(one.url()))
        assert before["auth.session"]
        assert before["auth.jwks"]
        assert len(before["auth.revocations"]) == 1
        commands = commands_of_the_manual()
        assert commands.count("\n") == 1
        environment = {
            # The server's own version of both programs: an older pg_dump refuses.
            "PATH": f"{Binaries.found(None).folder}:{os.environ['PATH']}",
            "DATABASE_URL": one.url(),
            "NEW_DATABASE_URL": two.url(),
        }
        done = subprocess.run(["sh", "-euc", commands], cwd=tmp_path, env=environment, capture_output=True, check=False)
        assert done.returncode == 0, done.stderr
        assert asyncio.run(rows(two.url())) == before
        with stack(two.url(), tmp_path / "log-two") as (web, api):
            # The cookie is the one of before: cookies know no ports.
            answer = browser.get(f"{web}/api/auth/token")
            assert answer.status_code == 200, "the session has survived"
            bearer = {"authorization": f"Bearer {answer.json()['token']}"}
            tasks = browser.get(f"{api}/api/me/tasks", headers=bearer).json()["items"]
            assert [task["title"] for task in tasks] == [title]
            assert gone.get(f"{web}/api/auth/token").status_code == 401
            # The triggers came along: signing out writes a revocation.
            assert browser.post(f"{web}/api/auth/sign-out", json={}, headers={"origin": web}).status_code == 200
        assert len(asyncio.run(rows(two.url()))["auth.revocations"]) == 2
