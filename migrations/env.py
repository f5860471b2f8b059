"""How Alembic reaches the database: async, in one transaction, one migrating process at a time."""

import asyncio

import asyncpg
from alembic import context
from sqlalchemy import Connection, pool, text
from sqlalchemy.ext.asyncio import create_async_engine

from taskward.app import RESOURCES  # noqa: F401 - importing it declares the tables of every resource
from taskward.database.dsn import one_dsn_for_each_host
from taskward.database.migrate import VERSION_TABLE, Unfit
from taskward.database.schema import metadata

LOCK = 7_261_539_402  # any number, as long as every replica takes the same

#: Whether this database was migrated before Taskward had a version table of its own: its revision stands in
#: alembic_version then, as another program's might, but the tables beside it are ours.
_FORMER = """
SELECT to_regclass('alembic_version') IS NOT NULL AND to_regclass('idempotency_keys') IS NOT NULL
   AND EXISTS (SELECT FROM pg_attribute WHERE attrelid = to_regclass('tasks') AND attname = 'user_id')
   AND to_regclass(:own) IS NULL
"""


#: A migration may wait for another one, and may take longer than a request: limits set for requests do not hold here.
_NO_LIMITS = """
SELECT set_config(name, '0', true) FROM pg_settings
 WHERE name IN ('statement_timeout', 'lock_timeout', 'transaction_timeout', 'idle_in_transaction_session_timeout')
"""


def migrate(connection: Connection) -> None:
    connection.execute(text(_NO_LIMITS))
    encoding = connection.execute(text("SELECT current_setting('server_encoding')")).scalar_one()
    if encoding != "UTF8":
        raise Unfit(
            f"its encoding is {encoding}, in which not every text can be stored. Create it anew: "
            "CREATE DATABASE … TEMPLATE template0 ENCODING 'UTF8'"
        )
    context.configure(
        connection=connection, target_metadata=metadata, version_table=VERSION_TABLE, transaction_per_migration=False
    )
    with context.begin_transaction():
        # Held to the end of the transaction, so that it also works behind a pooler that shares connections.
        connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": LOCK})
        if connection.execute(text(_FORMER), {"own": VERSION_TABLE}).scalar_one():
            take_over(connection)
        context.run_migrations()


def take_over(connection: Connection) -> None:
    """Copy the revision to the table of our own. The former row stays: replicas of the former version still read it."""
    known = [script.revision for script in context.script.walk_revisions()]
    found = connection.execute(text("SELECT version_num FROM alembic_version")).scalars().all()
    for revision in set(found) & set(known):
        context.get_context()._ensure_version_table()
        connection.execute(text(f"INSERT INTO {VERSION_TABLE} VALUES (:revision)"), {"revision": revision})  # noqa: S608 - a name of ours


async def connect() -> asyncpg.Connection:
    """To the first host that takes writes. Raises what the first one that failed did."""
    failure: Exception | None = None
    for url in one_dsn_for_each_host(context.config.attributes["database_url"]):
        try:
            return await asyncpg.connect(url, statement_cache_size=0, timeout=10, target_session_attrs="read-write")
        except Exception as error:
            failure = failure or error
    assert failure is not None  # noqa: S101 - there is at least one host
    raise failure


async def main() -> None:
    # The URL goes to asyncpg as it is: it knows sslmode, which SQLAlchemy's own parsing does not.
    engine = create_async_engine("postgresql+asyncpg://", async_creator=connect, poolclass=pool.NullPool)
    async with engine.connect() as connection:
        await connection.run_sync(migrate)
        await connection.commit()
    await engine.dispose()


asyncio.run(main())
