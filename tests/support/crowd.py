"""Enough rows for PostgreSQL's planner to have a choice, and its plan for each statement of the tasks."""

from __future__ import annotations

import inspect
import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import chain, combinations, product
from typing import Any
from uuid import UUID, uuid4

import asyncpg

from taskward.database.connecting import Connector
from taskward.database.statement import Statement
from taskward.tasks import sql as statements
from taskward.tasks.bodies import WRITABLE, TaskInput

EVERYBODY, HEAVY, USUAL = 300_000, "heavy", "person-7"
"""A third of all tasks is one person's; the others have 200 each. A fifth of everybody's is open."""

TASKS = f"""
INSERT INTO tasks (user_id, id, title, description, completed, created_at, updated_at)
SELECT CASE n % 3 WHEN 0 THEN '{HEAVY}' ELSE 'person-' || n / 3 % 1000 END,
       (lpad(to_hex(1790000000000 + n * 1000), 12, '0') || '70008000' || lpad(to_hex(n), 12, '0'))::uuid,
       'Task number ' || n, CASE WHEN n % 2 = 0 THEN repeat('words and words ', 5) || n END,
       n / 3 % 5 <> n % 5, to_timestamp(1790000000 + n), to_timestamp(1790000000 + n)
FROM generate_series(0, $1::int - 1) AS n
"""  # noqa: S608  # a constant of this file

KEYS = """
INSERT INTO idempotency_keys (user_id, key, fingerprint, task_id)
SELECT 'person-' || n % 1000, 'key-' || n / 1000, sha256(n::text::bytea), gen_random_uuid()
FROM generate_series(0, $1::int - 1) AS n
"""


async def fill(url: str, rows: int = EVERYBODY) -> None:
    """The crowd's tasks, as a vacuum leaves them: visible to all, and counted."""
    connection = await asyncpg.connect(url)
    try:
        await connection.execute("SET synchronous_commit = on")  # what is not on disk yet is not visible to all
        await connection.execute(TASKS, rows)
        await connection.execute(KEYS, rows // 10)
        await connection.execute("VACUUM (ANALYZE) tasks, idempotency_keys")
    finally:
        await connection.close()


def every_statement() -> Iterator[tuple[str, Statement]]:
    """Each statement there is: the module's own, and what its functions make of every argument they can be given."""
    for name, found in vars(statements).items():
        if isinstance(found, Statement):
            yield name, found
        elif hasattr(found, "cache_info") and found.__module__ == statements.__name__:
            yield from _made_by(name, found)


def _made_by(name: str, function: Any) -> Iterator[tuple[str, Statement]]:
    subsets = chain.from_iterable(combinations(WRITABLE, size + 1) for size in range(len(WRITABLE)))
    values: dict[str, list[Any]] = {
        "bool": [False, True],
        "fields": [*map(frozenset, subsets), frozenset({"toggle"})],
        "guards": [frozenset(), *(frozenset({name}) for name in statements.GUARDS), frozenset(statements.GUARDS)],
    }
    parameters = inspect.signature(function).parameters.values()
    for given in product(
        *(values.get(each.name) or values[inspect.formatannotation(each.annotation)] for each in parameters)
    ):
        positional = [
            value for each, value in zip(parameters, given, strict=True) if each.kind is not each.KEYWORD_ONLY
        ]
        named = {
            each.name: value for each, value in zip(parameters, given, strict=True) if each.kind is each.KEYWORD_ONLY
        }
        shown = ", ".join(sorted(chain(*positional)) + [key for key, value in named.items() if value])
        yield f"{name}({shown})", function(*positional, **named)


STATEMENTS = dict(every_statement())


@dataclass
class Plan:
    """What PostgreSQL did for one statement, node by node."""

    nodes: list[dict[str, Any]]

    def kinds(self) -> set[str]:
        return {str(node["Node Type"]) for node in self.nodes}

    def scanned(self) -> set[str]:
        """The tables that were read, or the partitions of them."""
        return {str(node["Relation Name"]) for node in self.nodes if _is_scan(node) and node["Actual Loops"]}

    def indexes(self) -> set[str]:
        return {str(node["Index Name"]) for node in self.nodes if "Index Name" in node}

    def read(self) -> int:
        """How many rows were read, wanted or not."""
        return sum(
            int(node["Actual Rows"] + node.get("Rows Removed by Filter", 0)) * int(node["Actual Loops"])
            for node in self.nodes
            if "Index Cond" in node
        )


class Planner:
    """The database as the service is connected to it; nothing it is asked here changes a row."""

    def __init__(self, connection: Any) -> None:
        self.connection = connection

    @classmethod
    async def of(cls, url: str) -> Planner:
        return cls(await Connector(url, 5).connect())

    async def plan(self, statement: Statement, owner: str, **values: Any) -> Plan:
        """The plan of the prepared statement, run and then undone."""
        everything = {
            "owner": owner,
            "id": uuid4() if statement in (statements.CREATE, statements.CREATE_ONCE) else await self.some_id(owner),
            **TaskInput(title="A title", completed=True).model_dump(),
            "key": "key-1",
            "fingerprint": b"\0" * 32,
            "pattern": "%nothing is like that%",
            "limit": 51,
            "if_match": [datetime(2026, 11, 21, tzinfo=UTC)],
            "if_none_match": [datetime(2026, 11, 22, tzinfo=UTC)],
            "until": datetime(2026, 11, 21, tzinfo=UTC),
        } | values
        arguments = ", ".join([await self._literal(value) for value in statement.arguments(everything)])
        transaction = self.connection.transaction()
        await transaction.start()
        try:
            await self.connection.execute(f"PREPARE this AS {statement.sql}")
            explained = await self.connection.fetchval(
                f"EXPLAIN (ANALYZE, TIMING OFF, FORMAT JSON) EXECUTE this({arguments})"
            )
            return Plan(list(_nodes(json.loads(explained)[0]["Plan"])))
        finally:
            await transaction.rollback()
            await self.connection.execute("DEALLOCATE this")

    async def some_id(self, owner: str) -> UUID:
        """The id of the thirtieth newest task."""
        query = "SELECT id FROM tasks WHERE user_id = $1 ORDER BY id DESC OFFSET 29 LIMIT 1"
        found = await self.connection.fetchval(query, owner)
        assert isinstance(found, UUID)
        return found

    async def _literal(self, value: Any) -> str:
        """A value as it is written in SQL."""
        if isinstance(value, list):
            value = "{" + ",".join(map(str, value)) + "}"
        elif isinstance(value, bytes):
            value = "\\x" + value.hex()
        text = None if value is None else str(value)
        return str(await self.connection.fetchval("SELECT quote_nullable($1::text)", text))


def _is_scan(node: dict[str, Any]) -> bool:
    return "Scan" in node["Node Type"] and "Relation Name" in node


def _nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for below in plan.get("Plans", ()):
        yield from _nodes(below)
