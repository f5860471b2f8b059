"""Failures of log, metrics and events: they change no answer and no exit code."""

from __future__ import annotations

import asyncio
import errno
import json
import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from taskward.operating import log
from taskward.operating.metrics import Metrics
from taskward.operating.writer import Writer
from tests.conftest import Introduce
from tests.support.process import ROOT, TASKWARD, answers, free_port
from tokenward.testing import Issuer

BAD = {"authorization": "Bearer not.a.token"}


def gone() -> int:
    """The writing end of a pipe that nobody reads."""
    reader, writer = os.pipe()
    os.close(reader)
    return writer


def full() -> int:
    """A disk that is full."""
    return os.open("/dev/full", os.O_WRONLY)


def started(folder: Path, env: dict[str, str], descriptor: int) -> subprocess.Popen[bytes]:
    return subprocess.Popen([*TASKWARD, "serve"], cwd=folder, env=env, stdout=descriptor, stderr=descriptor)


@pytest.mark.parametrize("trouble", [gone, full])
@pytest.mark.parametrize("form", ["json", "console"])
@pytest.mark.parametrize("workers", ["1", "2"])
async def test_a_log_that_cannot_be_written_changes_no_answer_and_no_exit_code(
    issuer: Issuer, database_url: str, tmp_path: Path, trouble: Any, form: str, workers: str
) -> None:
    port, descriptor = free_port(), trouble()
    async with issuer.serve() as jwks_url:
        env = {
            **{"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT / "src"), "DATABASE_URL": database_url},
            **{"JWKS_URL": jwks_url, "JWT_ISSUER": issuer.url, "JWT_AUDIENCE": issuer.audience, "WORKERS": workers},
            **{"LOG_FORMAT": form, "LOG_LEVEL": "debug", "PORT": str(port), "AUTH_FAILURES": "2/minute"},
        }
        process = started(tmp_path, env, descriptor)
        try:
            url = f"http://127.0.0.1:{port}"
            for _ in range(300):
                if await asyncio.to_thread(answers, f"{url}/readyz"):
                    break
                await asyncio.sleep(0.05)
            issuer.rotate()
            async with httpx.AsyncClient(base_url=url, trust_env=False, timeout=20) as client:
                path = "/api/me/tasks"
                seen = [(await client.get("/readyz")).status_code, (await client.get(path)).status_code]
                seen += [(await client.get(path, headers=BAD)).status_code for _ in range(2)]
                good = {"authorization": f"Bearer {issuer.token('ada')}"}
                seen.append((await client.post(path, headers=good, json={"title": "x"})).status_code)
                seen.append(
                    (
                        await client.post(path, headers={**good, "content-type": "application/json"}, content=b"{")
                    ).status_code
                )
                seen.append((await client.get("/nowhere")).status_code)
            assert seen == [200, 401, 401, 401, 201, 400, 404]
            process.send_signal(signal.SIGTERM)
            assert await asyncio.to_thread(process.wait, 20) == 0
        finally:
            process.kill()
            process.wait()
            os.close(descriptor)


class Disk:
    """`os.write` on a disk that may be full, or have room for half a line."""

    def __init__(self) -> None:
        self.written = b""
        self.room = 10_000

    def write(self, descriptor: int, data: bytes) -> int:
        if not self.room:
            raise OSError(errno.ENOSPC, "No space left on device")
        taken = data[: self.room]
        self.room -= len(taken)
        self.written += taken
        return len(taken)


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch) -> Iterator[Disk]:
    disk = Disk()
    with monkeypatch.context() as patched:
        patched.setattr(os, "write", disk.write)
        yield disk


def test_lines_that_were_dropped_are_counted_in_the_first_that_can_be_written_again(disk: Disk) -> None:
    writer = Writer(2, b'{"event": "dropped", "count": %d}')
    writer.msg(b'{"event": "one"}')
    disk.room = 0
    writer.msg(b'{"event": "two"}')
    writer.msg(b'{"event": "three"}')
    disk.room = 10_000
    writer.msg(b'{"event": "four"}')
    writer.msg(b'{"event": "five"}')
    told = [json.loads(line) for line in disk.written.splitlines()]
    assert told == [{"event": "one"}, {"event": "dropped", "count": 2}, {"event": "four"}, {"event": "five"}]


def test_half_a_line_is_ended_before_the_next_begins(disk: Disk) -> None:
    writer = Writer(2, b"dropped %d")
    disk.room = 3
    writer.msg("abcdef")
    disk.room = 10_000
    writer.msg("next")
    assert disk.written.splitlines() == [b"abc", b"dropped 1", b"next"]


@pytest.mark.parametrize("text", ["\ud800", "é", "\x00", ""])
def test_any_text_is_written(disk: Disk, text: str) -> None:
    Writer(2, b"").msg(text)
    assert disk.written.endswith(b"\n")


async def _answers(client: httpx.AsyncClient, person: Introduce, issuer: Issuer) -> list[tuple[int, str]]:
    ada = await person("ada")
    issuer.rotate()
    later = await person("later")
    found = [
        await client.get("/api/me/tasks"),
        *[await client.get("/api/me/tasks", headers=BAD) for _ in range(8)],
        await ada.get("/api/me/tasks"),
        await ada.get("/api/me/tasks"),
        await later.post("/api/me/tasks", json={"title": "x"}),
        await ada.post("/api/me/tasks", content=b"{", headers={"content-type": "application/json"}),
        await client.get("/readyz"),
        await client.get("/nowhere"),
        await client.request("BREW", "/healthz"),
    ]
    return [(answer.status_code, answer.json().get("code", "")) for answer in found]


EVENTS = [name for name in vars(log.LoggedEvents) if not name.startswith("_") and name != "sum_up"]
OBSERVERS = [
    *((log.LoggedEvents, name) for name in EVENTS),
    *((Metrics, name) for name in ("answered", "authenticated", "fetched")),
]


@pytest.mark.parametrize(("observer", "method"), OBSERVERS, ids=lambda value: getattr(value, "__name__", value))
async def test_an_observer_that_raises_changes_no_answer(
    client: httpx.AsyncClient,
    person: Introduce,
    issuer: Issuer,
    monkeypatch: pytest.MonkeyPatch,
    observer: type,
    method: str,
) -> None:
    told: list[str] = []

    def trouble(*_: object, **__: object) -> None:
        told.append(method)
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(observer, method, trouble)
    seen = await _answers(client, person, issuer)
    assert seen == [
        (401, "missing_token"),
        *[(401, "invalid_token")] * 5,
        *[(429, "too_many_failures")] * 3,
        *[(200, "")] * 2,
        (201, ""),
        (400, "malformed_json"),
        (200, ""),
        (404, "not_found"),
        (405, "method_not_allowed"),
    ]
    not_met_here = ("unavailable", "uncounted", "out_of_step", "unproved", "key_refused")
    assert told or method in not_met_here, "it was asked at all"
