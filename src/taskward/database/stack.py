"""A pool of SQLAlchemy without a limit or a lock: the engine's slots bound it, and one event loop uses it.

SQLAlchemy's own asyncio pool keeps its connections in an asyncio.Queue, which costs 4 µs for each request.
"""

import logging
from typing import Any

from sqlalchemy.pool import Pool
from sqlalchemy.pool.base import ConnectionPoolEntry


class Stack(Pool):
    """The connection that was returned last is used next."""

    _is_asyncio = True

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        # SQLAlchemy names a logger after the class: this one would be ours, and shown at LOG_LEVEL=info.
        self.logger = logging.getLogger("sqlalchemy.pool.Stack")
        self._idle: list[ConnectionPoolEntry] = []

    def checkedin(self) -> int:
        """The number of idle connections, as in QueuePool."""
        return len(self._idle)

    def _do_get(self) -> ConnectionPoolEntry:
        return self._idle.pop() if self._idle else self._create_connection()

    def _do_return_conn(self, record: ConnectionPoolEntry) -> None:
        self._idle.append(record)

    def recreate(self) -> "Stack":
        """A new pool with the same options. ``AsyncEngine.dispose`` calls it."""
        return Stack(self._creator, reset_on_return=None, _dispatch=self.dispatch, dialect=self._dialect)

    def dispose(self) -> None:
        """Close the idle connections."""
        while self._idle:
            self._idle.pop().close()

    def status(self) -> str:
        return f"{len(self._idle)} connections are idle"
