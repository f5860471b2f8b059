"""`taskward serve` as a process of its own, with real keys over a real socket."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from subprocess import Popen

import httpx

from tests.support.process import TASKWARD, answers, free_port, program, until
from tokenward.testing import Issuer


@dataclass(frozen=True)
class Service:
    """One `taskward serve`. `log` holds everything it has said."""

    url: str
    port: int
    process: Popen[bytes]
    log: Path

    def said(self) -> str:
        return self.log.read_text(errors="replace")

    def client(self, token: str, **options: object) -> httpx.AsyncClient:
        """Somebody with this token, on connections that are kept open."""
        headers = {"authorization": f"Bearer {token}"}
        return httpx.AsyncClient(base_url=self.url, headers=headers, trust_env=False, timeout=30, **options)  # type: ignore[arg-type]  # httpx's own options


@asynccontextmanager
async def serving(
    issuer: Issuer,
    jwks_url: str,
    database_url: str,
    folder: Path,
    *,
    command: tuple[str, ...] = (*TASKWARD, "serve"),
    ready: str = "/readyz",
    **settings: str,
) -> AsyncIterator[Service]:
    """Start the service and wait until `ready` answers; `settings` are environment variables."""
    port = int(settings.pop("PORT", 0)) or free_port()
    log = folder / f"taskward-{port}.log"
    env = {
        "DATABASE_URL": database_url,
        "JWKS_URL": jwks_url,
        "JWT_ISSUER": issuer.url,
        "JWT_AUDIENCE": issuer.audience,
        "LOG_LEVEL": "warning",
        "LOG_FORMAT": "json",
        **settings,
    }
    with program([*command, "--port", str(port)], log, env, cwd=folder) as process:
        url = f"http://127.0.0.1:{port}"
        await asyncio.to_thread(until, lambda: answers(url + ready), process, log)
        yield Service(url, port, process, log)


async def eventually(ask: object, seconds: float = 30) -> float:
    """Wait until `await ask()` is true; seconds it took."""
    loop = asyncio.get_running_loop()
    started = loop.time()
    while not await ask():  # type: ignore[operator]  # any coroutine function without arguments
        assert loop.time() - started < seconds, "it never came to be"
        await asyncio.sleep(0.02)
    return loop.time() - started
