"""Used proofs in a PostgreSQL table that several processes share (extra ``postgres``)."""

import asyncio
import contextlib
import time
from typing import Any

PRUNE_EVERY = 30.0  # seconds

SCHEMA = """
    CREATE UNLOGGED TABLE IF NOT EXISTS {table} (key bytea PRIMARY KEY, expires_at timestamptz NOT NULL);
    CREATE INDEX IF NOT EXISTS {index} ON {table} (expires_at)
"""
"""The table. UNLOGGED costs no write-ahead log; a crash of the server empties it, and so does a failover."""


class PostgresReplays:
    """``pool`` is an asyncpg pool, which stays the caller's, or a DSN. Applications that fork give a DSN.

    ``table`` goes into the SQL as it is, so it must not come from a client. ``create`` makes the table.
    Expired rows are deleted every 30 s by the process that finds it due.
    """

    def __init__(self, pool: Any, *, table: str = "tokenward_proofs") -> None:
        self._given = pool
        self._own: Any = None
        self._opening = asyncio.Lock()
        self._table = table
        self._claim = (
            f"INSERT INTO {table} (key, expires_at) VALUES ($1, now() + $2 * interval '1 second') "  # noqa: S608 - the table's name is the application's own
            "ON CONFLICT (key) DO NOTHING"
        )
        self._pruned_at = time.monotonic()
        self._pruning: asyncio.Task[None] | None = None

    async def create(self) -> None:
        """Make the table, unless it is there."""
        index = f"{self._table.replace('.', '_')}_expires_at"
        await (await self._pool()).execute(SCHEMA.format(table=self._table, index=index))

    async def first_use(self, key: bytes, seconds: float) -> bool:
        pool = await self._pool()
        done: str = await pool.execute(self._claim, key, seconds)
        if time.monotonic() - self._pruned_at >= PRUNE_EVERY:
            self._pruned_at = time.monotonic()
            self._pruning = asyncio.create_task(self.prune())
        return done == "INSERT 0 1"

    async def prune(self) -> None:
        """Delete expired rows. After an error it is tried again 30 s later."""
        with contextlib.suppress(Exception):
            pool = await self._pool()
            await pool.execute(f"DELETE FROM {self._table} WHERE expires_at < now()")  # noqa: S608 - as above

    async def close(self) -> None:
        if self._pruning is not None:
            self._pruning.cancel()
        if self._own is not None:
            self._own.terminate()
        self.forked()

    def forked(self) -> None:
        self._own, self._opening = None, asyncio.Lock()

    async def _pool(self) -> Any:
        if not isinstance(self._given, str):
            return self._given
        async with self._opening:
            if self._own is None:
                import asyncpg

                self._own = await asyncpg.create_pool(self._given, min_size=0, max_size=10)
        return self._own
