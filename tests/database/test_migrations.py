"""Migrations: they create the database that the models describe, and can be reverted."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

from taskward.database.dsn import plain_dsn
from taskward.database.migrate import VERSION_TABLE, config, downgrade, upgrade
from taskward.database.proofs import used_proofs
from taskward.database.schema import REVISION, metadata
from tests.support.postgres import Databases
from tests.support.process import free_port

CATALOGUE = """
SELECT 'column' AS kind, attrelid::regclass::text AS of, attname::text AS name,
       concat_ws(' ', format_type(atttypid, atttypmod), attnotnull, collname, pg_get_expr(adbin, adrelid)) AS is
  FROM pg_attribute
  JOIN pg_class ON pg_class.oid = attrelid AND relkind IN ('r', 'p') AND relnamespace = 'public'::regnamespace
  LEFT JOIN pg_attrdef ON adrelid = attrelid AND adnum = attnum
  LEFT JOIN pg_collation ON pg_collation.oid = attcollation
 WHERE attnum > 0 AND NOT attisdropped
UNION ALL
SELECT 'constraint', conrelid::regclass::text, conname, pg_get_constraintdef(oid)
  FROM pg_constraint WHERE connamespace = 'public'::regnamespace
UNION ALL
SELECT 'index', tablename, indexname, indexdef FROM pg_indexes WHERE schemaname = 'public'
UNION ALL
SELECT 'function', proname, oidvectortypes(proargtypes), prosrc
  FROM pg_proc WHERE pronamespace = 'public'::regnamespace
UNION ALL
SELECT 'trigger', tgrelid::regclass::text, tgname, pg_get_triggerdef(oid) FROM pg_trigger WHERE NOT tgisinternal
ORDER BY 1, 2, 3
"""


async def catalogue(url: str) -> set[tuple[str, ...]]:
    """Everything PostgreSQL knows of a database's tables, but for the order of columns and Alembic's own."""
    connection = await asyncpg.connect(url)
    try:
        return {tuple(row) for row in await connection.fetch(CATALOGUE) if row["of"] != "taskward_version"}
    finally:
        await connection.close()


def engine(url: str) -> Any:
    return create_async_engine("postgresql+asyncpg://", async_creator=lambda: asyncpg.connect(url), poolclass=NullPool)


async def test_the_migrations_and_the_models_make_the_same_database(
    databases: Databases, empty_database_url: str
) -> None:
    modelled = await databases.create()
    async with engine(modelled).begin() as connection:
        await connection.run_sync(metadata.create_all)
    await asyncio.to_thread(upgrade, empty_database_url)
    assert await catalogue(empty_database_url) == await catalogue(modelled)
    await databases.drop(modelled)


async def test_alembic_itself_would_have_nothing_to_add(empty_database_url: str) -> None:
    await asyncio.to_thread(upgrade, empty_database_url)

    def differences(connection: Connection) -> Any:
        return compare_metadata(MigrationContext.configure(connection, opts={"version_table": VERSION_TABLE}), metadata)

    async with engine(empty_database_url).connect() as connection:
        assert await connection.run_sync(differences) == []


async def test_migrations_go_forward_back_and_forward_again(empty_database_url: str) -> None:
    nothing = await catalogue(empty_database_url)
    await asyncio.to_thread(upgrade, empty_database_url)
    everything = await catalogue(empty_database_url)
    assert everything > nothing
    await asyncio.to_thread(downgrade, empty_database_url, "base")
    assert await catalogue(empty_database_url) == nothing
    await asyncio.to_thread(upgrade, empty_database_url)
    assert await catalogue(empty_database_url) == everything
    await asyncio.to_thread(upgrade, empty_database_url)
    assert await catalogue(empty_database_url) == everything


def test_the_revision_the_code_asks_for_is_the_newest_one() -> None:
    assert ScriptDirectory.from_config(config("unused")).get_heads() == [REVISION]


async def test_several_replicas_may_migrate_at_once(empty_database_url: str, tmp_path: Path) -> None:
    environment = {"PATH": os.environ["PATH"], "URL": empty_database_url}
    program = "import os; from taskward.database.migrate import upgrade; upgrade(os.environ['URL'])"
    environment |= {"PYTHONPATH": os.pathsep.join(sys.path)}
    replicas = [
        await asyncio.create_subprocess_exec(
            *(sys.executable, "-c", program),
            env=environment,
            cwd=tmp_path,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        for _ in range(3)
    ]
    for replica in replicas:
        said, _ = await replica.communicate()
        assert (replica.returncode, said) == (0, b"")
    assert {name for kind, _, name, _ in await catalogue(empty_database_url) if kind == "column"}


@pytest.mark.parametrize("table", [table for table in metadata.tables.values() if table is not used_proofs], ids=str)
def test_every_table_of_peoples_rows_is_keyed_by_its_owner_first(table: Any) -> None:
    assert next(iter(table.primary_key.columns)).name == "user_id"


async def test_migrate_uses_the_first_host_that_answers(
    empty_database_url: str,
) -> None:
    """An IPv6 address among others is refused by urlsplit since CVE-2025-0938 was mended."""
    credentials, _, rest = empty_database_url.rpartition("@")
    several = f"{credentials}@127.0.0.1:{free_port()},[::1]:{free_port()},{rest}"
    await asyncio.to_thread(upgrade, plain_dsn(several))
    driver = await asyncpg.connect(empty_database_url)
    try:
        assert await driver.fetchval("SELECT version_num FROM taskward_version") == REVISION
    finally:
        await driver.close()
