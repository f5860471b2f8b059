"""Load: clients that write tasks, record what was acknowledged, and check it afterwards."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from uuid import uuid4

import httpx

from tokenward.testing import Issuer

PACE = 0.01
"""Seconds each person waits between two requests: bounded load, on cores that are shared."""


@dataclass
class Ledger:
    """What was answered to whom. A write is acknowledged when the answer said so, and only then."""

    statuses: Counter[int] = field(default_factory=Counter)
    lost: int = 0
    """Requests that got no answer at all: the connection ended."""
    wrong: list[str] = field(default_factory=list)
    """Answers that must not be: any 5xx but 503, or a 503 without its headers."""
    acknowledged: dict[tuple[str, str], str] = field(default_factory=dict)
    """By person and Idempotency-Key, the id of the task."""
    unacknowledged: set[tuple[str, str]] = field(default_factory=set)
    good: asyncio.Condition = field(default_factory=asyncio.Condition)
    slowest: float = 0.0

    @property
    def requests(self) -> int:
        return self.statuses.total() + self.lost

    def note(self, answer: httpx.Response) -> None:
        self.statuses[answer.status_code] += 1
        self.slowest = max(self.slowest, answer.elapsed.total_seconds())
        if answer.status_code == 503:
            right = (
                answer.headers.get("retry-after", "").isdigit()
                and answer.headers.get("content-type") == "application/problem+json"
                and answer.headers.get("x-request-id")
                and answer.json()["code"] == "database_unavailable"
            )
            if not right:
                self.wrong.append(f"a 503 without what belongs to it: {answer.headers} {answer.text[:200]}")
        elif answer.status_code not in (200, 201, 204):
            self.wrong.append(f"{answer.request.method} {answer.request.url}: {answer.status_code} {answer.text[:200]}")


class People:
    """Some people on some replicas, each writing under Idempotency-Keys and reading what was written."""

    def __init__(self, issuer: Issuer, urls: list[str], people: int = 8) -> None:
        self.ledger = Ledger()
        self._urls = urls
        self._tokens = {f"person-{number}": issuer.token(f"person-{number}") for number in range(people)}
        self._stopping = False

    @asynccontextmanager
    async def at_work(self) -> AsyncIterator[Ledger]:
        """Everybody works until the block ends."""
        self._stopping = False
        async with asyncio.TaskGroup() as group:
            for number, name in enumerate(self._tokens):
                group.create_task(self._work(name, self._urls[number % len(self._urls)]))
            try:
                yield self.ledger
            finally:
                self._stopping = True

    async def successes(self, more: int = 20) -> None:
        """Return once this many more requests have succeeded."""
        async with self.ledger.good:
            for _ in range(more):
                await asyncio.wait_for(self.ledger.good.wait(), 60)

    def _client(self, name: str, url: str) -> httpx.AsyncClient:
        headers = {"authorization": f"Bearer {self._tokens[name]}"}
        return httpx.AsyncClient(base_url=f"{url}/api/me/", headers=headers, trust_env=False, timeout=60)

    async def _work(self, name: str, url: str) -> None:
        async with self._client(name, url) as client:
            while not self._stopping:
                key = f"{name}-{uuid4().hex}"
                await self._once(client, name, key)
                await asyncio.sleep(PACE)

    async def _once(self, client: httpx.AsyncClient, name: str, key: str) -> None:
        try:
            answer = await client.post("tasks", json={"title": key}, headers={"idempotency-key": key})
            self.ledger.note(answer)
            if answer.is_success:
                self.ledger.acknowledged[name, key] = answer.json()["id"]
                if random.random() < 0.3:
                    self.ledger.note(await client.get("tasks?limit=5"))
                async with self.ledger.good:
                    self.ledger.good.notify_all()
            else:
                self.ledger.unacknowledged.add((name, key))
        except httpx.TransportError:
            self.ledger.lost += 1
            if (name, key) not in self.ledger.acknowledged:
                self.ledger.unacknowledged.add((name, key))

    async def audit(self, repeats: int = 50) -> dict[str, int]:
        """Look everything up, then repeat; counts of what was found. Zero `missing`, `doubled` and `wrong` is right."""
        ledger = self.ledger
        before = await self._titles()
        missing = [
            entry for entry, task_id in ledger.acknowledged.items() if before[entry[0]].get(entry[1], []) != [task_id]
        ]
        doubled = [title for titles in before.values() for title, ids in titles.items() if len(ids) > 1]
        for name, url in zip(self._tokens, self._urls * len(self._tokens), strict=False):
            async with self._client(name, url) as client:
                mine = [key for owner, key in ledger.unacknowledged if owner == name]
                mine += [key for owner, key in ledger.acknowledged if owner == name][-repeats // len(self._tokens) :]
                for key in mine:
                    answer = await client.post("tasks", json={"title": key}, headers={"idempotency-key": key})
                    known = before[name].get(key)
                    expected = (201, None) if known is None else (200, known[0])
                    if (answer.status_code, known and answer.json().get("id")) != expected:
                        ledger.wrong.append(f"repeating {key}: {answer.status_code} {answer.text[:200]}")
        after = await self._titles()
        doubled += [title for titles in after.values() for title, ids in titles.items() if len(ids) > 1]
        missing += [entry for entry in ledger.unacknowledged if entry[1] not in after[entry[0]]]
        return {
            "requests": ledger.requests,
            "acknowledged": len(ledger.acknowledged),
            "unavailable": ledger.statuses[503],
            "missing": len(missing),
            "doubled": len(doubled),
            "wrong": len(ledger.wrong),
        }

    async def _titles(self) -> dict[str, dict[str, list[str]]]:
        """By person and title, the ids of the tasks the API lists."""
        found: dict[str, dict[str, list[str]]] = {}
        for name, url in zip(self._tokens, self._urls * len(self._tokens), strict=False):
            titles = found[name] = {}
            async with self._client(name, url) as client:
                cursor = None
                while True:
                    query = {"limit": "200", **({"cursor": cursor} if cursor else {})}
                    page = (await client.get("tasks", params=query)).raise_for_status().json()
                    for task in page["items"]:
                        titles.setdefault(task["title"], []).append(task["id"])
                    cursor = page["next_cursor"]
                    if cursor is None:
                        break
        return found
