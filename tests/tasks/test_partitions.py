"""The tables partitioned by owner, with the very SQL of docs/scaling.md: the service does not notice, and PostgreSQL
asks one partition."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator

import asyncpg
import pytest
import pytest_asyncio

from tests.isolation import test_isolation
from tests.support.crowd import HEAVY, STATEMENTS, USUAL, Planner, fill
from tests.support.postgres import Databases
from tests.support.process import ROOT
from tests.tasks import test_model

PARTS = 8


async def partition(url: str) -> None:
    """Do what docs/scaling.md says, to the letter."""
    [sql] = re.findall(r"```sql\n(BEGIN;.+?COMMIT;)\n```", (ROOT / "docs" / "scaling.md").read_text(), re.DOTALL)
    connection = await asyncpg.connect(url)
    try:
        await connection.execute(sql)
        await connection.execute("VACUUM (ANALYZE) tasks, idempotency_keys")
    finally:
        await connection.close()


@pytest_asyncio.fixture
async def database_url(databases: Databases, migrated_template: str) -> AsyncIterator[str]:
    """What the application of this module's tests works on."""
    url = await databases.create(migrated_template)
    await partition(url)
    yield url
    await databases.drop(url)


@pytest_asyncio.fixture(scope="module")
async def planner(databases: Databases, migrated_template: str) -> AsyncIterator[Planner]:
    url = await databases.create(migrated_template)
    await fill(url, 60_000)
    await partition(url)
    planner = await Planner.of(url)
    yield planner
    await planner.connection.close()
    await databases.drop(url)


# The same tests as anywhere else, on this module's database: a model of three people who try everything there is, and
# the strangers who learn nothing.
test_three_people_notice_no_difference = test_model.test_three_people_get_the_answers_the_model_foretells
endpoints = test_isolation.endpoints
test_strangers_learn_nothing_here_either = test_isolation.test_another_persons_id_is_answered_like_an_unused_one


async def test_every_row_is_still_there_and_people_are_spread_over_all_partitions(planner: Planner) -> None:
    found = await planner.connection.fetch(
        "SELECT tableoid::regclass::text AS part, count(*) AS tasks, count(DISTINCT user_id) AS people "
        "FROM tasks GROUP BY 1 ORDER BY 1"
    )
    assert [row["part"] for row in found] == [f"tasks_{number}" for number in range(PARTS)]
    assert sum(row["tasks"] for row in found) == 60_000
    assert all(80 < row["people"] < 180 for row in found), found  # 1,001 people


async def test_the_partitioned_tables_have_the_columns_keys_and_checks_of_the_migration(
    planner: Planner, databases: Databases, migrated_template: str
) -> None:
    described = """
        SELECT c.relname || '.' || a.attname AS what, format_type(a.atttypid, a.atttypmod) || a.attnotnull ||
               a.attcollation || coalesce(pg_get_expr(d.adbin, d.adrelid), '') AS how
        FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
        LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
        WHERE c.relname IN ('tasks', 'idempotency_keys') AND a.attnum > 0
        UNION ALL SELECT conname, pg_get_constraintdef(oid) FROM pg_constraint
        WHERE conrelid IN ('tasks'::regclass, 'idempotency_keys'::regclass)
        UNION ALL SELECT indexname, regexp_replace(indexdef, ' ON ONLY ', ' ON ') FROM pg_indexes
        WHERE tablename IN ('tasks', 'idempotency_keys') ORDER BY 1
    """
    url = await databases.create(migrated_template)
    whole = await asyncpg.connect(url)
    try:
        assert await planner.connection.fetch(described) == await whole.fetch(described)
    finally:
        await whole.close()
        await databases.drop(url)


@pytest.mark.parametrize("mode", ["force_generic_plan", "force_custom_plan"])
@pytest.mark.parametrize("name", STATEMENTS)
async def test_every_statement_touches_one_partition_of_each_table(planner: Planner, name: str, mode: str) -> None:
    await planner.connection.execute(f"SET plan_cache_mode = {mode}")
    homes = set()
    for owner in (USUAL, HEAVY, "person-11"):
        plan = await planner.plan(STATEMENTS[name], owner)
        parts = {part.rpartition("_")[2] for part in plan.scanned()}
        home = await planner.connection.fetchval(
            "SELECT DISTINCT tableoid::regclass::text FROM tasks WHERE user_id = $1", owner
        )
        assert parts == (set() if name == "CREATE" else {home.rpartition("_")[2]}), plan.nodes
        homes.add(home)
    assert len(homes) > 1
