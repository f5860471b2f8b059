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
PAGE = 5_000  # rows that are read at once, so that no answer takes long and requests are answered in between
_END = 2**63 - 1  # the highest bigint

#: Rows whose ids are from $1 to below $2, as one row with arrays for each kind; without rows, one without a kind.
#: ``next`` is the first id from $2 on. ``oldest`` is the oldest transaction that still runs. Identities are given out
#: before they are committed, so a lower id can appear after a higher one: what may have become visible since a look is
#: told by its transaction, which is not older than ``oldest`` was then ($3, or null for all). After a failover ids and
#: transactions may be given out again; ``server`` tells the two servers apart.
_READ = """
    SELECT server, standby, oldest, next, kind, names, since, ends
    FROM (
        SELECT pg_postmaster_start_time()::text AS server, pg_is_in_recovery() AS standby,
            (pg_snapshot_xmin(pg_current_snapshot())::text::numeric % 4294967296)::text AS oldest,
            (SELECT min(id) FROM auth.revocations WHERE id >= $2) AS next
    ) AS snapshot
    LEFT JOIN (
        SELECT kind, array_agg(value) AS names,
            array_agg(coalesce(date_part('epoch', not_before), 'infinity')) FILTER (WHERE kind <> 'sid') AS since,
            array_agg(date_part('epoch', expires_at)) AS ends
        FROM (
            SELECT kind, value, not_before, expires_at FROM auth.revocations
            WHERE id >= $1 AND id < $2 AND expires_at > now()
                AND ($3::text IS NULL OR age(xmin) <= age($3::text::xid))
            LIMIT $4
        ) AS page GROUP BY kind
    ) AS kinds ON true
"""
_HIGHEST = "SELECT coalesce(max(id), 0) FROM auth.revocations"
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


class Behind(Exception):
    """What was read is not the latest."""


class PostgresRevocations(MemoryRevocations):
    """The caller starts and closes ``listener``. ``max_lag`` is seconds.

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
        self._oldest = self._server = ""
        self._problem: str | None = "not read yet"
        listener.on(CHANNEL)
        listener.look(self._look)

    lag = property(MemoryRevocations.since_look)

    @property
    def problem(self) -> str | None:
        return self._problem or (self._listener.problem if self.lag > self.max_lag else None)

    async def read(self) -> None:
        """Read the whole list once, on a new connection. Raises what the driver raises."""
        connection = await self._listener.connect()
        self._server = ""  # no server has been read yet
        try:
            await self._look(connection, True)
        finally:
            connection.terminate()

    async def revoke(self, revocations: Iterable[Revocation]) -> None:
        """Write revocations into the table, so that every process hears of them. Raises what the driver raises.

        The table has no column for the issuer: a row ends the tokens of every issuer that uses this value.
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

    async def _look(self, session: Any, anew: bool) -> None:
        look = self._now()
        if anew:
            self._whole_at = -math.inf  # the whole list is due at the next look: what is new comes first, and is little
        due = not self._server or (not anew and look[0] - self._whole_at >= WHOLE_EVERY)
        try:
            read = None if due else await self._read(session, self, self._above, self._oldest)
            if read is None or read[0] != self._server:
                read = await self._read_whole(session, look[0])
        except (TooMany, Behind) as error:
            self._problem = str(error)
            self._server = ""
            return
        except Exception as error:
            state = getattr(error, "sqlstate", None)
            if state not in _UNREADABLE:
                raise
            # The connection works, so other looks may go on with it. This set is out of date: its lag grows.
            self._problem = _UNREADABLE[state]
            self._server = ""
            return
        (self._server, self._oldest), self._looked_at = read, look

    async def _read_whole(self, session: Any, started: float) -> tuple[str, str]:
        highest = (await session.fetch(_HIGHEST))[0][0]
        fresh = self._empty()
        server, oldest = await self._read(session, fresh, 0, None)
        missing = [row[0] for row in await session.fetch(_MISSING)]
        self._put(fresh)
        if server != self._server:
            self._above = self._highest = 0
            self._shifted_at = -math.inf
        if started - self._shifted_at >= WHOLE_EVERY:  # not at each reconnect, or the window would shrink
            self._above, self._highest = self._highest, highest
            self._shifted_at = started
        self._whole_at = started
        self._problem = ", ".join(missing) or None
        return server, oldest

    async def _read(self, session: Any, into: MemoryRevocations, above: int, since: str | None) -> tuple[str, str]:
        """Read the rows above an id, of transactions since ``since``: the server and its oldest transaction."""
        first = rows = await session.fetch(_READ, above + 1, _END, since, PAGE)
        if _take(rows, into) == PAGE:  # there are more, so they are read page by page
            page: int | None = above + 1
            while page is not None:
                rows = await session.fetch(_READ, page, page + PAGE, since, PAGE)
                _take(rows, into)
                page = rows[0]["next"]
        return first[0]["server"], first[0]["oldest"]


def _take(rows: list[Any], into: MemoryRevocations) -> int:
    """Add what was read; the number of rows. Raises TooMany and Behind."""
    if rows[0]["standby"]:  # behind a pooler nothing else tells it: elsewhere LISTEN fails on a standby
        raise Behind("the database is a standby, which may be behind its primary")
    found = 0
    for row in rows:
        if row["kind"] is not None:
            into.add_many(row["kind"], row["names"], row["ends"], row["since"] or ())
            found += len(row["names"])
    return found
