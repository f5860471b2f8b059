"""The probes: /healthz (the process is alive) and /readyz (the service can answer requests)."""

import asyncio
import time
from collections.abc import Callable
from functools import cache
from typing import Any

from sqlalchemy import column, literal_column, select, table
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from taskward.database.engine import Database
from taskward.database.migrate import VERSION_TABLE
from taskward.database.schema import metadata
from taskward.database.statement import ServerQuestion
from taskward.problems import SHUTTING_DOWN, DatabaseUnavailable, Problem
from tokenward import JwksSource
from tokenward.revocation import MemoryRevocations
from tokenward.source import KeySource

NOT_MIGRATED = "The database is not migrated: run taskward migrate"


class NotMigrated(Exception):
    """The database can be reached, but its tables are missing or older than this code needs."""


@cache
def _state() -> ServerQuestion:
    """A statement for the revision of the last migration, and whether the tables exist."""
    there = " AND ".join(f"to_regclass('{name}') IS NOT NULL" for name in sorted(metadata.tables))
    complete: Any = literal_column(f"({there})").label("complete")
    clause: Any = select(column("version_num"), complete)
    return ServerQuestion(clause.select_from(table(VERSION_TABLE)))


async def check_migrated(db: Database, needed: str) -> None:
    """Raises NotMigrated or DatabaseUnavailable. A newer revision is accepted, for rolling upgrades."""
    try:
        found = await db.ask(_state())
    except DatabaseUnavailable as error:
        if "42P01" in error.reason:  # undefined_table
            raise NotMigrated from None
        raise
    if not found or found[0]["version_num"] < needed or not found[0]["complete"]:
        raise NotMigrated


class Readiness:
    """Readiness, from at most one statement a second for all probes.

    The path needs no token. While the database is down each statement holds a slot until it times out, so probes
    without this limit could take all slots.
    """

    def __init__(
        self,
        db: Database,
        source: KeySource,
        revision: str,
        now: Callable[[], float] = time.monotonic,
        *,
        revocations: MemoryRevocations | None = None,
    ) -> None:
        self._revocations = revocations
        self._db = db
        self._source = source
        self._revision = revision
        self._now = now
        self._asked_at = 0.0
        self._answer: asyncio.Task[DatabaseUnavailable | None] | None = None

    async def ready(self, request: Request) -> Response:
        if request.scope.get("state", {}).get("leaving"):  # set by server/process.py
            raise Problem(SHUTTING_DOWN)
        moment = self._now()
        if self._answer is None or (self._answer.done() and moment - self._asked_at >= 1):
            self._asked_at = moment
            self._answer = asyncio.create_task(self._ask())
        # Shielded: a probe that disconnects must not cancel the answer for the others.
        failure = await asyncio.shield(self._answer)
        if failure is not None:
            raise DatabaseUnavailable(failure.reason, failure.detail)
        state = {"status": "ready", "database": "ok", "keys": keys_state(self._source)}
        if self._revocations is not None:
            state["revocations"] = revocations_state(self._revocations)
        return JSONResponse(state)

    async def _ask(self) -> DatabaseUnavailable | None:
        try:
            await check_migrated(self._db, self._revision)
        except NotMigrated:
            return DatabaseUnavailable("not migrated", NOT_MIGRATED)
        except DatabaseUnavailable as error:
            return error
        return None


def keys_state(source: KeySource) -> str:
    """``fresh``, ``stale`` (known keys still serve), ``none``, or ``shared secret``."""
    if not isinstance(source, JwksSource):
        return "shared secret"
    if source.keys is None:
        return "none"
    return "fresh" if source.fresh else "stale"


def revocations_state(revocations: MemoryRevocations) -> str:
    """``in step``, ``out of step``, or what is wrong with the table.

    Readiness reports it but stays 200: removing every replica would not help.
    """
    if revocations.problem is not None:
        return revocations.problem
    return "in step" if revocations.lag <= revocations.max_lag else "out of step"


async def alive(request: Request) -> Response:
    return JSONResponse({"status": "alive"})


def routes(readiness: Readiness) -> list[Route]:
    return [Route("/healthz", alive, name="healthz"), Route("/readyz", readiness.ready, name="readyz")]
