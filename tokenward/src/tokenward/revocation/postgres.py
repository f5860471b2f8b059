"""Revocations kept in step with the table ``auth.revocations`` of a PostgreSQL (extra ``postgres``)."""

import asyncio
import math
from collections.abc import Iterable
from typing import Any

from tokenward.clock import Clock
from tokenward.revocation.listener import PATIENCE, Listener
from tokenward.revocation.memory import MAX_ENTRIES, MemoryRevocations, TooMany
from tokenward.revocation.protocol import Revocation

CHANNEL = "taskward_revocations"
WHOLE_EVERY = 60.0  # seconds
AT_ONCE = 5_000  # rows

_COLUMNS = (
    "SELECT id, kind, value, extract(epoch FROM not_before)::float8 AS not_before, "
    "extract(epoch FROM expires_at)::float8 AS expires_at FROM auth.revocations WHERE expires_at > now()"
)
_WHOLE = f"{_COLUMNS} LIMIT $1"
#: Identities are given out before they are committed, so a lower id can appear after a higher one. What may have become
#: visible since the last look is told by its transaction: none older than the oldest that ran at that look.
_NEW = f"{_COLUMNS} AND id > $1 AND age(xmin) <= age($2::text::xid) LIMIT $3"
_UNREADABLE = {
    "42P01": "auth.revocations is missing or may not be read",
    "3F000": "auth.revocations is missing or may not be read",
    "42501": "auth.revocations is missing or may not be read",
    "42703": "auth.revocations lacks a column that is needed",
}
_WRITE = (
    "INSERT INTO auth.revocations (kind, value, not_before, expires_at) "
    "VALUES ($1, $2, to_timestamp($3), to_timestamp($4))"
)
_OLDEST = "SELECT (pg_snapshot_xmin(pg_current_snapshot())::text::numeric % 4294967296)::text"
#: What keeps the table complete: the event and the table of each trigger, and the column without which there is no such
#: event. tgtype is a bit set: 2 before, 8 delete, 16 update, 32 truncate (pg_trigger.h).
_MISSING = """
    WITH wanted (name, event, bits, tab, col) AS (VALUES
        ('session', 'after DELETE', 8, to_regclass('auth.session'), 'id'),
        ('session', 'after UPDATE', 16, to_regclass('auth.session'), 'expiresAt'),
        ('session', 'before TRUNCATE', 32, to_regclass('auth.session'), 'expiresAt'),
        ('user', 'after DELETE', 8, to_regclass('auth."user"'), 'id'),
        ('user', 'after UPDATE', 16, to_regclass('auth."user"'), 'banned'),
        ('user', 'before TRUNCATE', 32, to_regclass('auth."user"'), 'banned'),
        ('oauthConsent', 'after DELETE', 8, to_regclass('auth."oauthConsent"'), 'id')
    )
    SELECT DISTINCT CASE WHEN tab IS NULL THEN 'auth.' || name || ' is missing'
        ELSE 'no trigger ' || event || ' on auth.' || name END
    FROM wanted
    WHERE (tab IS NULL AND name <> 'oauthConsent') OR (
        EXISTS (SELECT FROM pg_attribute WHERE attrelid = tab AND attname = col AND NOT attisdropped)
        AND NOT EXISTS (SELECT FROM pg_trigger WHERE tgrelid = tab AND NOT tgisinternal AND tgenabled IN ('O', 'A')
            AND tgtype::int & bits > 0))
    ORDER BY 1
"""


class PostgresRevocations(MemoryRevocations):
    """``listener`` is started and closed by whoever made it; ``max_lag`` is seconds.

    ``problem`` is None, or what keeps revocations from arriving, in words for an operator.
    """

    def __init__(
        self,
        listener: Listener,
        *,
        max_lag: float = 5,
        clock: Clock | None = None,
        max_entries: int = MAX_ENTRIES,
    ) -> None:
        super().__init__(max_lag=max_lag, clock=clock, max_entries=max_entries)
        self._listener = listener
        self._whole_at = -math.inf
        # The highest ids of the last two whole readings that were due. A look begins after the older one, so a
        # transaction that was open during a reading is not passed over when it commits.
        self._above = self._highest = 0
        self._shifted_at = -math.inf
        self._oldest = "0"
        self._problem: str | None = "not read yet"
        listener.on(CHANNEL)
        listener.look(self._look)

    @property
    def lag(self) -> float:
        return self._since_look()

    @property
    def problem(self) -> str | None:
        return self._problem or (self._listener.problem if self.lag > self.max_lag else None)

    async def read(self) -> None:
        """Read everything once, on a connection of its own. Raises what the driver raises."""
        connection = await self._listener.connect()
        try:
            await self._look(connection, True)
        finally:
            connection.terminate()

    async def revoke(self, revocations: Iterable[Revocation]) -> None:
        """Write revocations into the table, so that every process hears of them. Raises what the driver raises.

        The table knows no issuers: what is written ends the tokens of every issuer that this name has tokens of.
        """
        ending = list(revocations)
        if not ending:
            return
        rows = [(one.kind, one.value, one.not_before, one.expires_at) for one in ending]
        async with asyncio.timeout(PATIENCE):
            connection = await self._listener.connect()
            try:
                async with connection.transaction():
                    await connection.executemany(_WRITE, rows)
                    await connection.execute(f"SELECT pg_notify('{CHANNEL}', '')")
            finally:
                connection.terminate()
        self.add(ending)

    async def _look(self, connection: Any, whole: bool) -> None:
        look = self._now()
        started = look[0]
        try:
            # Asked before the rows are read, so that it is never newer than they are.
            oldest = await connection.fetchval(_OLDEST)
            if whole or started - self._whole_at >= WHOLE_EVERY:
                rows = await connection.fetch(_WHOLE, self.max_entries + 1)
                missing = [row[0] for row in await connection.fetch(_MISSING)]
                if len(rows) > AT_ONCE:  # requests are answered meanwhile
                    self._put(await asyncio.to_thread(self._made_of, map(_revocation, rows)))
                else:
                    self.replace(map(_revocation, rows))
                if started - self._shifted_at >= WHOLE_EVERY:  # not at each reconnect, or the window would shrink
                    self._above, self._highest = self._highest, max((row["id"] for row in rows), default=0)
                    self._shifted_at = started
                self._whole_at = started
                self._problem = ", ".join(missing) or None
            else:
                self.add(
                    map(_revocation, await connection.fetch(_NEW, self._above, self._oldest, self.max_entries + 1))
                )
        except TooMany as error:
            self._problem = str(error)
            self._whole_at = -math.inf
            return
        except Exception as error:
            state = getattr(error, "sqlstate", None)
            if state not in _UNREADABLE:
                raise
            # The connection is well, so others may go on with it. This set is not: its lag grows.
            self._problem = _UNREADABLE[state]
            self._whole_at = -math.inf
            return
        self._oldest, self._looked_at = oldest, look


def _revocation(row: Any) -> Revocation:
    return Revocation(row["kind"], row["value"], row["not_before"] or math.inf, row["expires_at"])
