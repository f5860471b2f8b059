"""What happens to PostgreSQL servers: stopped, killed, promoted, without disk, behind a pooler."""

from __future__ import annotations

import os
import shutil
import signal
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path

import asyncpg

from taskward.embedded import EmbeddedPostgres
from tests.support.process import free_port, program, until

SETTINGS = {"fsync": "off", "max_connections": "60"}
"""A killed process loses nothing that the kernel was told, so only a power cut would need fsync."""


def processes_of(server: EmbeddedPostgres) -> list[int]:
    """The postmaster and everything it has started."""
    postmaster = int((server.folder / "data" / "postmaster.pid").read_text().splitlines()[0])
    found = [postmaster]
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            if int(stat.read_text().rpartition(")")[2].split()[1]) == postmaster:
                found.append(int(stat.parent.name))
        except (FileNotFoundError, ProcessLookupError):
            continue  # gone meanwhile
    return found


@contextmanager
def stopped(server: EmbeddedPostgres) -> Iterator[None]:
    """Every process of the server stands still: connections stay open and nobody answers."""
    pids = processes_of(server)
    try:
        for pid in pids:  # the postmaster first, so that nothing new is started meanwhile
            os.kill(pid, signal.SIGSTOP)
        yield
    finally:
        for pid in pids:  # those whose postmaster was killed meanwhile as well, or they would stand still for ever
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)


@asynccontextmanager
async def administrator(server: EmbeddedPostgres, database: str = "taskward") -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(server.url(database, "postgres"), timeout=10)
    try:
        yield connection
    finally:
        await connection.close(timeout=5)


CUT = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE usename = 'taskward'"

NO_SPACE = """
CREATE FUNCTION no_space() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN RAISE EXCEPTION 'could not extend file "base/1/2": No space left on device' USING ERRCODE = '53100'; END $$;
CREATE TRIGGER no_space BEFORE INSERT ON tasks FOR EACH ROW EXECUTE FUNCTION no_space()
"""
SPACE = "DROP TRIGGER no_space ON tasks; DROP FUNCTION no_space"


def replica_of(primary: EmbeddedPostgres, folder: Path) -> EmbeddedPostgres:
    """A streaming replica, not started yet, made by copying a primary that is not running."""
    shutil.copytree(primary.folder / "data", folder / "data", symlinks=True)
    shutil.copy(primary.folder / "password", folder / "password")
    (folder / "data").chmod(0o700)
    folder.chmod(0o700)
    (folder / "data" / "standby.signal").touch()
    password = (folder / "password").read_text()
    conninfo = f"host=127.0.0.1 port={primary.port} user=postgres password={password} application_name=replica"
    return EmbeddedPostgres(folder, settings={**SETTINGS, "primary_conninfo": conninfo})


@contextmanager
def pgbouncer(server: EmbeddedPostgres, folder: Path, *, pool: int = 2, **settings: object) -> Iterator[str]:
    """PgBouncer before the server, `pool` server connections for everybody; the database's URL.

    It is in transaction mode; `settings` are others of pgbouncer.ini.
    """
    more = "\n".join(f"{name} = {value}" for name, value in {"pool_mode": "transaction", **settings}.items())
    port = free_port()
    (folder / "users.txt").write_text(f'"taskward" "{(server.folder / "password").read_text()}"\n')
    (folder / "pgbouncer.ini").write_text(
        f"""
[databases]
taskward = host=127.0.0.1 port={server.port} dbname=taskward
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
unix_socket_dir =
auth_type = plain
auth_file = {folder}/users.txt
{more}
default_pool_size = {pool}
max_client_conn = 200
server_login_retry = 0
{"user = nobody" if os.geteuid() == 0 else ""}
"""
    )
    for path in (folder, folder / "users.txt", folder / "pgbouncer.ini"):
        path.chmod(0o755)
    log = folder / "pgbouncer.log"
    command = shutil.which("pgbouncer", path=f"{os.environ['PATH']}:/usr/sbin")  # Debian's place for it
    assert command, "PgBouncer is not installed"
    with program([command, str(folder / "pgbouncer.ini")], log, {}) as process:
        until(lambda: "process up" in log.read_text(), process, log)
        yield server.url().replace(f":{server.port}/", f":{port}/")
