"""Upgrade from the last release and back, under load: no request fails, and no acknowledged change is lost."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from taskward.database.migrate import downgrade, upgrade
from tests.support.process import ROOT
from tests.support.service import Service, serving
from tokenward.testing import Issuer

LAST_RELEASE = "5bc5975"
OLD = (sys.executable, "-c", "import sys; from taskward.cli import main; sys.exit(main())", "serve")


@pytest.fixture
def old_source(tmp_path: Path) -> Path:
    """The last release's code and migrations, out of the repository's history."""
    command = ["git", "archive", LAST_RELEASE, "src", "migrations"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, check=False)
    if done.returncode:
        pytest.skip(f"this clone has no commit {LAST_RELEASE}: git fetch --unshallow")
    source = tmp_path / "old"
    source.mkdir()
    subprocess.run(["tar", "--extract"], input=done.stdout, cwd=source, check=True)  # tarfile of 3.11.2 has no filter
    return source


def migrated_by(source: Path, database_url: str) -> None:
    """Migrate as that release does, by its own code."""
    program = "import sys; from taskward.migrate import upgrade; upgrade(sys.argv[1])"
    subprocess.run(
        [sys.executable, "-c", program, database_url], env={"PYTHONPATH": str(source / "src")}, cwd=source, check=True
    )


class Traffic:
    """A person who creates, completes and lists through whichever replica is in front, and remembers what was said."""

    def __init__(self, token: str) -> None:
        self.front = ""
        self.token = token
        self.acknowledged: dict[str, bool] = {}
        self.failures: list[str] = []
        self.requests = 0
        self.answered = asyncio.Event()

    async def run(self, stop: asyncio.Event) -> None:
        headers = {"authorization": f"Bearer {self.token}"}
        async with httpx.AsyncClient(headers=headers, trust_env=False, timeout=20) as client:
            while not stop.is_set():
                created = await self.ask(client, "POST", "tasks", 201, json={"title": f"Task {self.requests}"})
                if created:
                    self.acknowledged[created["id"]] = False
                    if await self.ask(client, "PATCH", f"tasks/{created['id']}/complete", 200):
                        self.acknowledged[created["id"]] = True
                await self.ask(client, "GET", "tasks?limit=50", 200)

    async def ask(self, client: httpx.AsyncClient, method: str, path: str, good: int, **body: object) -> dict[str, str]:
        self.requests += 1
        self.answered.set()
        try:
            answer = await client.request(method, f"{self.front}/api/me/{path}", **body)  # type: ignore[arg-type]  # json=
        except httpx.TransportError as error:
            self.failures.append(f"{method} {path}: {type(error).__name__}")
            return {}
        if answer.status_code != good:
            self.failures.append(f"{method} {path}: {answer.status_code} {answer.text[:200]}")
            return {}
        return dict(answer.json())

    async def some(self) -> None:
        """Until 30 more requests were answered through the replica that is in front now."""
        until = self.requests + 30
        while self.requests < until and not self.failures:
            await asyncio.wait_for(self.answered.wait(), 20)
            self.answered.clear()


async def everything(service: Service, token: str) -> dict[str, bool]:
    found: dict[str, bool] = {}
    async with service.client(token) as client:
        cursor: str | None = ""
        while cursor is not None:
            page = (
                await client.get("/api/me/tasks", params={"limit": 200, **({"cursor": cursor} if cursor else {})})
            ).json()
            found |= {task["id"]: task["completed"] for task in page["items"]}
            cursor = page["next_cursor"]
    return found


async def test_an_upgrade_and_a_downgrade_fail_no_request_and_lose_no_data(
    old_source: Path, empty_database_url: str, tmp_path: Path
) -> None:
    issuer = Issuer()
    await asyncio.to_thread(migrated_by, old_source, empty_database_url)
    old = {"command": OLD, "PYTHONPATH": str(old_source / "src")}
    async with issuer.serve() as jwks:
        traffic, stop = Traffic(issuer.token("ada")), asyncio.Event()
        async with serving(issuer, jwks, empty_database_url, tmp_path, **old) as before:  # type: ignore[arg-type]  # a command and a setting
            traffic.front = before.url
            running = asyncio.create_task(traffic.run(stop))
            await traffic.some()
            # Forward: the database first, beside the old replica; then a new replica; then the traffic.
            await asyncio.to_thread(upgrade, empty_database_url)
            await traffic.some()
            # A replica of the old release that is restarted meanwhile starts: it reads alembic_version, which stayed.
            async with serving(issuer, jwks, empty_database_url, tmp_path, **old) as restarted:  # type: ignore[arg-type]  # likewise
                assert set(traffic.acknowledged) & set(await everything(restarted, traffic.token))
                traffic.front = restarted.url
                await traffic.some()
                traffic.front = before.url
                await traffic.some()
            async with serving(issuer, jwks, empty_database_url, tmp_path) as after:
                traffic.front = after.url
                await traffic.some()
                known = set(traffic.acknowledged)
                for replica in (before, after):
                    assert known <= set(await everything(replica, traffic.token))
                # Back: the traffic first, then the new replica, then the database.
                traffic.front = before.url
                await traffic.some()
            await asyncio.to_thread(downgrade, empty_database_url, "0001")
            async with serving(issuer, jwks, empty_database_url, tmp_path, **old) as restarted:  # type: ignore[arg-type]  # likewise
                traffic.front = restarted.url
                await traffic.some()
                traffic.front = before.url
                await traffic.some()
            stop.set()
            await running
            assert traffic.failures == []
            assert await everything(before, traffic.token) == traffic.acknowledged
            assert len(traffic.acknowledged) > 20
            assert not any("Traceback" in service.said() for service in (before, after))
