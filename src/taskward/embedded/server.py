"""One PostgreSQL server, run as a child of this process on 127.0.0.1.

Only the wheel's binaries are used, not its Python API. Two difficulties:

- PostgreSQL refuses to run as root. Root therefore starts it as an account without privileges, which often cannot enter
  the folders above the clone (`/root`, `mktemp -d`: mode 0700). No permissions are changed: the server inherits the
  data folder as its working directory, and gets a temporary copy of the binaries.
- No server may stay behind, and Ctrl-C in a terminal reaches every process of its group while the service still needs
  the database. Therefore guard.py, in a session of its own, starts and stops the server.
"""

import contextlib
import fcntl
import os
import re
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import BinaryIO, Self

from taskward.embedded import guard
from taskward.embedded.binaries import Binaries, PostgresUnavailable, account_for

_INITDB = (
    "--username=postgres",
    "--auth=scram-sha-256",
    "--pwfile=../password",
    "--encoding=UTF8",
    # Needs no locale of the machine, and its lower() and ILIKE know all of Unicode.
    "--locale=C",
    "--locale-provider=builtin",
    "--builtin-locale=C.UTF-8",
)


class EmbeddedPostgres:
    """One server with its data in `folder`, and a random password in `folder/password` (mode 0600).

    `port` 0 takes a free port and keeps it over a restart. `ephemeral` turns durability off, for tests. `settings` are
    settings of PostgreSQL, such as `{"max_connections": "20"}`.
    """

    def __init__(
        self, folder: Path, port: int = 0, *, ephemeral: bool = False, settings: dict[str, str] | None = None
    ) -> None:
        self.folder, self.port, self._ephemeral = folder.absolute(), port, ephemeral
        self._settings = {"listen_addresses": "127.0.0.1", "unix_socket_directories": ""} | (settings or {})
        if ephemeral:
            self._settings |= {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}
        self._guard: subprocess.Popen[bytes] | None = None
        self._copy = ""

    def url(self, database: str = "taskward", user: str = "taskward") -> str:
        """The DSN of `database` for `user`: `taskward` may create databases, `postgres` is the superuser."""
        return f"postgresql://{user}:{self._password()}@127.0.0.1:{self.port}/{database}"

    def start(self) -> str:
        """Start the server, created first if needed, and return the DSN of its database.

        Raises PostgresUnavailable, whose message says what to do.
        """
        if self._guard is None:
            try:
                with self._locked() as lock:  # the server inherits the lock and keeps it
                    self._start(lock.fileno())
            except PermissionError as error:
                raise PostgresUnavailable(
                    f"{error.filename} belongs to another user: run as that user, or remove {self.folder}."
                ) from error
            except BaseException:
                self.kill()
                raise
        return self.url()

    def stop(self) -> None:
        """Shut down: open transactions are rolled back, committed ones are on disk."""
        if self._guard is not None and self._guard.stdin is not None:
            self._guard.stdin.close()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._guard.wait(30)
        self.kill()  # removes the temporary copy; the server has ended

    def kill(self) -> None:
        """Kill the server at once, like a power cut. The next start recovers from the write-ahead log."""
        guard, self._guard = self._guard, None
        if guard is not None:
            if guard.poll() is None:
                os.killpg(
                    guard.pid, signal.SIGKILL
                )  # the guard and the postmaster; the server's other processes then exit
            guard.communicate()
        if self._copy:
            shutil.rmtree(self._copy, ignore_errors=True)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _password(self) -> str:
        return (self.folder / "password").read_text()

    def _locked(self) -> BinaryIO:
        """The lock that a running server holds, even after its parent has ended. Raises PostgresUnavailable."""
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = (self.folder / "lock").open("ab")
        deadline = time.monotonic() + 10  # a previous server may still be shutting down
        while True:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return lock
            except BlockingIOError:
                if time.monotonic() > deadline:
                    lock.close()
                    raise PostgresUnavailable(
                        f"{self.folder} is in use by another Taskward: stop that one, or set DATABASE_URL."
                    ) from None
                time.sleep(0.05)

    def _start(self, lock: int) -> None:
        account = account_for(self.folder)
        for _ in range(3):  # another program may take the free port first
            binaries = Binaries.found(account)
            self._copy = binaries.copy
            if self.folder.stat().st_uid == 0:
                binaries.give(self.folder, *self.folder.rglob("*"))
            if not (self.folder / "data").exists():
                self._create(binaries)
            # We hold the lock, so the server that wrote this file has ended, even if another process has its id now.
            (self.folder / "data" / "postmaster.pid").unlink(missing_ok=True)
            port = self.port or _free_port()
            if self._launch(binaries, lock, port):
                self.port = port
                return
            wrong = (self.folder / "server.log").read_text(errors="replace")
            if "Address already in use" not in wrong:
                reasons = (
                    re.findall(r"(?:FATAL|PANIC|error): +(.*)", wrong) or wrong.splitlines() or ["no reason given"]
                )
                raise PostgresUnavailable(f"PostgreSQL did not start: {reasons[-1]} ({self.folder / 'server.log'})")
            if self.port:
                break
        raise PostgresUnavailable(
            f"Port {port} is in use: stop the program that listens there, or choose another port for PostgreSQL."
        )

    def _create(self, binaries: Binaries) -> None:
        new = self.folder / "data.new"  # renamed when complete, so that an interrupted start leaves no partial data
        shutil.rmtree(new, ignore_errors=True)
        new.mkdir(mode=0o700)
        password = self.folder / "password"
        password.touch(0o600)
        password.write_text(secrets.token_hex(24))
        binaries.give(new, password)
        fast = ["--no-sync"] if self._ephemeral else []
        binaries.run("initdb", *_INITDB, *fast, "-D", binaries.here, cwd=new)
        # Single-user mode needs no server and reads one statement per line. The password is hexadecimal: no quoting.
        statements = f"CREATE ROLE taskward LOGIN CREATEDB PASSWORD '{self._password()}'\n"
        statements += "CREATE DATABASE taskward OWNER taskward\n"
        binaries.run("postgres", "--single", "-D", binaries.here, "postgres", cwd=new, given=statements)
        new.rename(self.folder / "data")

    def _launch(self, binaries: Binaries, lock: int, port: int) -> bool:
        settings = [f"--{name}={value}" for name, value in (self._settings | {"port": str(port)}).items()]
        account = [str(binaries.account.pw_uid), str(binaries.account.pw_gid)] if binaries.account else ["", ""]
        program = [sys.executable, "-ISE", guard.__file__, *account, binaries.copy]
        with (self.folder / "server.log").open("wb") as log:
            self._guard = subprocess.Popen(  # noqa: S603 - this interpreter and the wheel's binary
                [*program, str(binaries.folder / "postgres"), "-D", binaries.here, *settings],
                cwd=self.folder / "data",
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                pass_fds=(lock,),
                start_new_session=True,
            )
        deadline = time.monotonic() + 60  # recovery after a crash can take long
        while self._guard.poll() is None and time.monotonic() < deadline:
            if self._is_ready():
                return True
            time.sleep(0.005)
        self.kill()
        return False

    def _is_ready(self) -> bool:
        """Whether the eighth line of postmaster.pid says ready, which is what `pg_ctl` waits for."""
        try:
            return (self.folder / "data" / "postmaster.pid").read_text().splitlines()[7].strip() == "ready"
        except (FileNotFoundError, IndexError):
            return False


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
