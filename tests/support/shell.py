"""Runs `taskward` commands: beside a key server, or in this process with another environment."""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest_asyncio

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


@dataclass(frozen=True)
class Shell:
    """Runs the command in an empty folder with an environment of its own, next to a key server that answers."""

    folder: Path
    issuer: Issuer
    jwks_url: str
    database_url: str

    @property
    def env(self) -> dict[str, str]:
        return {
            "DATABASE_URL": self.database_url,
            "JWKS_URL": self.jwks_url,
            "JWT_ISSUER": self.issuer.url,
            "JWT_AUDIENCE": self.issuer.audience,
        }

    async def run(self, *arguments: str, stdin: bytes = b"", **changes: str) -> Done:
        env = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT / "src"), "PYTHONUTF8": "1", **self.env, **changes}
        pipe = asyncio.subprocess.PIPE
        process = await asyncio.create_subprocess_exec(
            *TASKWARD, *arguments, cwd=self.folder, env=env, stdin=pipe, stdout=pipe, stderr=pipe
        )
        out, err = await process.communicate(stdin)
        done = Done(await process.wait(), out.decode(), err.decode())
        assert "Traceback" not in done.err, done.err
        assert "hunter2" not in done.out + done.err
        return done


@pytest_asyncio.fixture
async def shell(tmp_path: Path, issuer: Issuer, database_url: str) -> AsyncIterator[Shell]:
    async with issuer.serve() as jwks_url:
        yield Shell(tmp_path, issuer, jwks_url, database_url)
