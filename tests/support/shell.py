"""Runs `taskward` commands: beside a key server, or in this process with another environment."""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import pytest_asyncio

from taskward.cli.main import main
from tests.support.process import ROOT, TASKWARD
from tokenward.testing import Issuer


@contextlib.contextmanager
def environment(folder: Path, variables: Mapping[str, str | bytes]) -> Iterator[None]:
    """This process in this folder with these environment variables and no others.

    Enough for commands that end before they configure anything, and a second cheaper than a process of their own.
    """
    before = dict(os.environb)
    os.environb.clear()
    os.environb.update({os.fsencode(name): os.fsencode(value) for name, value in variables.items()})
    try:
        with contextlib.chdir(folder):
            yield
    finally:
        os.environb.clear()
        os.environb.update(before)


@dataclass(frozen=True)
class Done:
    code: int
    out: str
    err: str

    @property
    def lines(self) -> list[str]:
        return self.out.splitlines()

    def decent(self) -> Done:
        """Itself, without a traceback and without the password that tests use."""
        assert "Traceback" not in self.err, self.err
        assert "hunter2" not in self.out + self.err
        return self


@dataclass(frozen=True)
class Shell:
    """Runs the command in an empty folder with an environment of its own, next to a key server that answers."""

    folder: Path
    issuer: Issuer
    jwks_url: str
    database_url: str
    output: pytest.CaptureFixture[str]
    turn: asyncio.Lock = field(default_factory=asyncio.Lock)

    @property
    def env(self) -> dict[str, str]:
        return {
            "DATABASE_URL": self.database_url,
            "JWKS_URL": self.jwks_url,
            "JWT_ISSUER": self.issuer.url,
            "JWT_AUDIENCE": self.issuer.audience,
        }

    async def check(self, *arguments: str, **changes: str) -> Done:
        """`taskward check` in this process, one at a time."""
        async with self.turn:
            self.output.readouterr()
            with environment(self.folder, {"PATH": os.environ["PATH"], **self.env, **changes}):
                code = await asyncio.to_thread(main, ["check", *arguments])
            return Done(code, *self.output.readouterr()).decent()

    async def run(self, *arguments: str, stdin: bytes = b"", **changes: str) -> Done:
        """Any command, in a process of its own."""
        env = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT / "src"), "PYTHONUTF8": "1", **self.env, **changes}
        pipe = asyncio.subprocess.PIPE
        process = await asyncio.create_subprocess_exec(
            *TASKWARD, *arguments, cwd=self.folder, env=env, stdin=pipe, stdout=pipe, stderr=pipe
        )
        out, err = await process.communicate(stdin)
        return Done(await process.wait(), out.decode(), err.decode()).decent()


@pytest_asyncio.fixture
async def shell(
    tmp_path: Path, issuer: Issuer, database_url: str, capfd: pytest.CaptureFixture[str]
) -> AsyncIterator[Shell]:
    async with issuer.serve() as jwks_url:
        yield Shell(tmp_path, issuer, jwks_url, database_url, capfd)
