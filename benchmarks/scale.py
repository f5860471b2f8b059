"""Ten million tasks of 100,000 people against 10,000 tasks of 100: the same service and requests, two databases."""

import asyncio
import random
import re
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from statistics import median
from typing import Any
from uuid import UUID

from benchmarks import extras, seed, servers
from benchmarks.database import Database, migrate
from benchmarks.issuer import Issuer
from benchmarks.load import Cell, Line, Load
from benchmarks.servers import Peer, Server
from taskward.tasks import sql as statements

EACH = 100  # tasks a person
PEOPLE = {"small": 100, "large": 100_000}
SEEN = 1000  # people whose tokens are used, at random
#: 1,000 people's lists are 51,000 pages, and each of ten processes maps each page of shared memory once: 70,000 lists.
WARM_SECONDS = 25
FIRST = 1_793_520_000_000  # the first task's millisecond

#: Task n is of person n % people and was made n milliseconds after the first: everybody's rows lie scattered.
FILL = """
INSERT INTO tasks (user_id, id, title, description, completed, created_at, updated_at)
SELECT 'user' || lpad((n % {people})::text, 12, '0') || 'abcdefghijklmnop',
       (lpad(to_hex({first} + n), 12, '0') || '70008' || lpad(to_hex(n), 15, '0'))::uuid,
       'Task number ' || n || ' of a long list',
       CASE WHEN n % 2 = 0 THEN 'what there is to say about task ' || n || ', which is not much' END,
       n % 3 = 0,
       to_timestamp(({first} + n) / 1000.0), to_timestamp(({first} + n) / 1000.0)
FROM generate_series(0, {count} - 1) AS n
"""
INDEXES = """
SELECT indexdef FROM pg_indexes WHERE tablename = 'tasks' AND indexname <> 'tasks_pkey'
"""


def run(port: int, distinct_tokens: int) -> dict[str, Any]:
    """Fill both, alternate get and list between them, explain every read; then a million tokens."""
    issuer = Issuer()
    filled: dict[str, float] = {}
    with Database() as database, ExitStack() as stack:
        running: dict[str, Server] = {}
        load = Load(database.postmaster, seed.ToDelete(database.url()), issuer.token)
        seed.run(database.url(), "CREATE DATABASE large")
        for number, (name, people) in enumerate(PEOPLE.items()):
            url = database.url("large" if name == "large" else "taskward")
            environment = servers.environment(url, issuer)
            migrate(environment)
            filled[name] = fill(url, people)
            print(f"  {people * EACH:,} tasks in {filled[name]:.0f} s", flush=True)
            peer = Peer(name, f"Taskward, {people * EACH:,} tasks", servers.TASKWARD.command)
            running[name] = stack.enter_context(Server(peer, port + number, environment))
        cells = compare(load, running, issuer)
        plans = asyncio.run(explain(database.url("large")))
        size = seed.run(database.url("large"), "SELECT pg_size_pretty(pg_total_relation_size('tasks')) AS size")
    extra = {f"scale_{kind}": ratio(cells, kind) for kind in ("get", "list")}
    if distinct_tokens:
        tokens = extras.verification(4, distinct_tokens)
        extra |= {"memory_growth": tokens["memory_growth"], "memory_tokens": tokens["memory_tokens"]}
    return {
        "extras": extra,
        "cells": [vars(cell) for cell in cells],
        "filled": filled,
        "lines": lines(cells, filled, plans, size[0]["size"]),
    }


def fill(url: str, people: int) -> float:
    """Seconds it took: the rows first, their indexes afterwards."""
    started = time.monotonic()
    indexes = [row["indexdef"] for row in seed.run(url, INDEXES)]
    seed.run(url, "DROP INDEX tasks_by_state")
    seed.run(url, "ALTER TABLE tasks DROP CONSTRAINT tasks_pkey")
    seed.run(url, FILL.format(people=people, first=FIRST, count=people * EACH))
    seed.run(url, "ALTER TABLE tasks ADD CONSTRAINT tasks_pkey PRIMARY KEY (user_id, id)")
    for index in indexes:
        seed.run(url, index)
    seed.run(url, "VACUUM (ANALYZE) tasks")
    return time.monotonic() - started


def person(number: int) -> str:
    return f"user{number:012d}abcdefghijklmnop"


def task(people: int, number: int, which: int) -> UUID:
    serial = which * people + number
    return UUID(int=(FIRST + serial) << 80 | 0x7 << 76 | 0x8 << 60 | serial)


