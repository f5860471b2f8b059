"""How Alembic reaches the database: async, in one transaction, one migrating process at a time."""

import asyncio

import asyncpg
from alembic import context
from sqlalchemy import Connection, pool, text
from sqlalchemy.ext.asyncio import create_async_engine

from taskward.app import RESOURCES  # noqa: F401 - importing it declares the tables of every resource
from taskward.database.dsn import one_dsn_for_each_host
from taskward.database.schema import metadata

LOCK = 7_261_539_402  # any number, as long as every replica takes the same


def migrate(connection: Connection) -> None:
    context.configure(connection=connection, target_metadata=metadata, transaction_per_migration=False)
    with context.begin_transaction():
        # Held to the end of the transaction, so that it also works behind a pooler that shares connections.
        connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": LOCK})
        context.run_migrations()


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
