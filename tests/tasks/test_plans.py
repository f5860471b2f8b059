"""How PostgreSQL runs each statement of the tasks, among 200,000 tasks of 1,000 people and 100,000 of one person."""

from __future__ import annotations

from collections.abc import AsyncIterator

import asyncpg
import pytest
import pytest_asyncio

from taskward.database.statement import Statement
from taskward.tasks import sql as statements
from tests.support.crowd import HEAVY, STATEMENTS, USUAL, Planner, fill
from tests.support.postgres import Databases

OWNERS = pytest.mark.parametrize("owner", [USUAL, HEAVY])
EACH = pytest.mark.parametrize("name", STATEMENTS)
LISTS = pytest.mark.parametrize("name", [name for name in STATEMENTS if name.startswith("listing")])

OF_ONE_OWNER = {"tasks_pkey", "tasks_by_state", "idempotency_keys_pkey", "idempotency_keys_by_age"}
IN_ORDER = {"Index Scan", "Index Only Scan", "Limit", "Aggregate", "ModifyTable", "Result", "CTE Scan", "Nested Loop"}
ANY_ORDER = {"Bitmap Heap Scan", "Bitmap Index Scan"}
WHOLE = ("clearing", "VERSION")
"""What takes all that it finds, whatever its order: deleting everything that is done, and looking for changes."""


@pytest_asyncio.fixture(scope="module")
async def planner(databases: Databases, migrated_template: str) -> AsyncIterator[Planner]:
    url = await databases.create(migrated_template)
    await fill(url)
    planner = await Planner.of(url)
    yield planner
    await planner.connection.close()
    await databases.drop(url)


def test_every_statement_there_is_gets_planned_here() -> None:
    known = {name.partition("(")[0] for name in STATEMENTS}
    assert known == {
        name for name in vars(statements) if name in known or isinstance(vars(statements)[name], Statement)
    }
    assert {"GET", "COUNTS", "CREATE", "listing", "changing", "deleting"} < known
    assert len([name for name in STATEMENTS if name.startswith("listing")]) == 8


# The first, while everything is as the vacuum left it: what the others delete and undo is looked up in the table.
@OWNERS
async def test_counts_come_from_the_index_alone(planner: Planner, owner: str) -> None:
    [node] = [node for node in (await planner.plan(statements.COUNTS, owner)).nodes if "Index Name" in node]
    assert (node["Node Type"], node["Index Name"]) == ("Index Only Scan", "tasks_by_state")
    assert node["Heap Fetches"] == 0


@OWNERS
@EACH
async def test_every_statement_finds_its_rows_by_an_index_that_starts_with_the_owner(
    planner: Planner, name: str, owner: str
) -> None:
    plan = await planner.plan(STATEMENTS[name], owner)
    assert plan.kinds() <= (IN_ORDER | ANY_ORDER if name.startswith(WHOLE) else IN_ORDER), plan.nodes
    assert plan.indexes() <= OF_ONE_OWNER
    for node in plan.nodes:
        if "Index Name" in node:
            assert "user_id" in node["Index Cond"], node
    if name != "CREATE":
        assert plan.indexes()


@OWNERS
@LISTS
async def test_a_page_reads_only_as_many_rows_as_it_returns(planner: Planner, name: str, owner: str) -> None:
    plan = await planner.plan(STATEMENTS[name], owner, pattern="%task%", limit=21)
    assert plan.read() == 21
    assert plan.indexes() == {"tasks_by_state" if "by_state" in name else "tasks_pkey"}


@LISTS
async def test_a_search_that_finds_nothing_reads_this_persons_rows_and_no_others(planner: Planner, name: str) -> None:
    if "search" not in name:
        return
    for owner, most in ((USUAL, 200), (HEAVY, 100_000)):
        plan = await planner.plan(STATEMENTS[name], owner)
        assert most // 2 <= plan.read() <= most + 1 or "after" in name
        assert plan.read() <= most + 1


@pytest.mark.parametrize("search", ["%nothing is like that%", "%\\%%", "%0%1%2%3%4%5%6%7%8%9%0%"])
async def test_a_search_among_100_000_tasks_ends_well_before_the_server_gives_up(planner: Planner, search: str) -> None:
    timeout = await planner.connection.fetchval("SHOW statement_timeout")
    assert timeout == "4500ms"  # a statement that takes longer raises
    await planner.plan(statements.listing(by_state=False, after=False, search=True), HEAVY, pattern=search)


async def test_a_statement_that_takes_too_long_is_given_up_by_the_server(planner: Planner) -> None:
    await planner.connection.execute("SET statement_timeout = '1ms'")
    try:
        with pytest.raises(asyncpg.QueryCanceledError):
            await planner.plan(statements.listing(by_state=False, after=False, search=True), HEAVY)
    finally:
        await planner.connection.execute("RESET statement_timeout")


@LISTS
async def test_a_pooler_that_plans_every_statement_anew_reads_no_table_from_end_to_end_for_a_list(
    planner: Planner, name: str
) -> None:
    await planner.connection.execute("SET plan_cache_mode = force_custom_plan")  # as with PgBouncer in transaction mode
    try:
        for owner in (USUAL, HEAVY):
            plan = await planner.plan(STATEMENTS[name], owner)
            assert plan.indexes(), plan.nodes
            assert plan.kinds() <= IN_ORDER | ANY_ORDER | {"Sort"}
    finally:
        await planner.connection.execute("RESET plan_cache_mode")


async def test_no_statement_is_planned_twice_on_a_connection(planner: Planner) -> None:
    get, counts = statements.GET, statements.COUNTS
    values = {"owner": HEAVY, "id": await planner.some_id(HEAVY)}
    for _ in range(8):
        for statement in (get, counts):
            await planner.connection.fetch(statement.sql, *statement.arguments(values))
    planned = await planner.connection.fetch(
        "SELECT generic_plans, custom_plans FROM pg_prepared_statements WHERE statement = ANY($1)",
        [get.sql, counts.sql],
    )
    assert [tuple(row) for row in planned] == [(8, 0)] * 2
