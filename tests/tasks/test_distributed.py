"""Statements for Citus: no STABLE function of a column in RETURNING or SET, and keyed creation in statements of one
table each. The whole contract with that SQL: pytest tests/contract --citus"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from typing import Any

import asyncpg
import pytest
import pytest_asyncio

from tests.conftest import Person
from tests.support.citus import look_like_citus
from tests.support.crowd import STATEMENTS
from tests.support.rows import dump

#: What SET may compute, with the functions and operators that PostgreSQL resolves it to.
LATER = (
    "greatest(now(), timezone(interval '0', timezone(interval '0', tasks.updated_at) + interval '1 microsecond'))",
    {
        "timezone(interval,timestamp with time zone)",
        "timestamp_pl_interval(timestamp without time zone,interval)",
        "timezone(interval,timestamp without time zone)",
    },
)


def parts(sql: str) -> tuple[str, str]:
    """SET and RETURNING of a statement, on one line each."""
    flat = " ".join(sql.split())
    found = re.search(r" SET (.*?)(?: WHERE | RETURNING |$)", flat)
    returned = re.search(r" RETURNING ([^()]*?)(?:\)|$)", flat)
    return (found[1] if found else "", returned[1] if returned else "")


@pytest.mark.parametrize("name", STATEMENTS)
def test_returning_names_columns_and_calls_nothing(name: str) -> None:
    _, returned = parts(STATEMENTS[name].sql)
    for column in filter(None, returned.split(", ")):
        assert re.fullmatch(r"(\w+\.)?\w+", column), column


@pytest.mark.parametrize("name", [name for name in STATEMENTS if name.startswith("changing")])
def test_set_computes_nothing_from_a_column_but_the_later_time_and_the_opposite_state(name: str) -> None:
    changed, _ = parts(STATEMENTS[name].sql)
    rest = changed.replace(f"updated_at={LATER[0]}", "").replace("completed=NOT tasks.completed", "")
    assert re.fullmatch(r"(, |\w+=\$\d+::[A-Z ]+(\(\d+\))?)*", rest), changed


async def test_the_functions_of_updated_at_are_immutable(database_url: str) -> None:
    connection = await asyncpg.connect(database_url)
    try:
        for function in LATER[1]:
            volatility = await connection.fetchval(
                "SELECT provolatile FROM pg_proc WHERE oid = $1::text::regprocedure", function
            )
            assert volatility == b"i", function
    finally:
        await connection.close()


@pytest_asyncio.fixture
async def citus(database_url: str) -> AsyncIterator[asyncpg.Connection]:
    """The test's database, taken for Citus by the service; a connection past the service."""
    await look_like_citus(database_url)
    connection = await asyncpg.connect(database_url)
    yield connection
    await connection.close()


ONCE: dict[str, Any] = {"json": {"title": "once"}, "headers": {"idempotency-key": "k"}}


async def test_on_citus_a_keyed_task_is_three_statements_of_one_table_each(
    citus: asyncpg.Connection, alice: Person
) -> None:
    await citus.execute(
        """CREATE TABLE ran (sql text);
        CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql
          AS $$ BEGIN INSERT INTO ran VALUES (current_query()); RETURN NULL; END $$;
        CREATE TRIGGER note AFTER INSERT OR DELETE ON tasks FOR EACH STATEMENT EXECUTE FUNCTION note();
        CREATE TRIGGER note AFTER INSERT OR DELETE ON idempotency_keys FOR EACH STATEMENT EXECUTE FUNCTION note()"""
    )
    assert (await alice.post("/api/me/tasks", **ONCE)).status_code == 201
    ran = [row["sql"] for row in await citus.fetch("SELECT sql FROM ran")]
    assert [len(re.findall(r"(INSERT INTO|DELETE FROM) ", sql)) for sql in ran] == [1, 1, 1]
    assert await citus.fetchval("SELECT count(*) FROM tasks t JOIN idempotency_keys k ON k.xmin = t.xmin") == 1, (
        "one transaction"
    )


async def test_on_citus_no_statement_runs_in_the_process_that_planned_it_and_no_generic_plan_is_forced(
    citus: asyncpg.Connection, alice: Person
) -> None:
    await citus.execute(
        """CREATE TABLE ran (local text, plans text);
        CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
          INSERT INTO ran VALUES (current_setting('citus.enable_local_execution'), current_setting('plan_cache_mode'));
          RETURN NULL; END $$;
        CREATE TRIGGER note AFTER INSERT ON tasks FOR EACH STATEMENT EXECUTE FUNCTION note()"""
    )
    assert (await alice.post("/api/me/tasks", json={"title": "new"})).status_code == 201
    assert [tuple(row) for row in await citus.fetch("SELECT * FROM ran")] == [("off", "auto")]


