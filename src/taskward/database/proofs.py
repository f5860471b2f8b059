"""Used DPoP proofs in a table of the service's database, which all workers and replicas share."""

import asyncio
import contextlib
import time
from typing import Any

from sqlalchemy import Column, DateTime, Float, Index, LargeBinary, Table, bindparam, cast, delete, func, literal_column
from sqlalchemy.dialects.postgresql import insert

from taskward.database.engine import Database
from taskward.database.schema import metadata
from taskward.database.statement import ServerQuestion

PRUNE_EVERY = 30.0
"""Seconds."""

used_proofs = Table(
    "used_proofs",
    metadata,
    Column("key", LargeBinary, primary_key=True),
    Column("expires_at", DateTime(timezone=True), nullable=False),
    Index("used_proofs_by_end", "expires_at"),
    # No write-ahead log. A crash or a failover empties the table, so a proof of the last minute could be used again.
    prefixes=["UNLOGGED"],
)

_SECOND: Any = literal_column("interval '1 second'")
_ENDS: Any = func.now() + cast(bindparam("seconds", type_=Float), Float) * _SECOND
_CLAIM = ServerQuestion(
    insert(used_proofs)
    .values(key=bindparam("key", type_=LargeBinary), expires_at=_ENDS)
    .on_conflict_do_nothing()
    .returning(literal_column("1"))
)
_PRUNE = ServerQuestion(delete(used_proofs).where(used_proofs.c.expires_at < func.now()))


class DatabaseReplays:
    """A store of used proofs (``tokenward.dpop.Replays``). Atomic: one INSERT with the primary key as its judge.

    Expired rows are deleted every 30 s by the worker that finds it due.
    """

    def __init__(self, db: Database) -> None:
        self._db = db
        self._pruned_at = time.monotonic()
        self._pruning: asyncio.Task[None] | None = None

    async def first_use(self, key: bytes, seconds: float) -> bool:
        """True for exactly one call with this key within ``seconds``. Raises DatabaseUnavailable."""
        first = await self._db.ask(_CLAIM, {"key": key, "seconds": seconds})
        if time.monotonic() - self._pruned_at >= PRUNE_EVERY:
            self._pruned_at = time.monotonic()
            self._pruning = asyncio.create_task(self.prune())
        return bool(first)

    async def prune(self) -> None:
        """Delete expired rows. A failure is of no consequence: it is tried again 30 s later."""
        with contextlib.suppress(Exception):
            await self._db.ask(_PRUNE)

    async def close(self) -> None:
        if self._pruning is not None:
            self._pruning.cancel()

    def forked(self) -> None:
        """Workers are not forked after the start."""
