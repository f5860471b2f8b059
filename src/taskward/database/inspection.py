"""Facts about a database for `taskward check`, read over a connection of its own."""

from dataclasses import dataclass

import asyncpg

from taskward.database.dsn import one_dsn_for_each_host

#: Settings of a database or role that change no answer of Taskward. They are reported because they help to explain
#: faults elsewhere.
_TOLD = (
    *("datestyle", "timezone", "intervalstyle", "standard_conforming_strings", "bytea_output", "extra_float_digits"),
    *("search_path", "default_transaction_isolation", "default_transaction_read_only", "statement_timeout"),
    *("lock_timeout", "idle_session_timeout", "row_security", "backslash_quote", "quote_all_identifiers"),
)

_FACTS = """
SELECT current_setting('server_version') AS version,
       current_setting('server_version_num')::int AS number,
       current_setting('server_encoding') AS encoding,
       lower(chr(CASE current_setting('server_encoding') WHEN 'UTF8' THEN 201 ELSE 65 END))
           = chr(CASE current_setting('server_encoding') WHEN 'UTF8' THEN 233 ELSE 97 END) AS knows_case,
       current_setting('default_transaction_read_only') = 'on' AS read_only,
       pg_is_in_recovery() AS replica,
       ARRAY(SELECT name || '=' || setting FROM pg_settings
              WHERE lower(name) = ANY($1::text[]) AND source IN ('database', 'user', 'database user')
              ORDER BY name) AS settings
"""


@dataclass(frozen=True, slots=True)
class Facts:
    version: str
    number: int
    """As ``server_version_num`` has it: 150004 is 15.4."""
    encoding: str
    knows_case: bool
    """Whether upper and lower case are told apart outside ASCII, as search does."""
    read_only: bool
    replica: bool
    settings: list[str]
    """``name=value`` of those that somebody has set for this database or role."""


async def inspect(url: str, seconds: float) -> Facts:
    """The facts of the first host that accepts a connection. Raises asyncpg's errors or OSError."""
    failure: Exception | None = None
    for dsn in one_dsn_for_each_host(url):
        try:
            connection = await asyncpg.connect(dsn, timeout=seconds, statement_cache_size=0)
            break
        except Exception as error:
            failure = failure or error
    else:
        assert failure is not None  # noqa: S101 - there is at least one host
        raise failure
    try:
        async with connection.transaction():  # PgBouncer in statement mode has none, and refuses here
            return Facts(**await connection.fetchrow(_FACTS, list(_TOLD), timeout=seconds))
    finally:
        await connection.close(timeout=seconds)
