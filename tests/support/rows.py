"""The rows in the database, to assert that a refused request stored nothing."""

from __future__ import annotations

import asyncpg


async def dump(database: str | asyncpg.Connection) -> dict[str, list[str]]:
    """Every row of every table of the service's, as PostgreSQL prints it; of a database by its URL or a connection."""
    if isinstance(database, str):
        connection = await asyncpg.connect(database)
        try:
            return await dump(connection)
        finally:
            await connection.close()
    tables = await database.fetch(
        "SELECT quote_ident(tablename) AS name FROM pg_tables WHERE schemaname = 'public' ORDER BY 1"
    )
    return {
        table["name"]: [
            row["row"]
            for row in await database.fetch(f"SELECT t::text AS row FROM {table['name']} t ORDER BY 1")  # noqa: S608  # a name PostgreSQL quoted
        ]
        for table in tables
    }