async def test_on_citus_an_idempotency_key_makes_one_task(
    citus: asyncpg.Connection, alice: Person, bob: Person
) -> None:
    answers = await asyncio.gather(*(alice.post("/api/me/tasks", **ONCE) for _ in range(20)))
    assert sorted(answer.status_code for answer in answers) == [200] * 19 + [201]
    assert len({answer.content for answer in answers}) == 1
    before = await dump(citus)
    assert (await alice.post("/api/me/tasks", **{**ONCE, "json": {"title": "other"}})).status_code == 422
    assert await dump(citus) == before
    assert (await bob.post("/api/me/tasks", **ONCE)).status_code == 201, "a key is one person's"
    await citus.execute("UPDATE idempotency_keys SET created_at = now() - interval '25 hours'")
    assert (await alice.post("/api/me/tasks", **ONCE)).status_code == 201, "a key ends after a day"


async def test_on_citus_a_task_that_cannot_be_stored_leaves_no_key(citus: asyncpg.Connection, alice: Person) -> None:
    before = await dump(citus)
    await citus.execute("ALTER TABLE tasks ADD CONSTRAINT never CHECK (title <> 'once')")
    assert (await alice.post("/api/me/tasks", **ONCE)).status_code == 500
    assert await dump(citus) == before
    await citus.execute("ALTER TABLE tasks DROP CONSTRAINT never")
    assert (await alice.post("/api/me/tasks", **ONCE)).status_code == 201, "the connection is as good as before"


#: What Citus 13.2 sends as XX000 while a shard moves and when the node of a shard has died.
OF_A_NODE = [
    "could not find valid entry for shard 102012",
    "could not find valid entry for shard placement 17",
    "could not commit transaction for shard 102012 on at least one active node",
    "failure on connection marked as essential: 127.0.0.1:7101",
    "failed to prepare transaction 'citus_0_1_2_3' on host 127.0.0.1:7101",
    "execution cannot recover from multiple connection failures. Last node failed 127.0.0.1:7101",
    "no active placements were found for shard 102012",
    "there is a shard placement in node group 3 but there are no nodes in that group",
    "There is a shard placement on node 127.0.0.1:7101 but could not find the node.",
    "node group 3 does not have a primary node",
]

_FAILS = """
CREATE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql
  AS $$ BEGIN RAISE EXCEPTION {text} USING ERRCODE = 'XX000'; END $$;
CREATE CONSTRAINT TRIGGER fail AFTER INSERT OR UPDATE OR DELETE ON tasks DEFERRABLE {when}
  FOR EACH ROW EXECUTE FUNCTION fail()
"""


async def every_change_fails(connection: asyncpg.Connection, text: str, when: str) -> None:
    await connection.execute(
        _FAILS.format(text=await connection.fetchval("SELECT quote_literal($1::text)", text), when=when)
    )


def changes_of(task: str) -> list[tuple[str, str, dict[str, Any]]]:
    path = f"/api/me/tasks/{task}"
    return [
        ("POST", "/api/me/tasks", {"json": {"title": "new"}}),
        ("POST", "/api/me/tasks", ONCE),
        ("PUT", path, {"json": {"title": "changed"}}),
        ("PATCH", f"{path}/complete", {}),
        ("DELETE", path, {}),
    ]


@pytest.mark.parametrize(
    ("text", "when"), [*((text, "INITIALLY IMMEDIATE") for text in OF_A_NODE), (OF_A_NODE[2], "INITIALLY DEFERRED")]
)
async def test_a_node_of_citus_that_cannot_be_used_is_503_and_changes_nothing(
    citus: asyncpg.Connection, alice: Person, text: str, when: str
) -> None:
    task = (await alice.post("/api/me/tasks", json={"title": "old"})).json()
    await every_change_fails(citus, text, when)
    before = await dump(citus)
    for method, path, request in changes_of(task["id"]):
        answer = await alice.request(method, path, **request)
        assert (answer.status_code, answer.json()["code"]) == (503, "database_unavailable"), (method, answer.text)
        assert answer.headers["retry-after"].isdigit()
        assert "shard" not in answer.text
        assert "7101" not in answer.text
    assert await dump(citus) == before
    await citus.execute("DROP TRIGGER fail ON tasks")
    assert (await alice.post("/api/me/tasks", **ONCE)).status_code == 201, "its connections are as good as before"


async def test_another_internal_error_of_the_database_stays_a_500(citus: asyncpg.Connection, alice: Person) -> None:
    task = (await alice.post("/api/me/tasks", json={"title": "old"})).json()
    await every_change_fails(citus, "cache lookup failed for shard 102012", "INITIALLY DEFERRED")
    before = await dump(citus)
    for method, path, request in changes_of(task["id"]):
        assert (await alice.request(method, path, **request)).status_code == 500, method
    assert await dump(citus) == before