def compare(load: Load, running: dict[str, Server], issuer: Issuer) -> list[Cell]:
    """A B A B, six rounds of each, once every connection's server process has touched every page of these people."""
    temporary = tempfile.TemporaryDirectory(prefix="taskward-bench-")
    folder = Path(temporary.name)
    plans: dict[tuple[str, str], tuple[list[Line], Path]] = {}
    chance = random.Random(7)
    for name, people in PEOPLE.items():
        seen = chance.sample(range(people), min(people, SEEN))
        tokens = folder / name
        tokens.write_text("\n".join(issuer.token(person(number)) for number in seen))
        for kind in ("get", "list"):
            plans[name, kind] = [line(kind, people, seen, chance) for _ in range(14_000)], tokens
    for name, server in running.items():
        load.send(server, "list", 16, WARM_SECONDS, *plans[name, "list"])
    return [
        load.send(server, kind, 16, 1, *plans[name, kind])
        for kind in ("get", "list")
        for _ in range(6)
        for name, server in running.items()
    ]


def line(kind: str, people: int, seen: list[int], chance: random.Random) -> Line:
    token = chance.randrange(len(seen))
    tasks = f"/api/{person(seen[token])}/tasks"
    if kind == "list":
        return ("GET", f"{tasks}?limit=50", token, "")
    return ("GET", f"{tasks}/{task(people, seen[token], chance.randrange(EACH))}", token, "")


def ratio(cells: list[Cell], kind: str, of: Callable[[Cell], float] = lambda cell: cell.total_us) -> float:
    large = [of(cell) for cell in cells if (cell.server, cell.operation) == ("large", kind)]
    small = [of(cell) for cell in cells if (cell.server, cell.operation) == ("small", kind)]
    return median(one / other for one, other in zip(large, small, strict=True))


async def explain(url: str) -> dict[str, list[str]]:
    """The plan of every read, its pages at hand. Raises RuntimeError for a plan that sorts."""
    owner, ident = person(4711), task(PEOPLE["large"], 4711, 50)
    values = {"owner": owner, "id": ident, "limit": 51, "completed": False, "pattern": "%number 4711%"}
    reads = {
        "one task": statements.GET,
        "the newest 50": statements.listing(by_state=False, after=False, search=False),
        "the next 50": statements.listing(by_state=False, after=True, search=False),
        "open tasks": statements.listing(by_state=True, after=False, search=False),
        "search": statements.listing(by_state=False, after=False, search=True),
        "counts": statements.COUNTS,
    }
    found = {}
    async with seed.connected(url) as connection:
        await connection.execute("SET plan_cache_mode = force_generic_plan")  # as the service's own connections have it
        for number, (name, statement) in enumerate(reads.items()):
            await connection.execute(f"PREPARE read_{number} AS {statement.sql}")
            arguments = ", ".join(literal(value) for value in statement.arguments(values))
            for _ in range(2):
                rows = await connection.fetch(
                    f"EXPLAIN (ANALYZE, COSTS OFF, BUFFERS) EXECUTE read_{number}({arguments})"
                )
            found[name] = [row[0] for row in rows]
            told = "\n".join(found[name])
            if " using tasks_" not in told or re.search("Seq Scan|Bitmap|Sort", told):
                raise RuntimeError(f"{name} is not walked along one index any more:\n{told}")
    return found


def literal(value: str | bool | int | UUID) -> str:
    """A value of our own as SQL has it."""
    return str(value) if isinstance(value, int) else f"'{value}'"


def lines(cells: list[Cell], filled: dict[str, float], plans: dict[str, list[str]], size: str) -> list[str]:
    """Markdown for docs/performance.md."""
    told = [
        f"10,000,000 tasks of 100,000 people ({size} with indexes), made in {filled['large']:.0f} s. 16 connections, "
        f"tokens of {SEEN} people at random:",
        "",
        "| | tasks | CPU service | + PostgreSQL | requests/s | p99 ms |",
        "|---|---:|---:|---:|---:|---:|",
    ]
    for kind in ("get", "list"):
        for name, people in PEOPLE.items():
            mine = [cell for cell in cells if (cell.server, cell.operation) == (name, kind)]
            service, database, rate, p99 = (
                median(getattr(cell, figure) for cell in mine)
                for figure in ("service_us", "database_us", "rate", "p99")
            )
            told.append(
                f"| {kind} | {people * EACH:,} | {service:.0f} µs | {database:.0f} µs | {rate:,.0f} | {p99:.1f} |"
            )
    told += ["", "Plans at ten million tasks, each read by one index and stopped at its limit:", ""]
    for name, plan in plans.items():
        told += [f"*{name}*", "```", *plan, "```"]
    return told
