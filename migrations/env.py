"""Alembic's environment: asynchronous, in one transaction, one migrating process at a time."""

import asyncio

import asyncpg
from alembic import context
from sqlalchemy import Connection, pool, text
from sqlalchemy.ext.asyncio import create_async_engine

from taskward.app import RESOURCES  # noqa: F401 - importing it declares the tables of every resource
from taskward.database.dsn import one_dsn_for_each_host
from taskward.database.migrate import VERSION_TABLE, Unfit
from taskward.database.schema import metadata

LOCK = 7_261_539_402  # an arbitrary number, the same in every replica

#: Whether Taskward migrated this database before it had its own version table. The revision is then in
#: alembic_version, which other programs use too; Taskward's tables beside it tell them apart.
_FORMER = """
SELECT to_regclass('alembic_version') IS NOT NULL AND to_regclass('idempotency_keys') IS NOT NULL
   AND EXISTS (SELECT FROM pg_attribute WHERE attrelid = to_regclass('tasks') AND attname = 'user_id')
   AND to_regclass(:own) IS NULL
"""


#: A migration may wait for another one and take longer than a request: it runs without the limits for requests.
_NO_LIMITS = """
SELECT set_config(name, '0', true) FROM pg_settings
 WHERE name IN ('statement_timeout', 'lock_timeout', 'transaction_timeout', 'idle_in_transaction_session_timeout')
"""


def migrate(connection: Connection) -> None:
    connection.execute(text(_NO_LIMITS))
    encoding = connection.execute(text("SELECT current_setting('server_encoding')")).scalar_one()
    if encoding != "UTF8":
        raise Unfit(
            f"its encoding is {encoding}, in which not every text can be stored. Create the database again: "
            "CREATE DATABASE … TEMPLATE template0 ENCODING 'UTF8'"
        )
    context.configure(
        connection=connection, target_metadata=metadata, version_table=VERSION_TABLE, transaction_per_migration=False
    )
    with context.begin_transaction():
        # A lock of the transaction, which also works behind a pooler.
        connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": LOCK})
        if connection.execute(text(_FORMER), {"own": VERSION_TABLE}).scalar_one():
            take_over(connection)
        context.run_migrations()


def take_over(connection: Connection) -> None:
    """Copy the revision to Taskward's version table. The old row stays for replicas of the previous version."""
    known = [script.revision for script in context.script.walk_revisions()]
    found = connection.execute(text("SELECT version_num FROM alembic_version")).scalars().all()
    for revision in set(found) & set(known):
        context.get_context()._ensure_version_table()
        connection.execute(text(f"INSERT INTO {VERSION_TABLE} VALUES (:revision)"), {"revision": revision})  # noqa: S608 - a constant name


async def connect() -> asyncpg.Connection:
    """A connection to the first host that accepts writes. Raises the first host's error if none does."""
    failure: Exception | None = None
    for url in one_dsn_for_each_host(context.config.attributes["database_url"]):
        try:
            return await asyncpg.connect(url, statement_cache_size=0, timeout=10, target_session_attrs="read-write")
        except Exception as error:
            failure = failure or error
    assert failure is not None  # noqa: S101 - there is at least one host
    raise failure


async def main() -> None:
    # asyncpg parses the DSN: it knows sslmode, which SQLAlchemy does not.
    engine = create_async_engine("postgresql+asyncpg://", async_creator=connect, poolclass=pool.NullPool)
    async with engine.connect() as connection:
        await connection.run_sync(migrate)
        await connection.commit()
    await engine.dispose()


asyncio.run(main())
