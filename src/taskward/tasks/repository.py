"""The tasks of one owner: no method takes a user."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from uuid_utils import uuid7

from taskward.api.etag import ANY_VERSION, Preconditions
from taskward.database.engine import Row, Rows
from taskward.database.statement import Statement
from taskward.problems import NOT_FOUND, PRECONDITION_FAILED, DatabaseUnavailable, Invalid, Problem
from taskward.tasks import sql
from taskward.tasks.bodies import FIELDS, TaskInput


class Tasks:
    """The tasks among ``rows``, which are those of one owner.

    A row has the members of ``bodies.Task``. Every method may raise DatabaseUnavailable.
    """

    __slots__ = ("_rows",)

    def __init__(self, rows: Rows) -> None:
        self._rows = rows

    async def page(
        self, *, completed: bool | None = None, search: str = "", after: str | None = None, limit: int = 50
    ) -> list[Row]:
        """At most ``limit`` tasks, newest first, older than ``after``; ``search`` in title or description."""
        statement = sql.listing(by_state=completed is not None, after=after is not None, search=bool(search))
        pattern = f"%{_literally(search)}%"
        return await self._rows.all(
            statement, {"completed": completed, "id": after, "pattern": pattern, "limit": limit}
        )

    async def counts(self) -> Row:
        """A row with the numbers ``open`` and ``completed``."""
        return (await self._rows.all(sql.COUNTS, {}))[0]

    async def version(self) -> tuple[Any, ...]:
        """A value that differs after every change of these tasks."""
        return tuple((await self._rows.all(sql.VERSION, {}))[0].values())

    async def get(self, task_id: str) -> Row:
        """Raises Problem (not found)."""
        return _only(await self._rows.all(sql.GET, {"id": task_id}))

    async def create(self, task: TaskInput) -> Row:
        return (await self._rows.all(sql.CREATE, _new(task)))[0]

    async def create_once(self, task: TaskInput, key: str) -> tuple[Row, bool]:
        """The new task and True. If this owner used ``key`` within 24 hours: the task made then, and False.

        Raises Invalid when the key was used for a task with other content.
        """
        values = {**_new(task), "key": key, "fingerprint": task.fingerprint()}
        for _ in range(3):
            created = await self._rows.all(sql.CREATE_ONCE, values)
            if created:
                return created[0], True
            before = await self._rows.all(sql.CREATED_BEFORE, values)
            if before:
                return _as_first_created(before[0], task), False
            # The key expired between the two statements, so it is free now.
        raise DatabaseUnavailable("the idempotency key could be neither created nor read, three times")

    async def change(self, task_id: str, changes: Mapping[str, Any], only_if: Preconditions = ANY_VERSION) -> Row:
        """Set the given fields. Raises Problem (not found, or precondition failed)."""
        if not changes:
            row = await self.get(task_id)
            only_if.check(row)
            return row
        return await self._change(sql.changing(frozenset(changes), only_if.guards), task_id, changes, only_if)

    async def toggle(self, task_id: str, only_if: Preconditions = ANY_VERSION) -> Row:
        """Make a completed task open and an open one completed. Raises the errors of ``change``."""
        return await self._change(sql.changing(frozenset({"toggle"}), only_if.guards), task_id, {}, only_if)

    async def delete(self, task_id: str, only_if: Preconditions = ANY_VERSION) -> None:
        """Delete one task. Raises the errors of ``change``."""
        await self._change(sql.deleting(only_if.guards), task_id, {}, only_if)

    async def clear(self, *, completed: bool, until: datetime | None = None) -> int:
        """Delete all tasks in one state that did not change after ``until``. Returns their number."""
        statement = sql.clearing(until=until is not None)
        return len(await self._rows.all(statement, {"completed": completed, "until": until}))

    async def _change(
        self, statement: Statement, task_id: str, values: Mapping[str, Any], only_if: Preconditions
    ) -> Row:
        rows = await self._rows.all(statement, {**values, "id": task_id, **only_if.versions})
        if not rows and only_if.guards:
            await self.get(task_id)  # not found comes before any precondition (RFC 9110 §13.2.1)
            raise Problem(PRECONDITION_FAILED)
        return _only(rows)


def _new(task: TaskInput) -> dict[str, Any]:
    return {"id": str(uuid7()), **vars(task)}


def _only(rows: list[Row]) -> Row:
    if not rows:
        raise Problem(NOT_FOUND)
    return rows[0]


def _literally(text: str) -> str:
    """The text escaped for ILIKE … ESCAPE '!'. A backslash would depend on standard_conforming_strings."""
    return text.replace("!", "!!").replace("%", "!%").replace("_", "!_")


def _as_first_created(row: Row, task: TaskInput) -> Row:
    if not task.is_of(row["fingerprint"]):
        message = "was used within the last 24 hours for a task with other content"
        raise Invalid([{"field": "Idempotency-Key", "message": message}])
    if row["id"] is None:
        # The task was deleted since. Return the answer of the first request and create nothing.
        first = {"created_at": row["first_created_at"], "updated_at": row["first_created_at"]}
        return {"id": row["task_id"], **task.model_dump(), **first}
    return {name: row[name] for name in FIELDS}
