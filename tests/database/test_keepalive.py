"""TCP keepalive of the service's connections to PostgreSQL, as the kernel reports it."""

from __future__ import annotations

import asyncio
import contextlib
import os
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.support.service import eventually, serving
from tokenward.testing import Issuer

pytestmark = pytest.mark.skipif(not Path("/proc/self/net/tcp").exists(), reason="needs Linux's /proc")

ESTABLISHED, KEEPALIVE_TIMER = "01", "02"


@dataclass(frozen=True)
class Socket:
    """A connection of a process. ``probe_in`` is the seconds until its next keepalive probe, None without keepalive."""

    probe_in: float | None


def connections(pid: int, port: int) -> list[Socket]:
    """The established connections of a process to this port of 127.0.0.1 (proc(5), /proc/net/tcp)."""
    own = set()
    for descriptor in Path(f"/proc/{pid}/fd").iterdir():
        with contextlib.suppress(FileNotFoundError):  # closed since it was listed
            target = os.readlink(descriptor)
            if target.startswith("socket:["):
                own.add(target[len("socket:[") : -1])
    found = []
    for line in Path(f"/proc/{pid}/net/tcp").read_text().splitlines()[1:]:
        fields = line.split()
        remote, state, timer, inode = fields[2], fields[3], fields[5], fields[9]
        if inode in own and state == ESTABLISHED and int(remote.partition(":")[2], 16) == port:
            active, when = timer.split(":")
            ticks = int(when, 16) / os.sysconf("SC_CLK_TCK")
            found.append(Socket(ticks if active == KEEPALIVE_TIMER else None))
    return found


async def test_the_kernel_probes_idle_connections_to_the_database(
    issuer: Issuer, database_url: str, tmp_path: Path
) -> None:
    port = urlsplit(database_url).port
    assert port is not None
    async with issuer.serve() as jwks, serving(issuer, jwks, database_url, tmp_path) as service:
        async with service.client(issuer.token("ada")) as client:
            answers = await asyncio.gather(*(client.get("/api/me/tasks") for _ in range(8)))
            assert {answer.status_code for answer in answers} == {200}

        async def idle() -> bool:
            """No connection waits for an answer or an acknowledgement: that needs another timer."""
            return all(each.probe_in is not None for each in connections(service.process.pid, port))

        await eventually(idle, 10)
        delays = sorted(each.probe_in or 0.0 for each in connections(service.process.pid, port))
        assert len(delays) >= 2, "one that listens, and those of the pool"
        assert delays[0] <= 5, "the one that listens is probed after 5 s"
        assert 5 < delays[-1] <= 30, "the pool's are probed after 30 s"
