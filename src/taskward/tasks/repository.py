"""One person's tasks: a repository is made for an owner and has no method that takes a user."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from uuid_utils.compat import uuid7

from taskward.database.engine import Database, Row, Statement
from taskward.problems import DatabaseUnavailable, Invalid, NotFound, PreconditionFailed
from taskward.tasks import sql as statements
from taskward.tasks.bodies import TaskInput

Versions = Sequence[datetime] | None


class Tasks:
    """The tasks of ``owner``, and of nobody else: every statement binds the owner, and this class alone says who.

    Rows have ``id``, ``title``, ``description``, ``completed``, ``created_at`` and ``updated_at`` in this order, times
    as PostgreSQL prints them in UTC. ``versions`` are the values of ``updated_at`` that If-Match allows, or None for
    any. Every method may raise DatabaseUnavailable.
    """

    __slots__ = ("_db", "owner")

    def __init__(self, db: Database, owner: str) -> None:
        self._db = db
        self.owner = owner

    async def page(
        self, *, completed: bool | None = None, search: str = "", after: UUID | None = None, limit: int = 50
    ) -> list[Row]:
        """At most ``limit`` tasks, newest first, older than ``after``; ``search`` in title or description."""
        statement = statements.listing(by_state=completed is not None, after=after is not None, search=bool(search))
        pattern = f"%{_literally(search)}%"
        return await self._rows(statement, {"completed": completed, "id": after, "pattern": pattern, "limit": limit})

    async def counts(self) -> Row:
        """``open`` and ``completed``."""
        return (await self._rows(statements.COUNTS, {}))[0]

    async def get(self, task_id: UUID) -> Row:
        """Raises NotFound."""
        return _only(await self._rows(statements.GET, {"id": task_id}))

    async def create(self, task: TaskInput) -> Row:
        return (await self._rows(statements.CREATE, _new(task)))[0]

    async def create_once(self, task: TaskInput, key: str) -> tuple[Row, bool]:
        """Create a task unless this owner has used ``key`` within a day; then that task and False.

        Raises Invalid when the key was used for another task.
        """
        values = {**_new(task), "key": key, "fingerprint": task.fingerprint()}
        for _ in range(3):
            created = await self._rows(statements.CREATE_ONCE, values)
            if created:
                return created[0], True
            before = await self._rows(statements.CREATED_BEFORE, values)
            if before:
                return _as_first_created(before[0], task, values["fingerprint"]), False
            # The key expired between the two statements, so it is free now.
        raise DatabaseUnavailable("an idempotency key that neither exists nor can be made")

    async def change(self, task_id: UUID, changes: Mapping[str, Any], versions: Versions = None) -> Row:
        """Set the given fields. Raises NotFound, or PreconditionFailed."""
        if not changes:
            row = await self.get(task_id)
            if versions is not None and datetime.fromisoformat(row["updated_at"] + "Z") not in versions:
                raise PreconditionFailed
            return row
        return await self._change(
            statements.changing(frozenset(changes), guarded=versions is not None), task_id, changes, versions
        )

    async def toggle(self, task_id: UUID, versions: Versions = None) -> Row:
        """Completed becomes open and open completed. Raises NotFound, or PreconditionFailed."""
        statement = statements.changing(frozenset({"toggle"}), guarded=versions is not None)
        return await self._change(statement, task_id, {}, versions)

    async def delete(self, task_id: UUID, versions: Versions = None) -> None:
        """Raises NotFound, or PreconditionFailed."""
        await self._change(statements.deleting(guarded=versions is not None), task_id, {}, versions)

    async def clear(self, *, completed: bool, until: datetime | None = None) -> int:
        """Delete all tasks in one state, or only those not changed after ``until``; how many there were."""
        statement = statements.clearing(bounded=until is not None)
        return len(await self._rows(statement, {"completed": completed, "until": until}))

    async def _change(self, statement: Statement, task_id: UUID, values: Mapping[str, Any], versions: Versions) -> Row:
        rows = await self._rows(statement, {**values, "id": task_id, "versions": versions})
        if not rows and versions is not None:
            await self.get(task_id)  # NotFound comes before any precondition (RFC 9110 §13.2.1)
            raise PreconditionFailed
        return _only(rows)

    async def _rows(self, statement: Statement, values: dict[str, Any]) -> list[Row]:
        values["owner"] = self.owner
        return await self._db.rows(statement, values)


def _new(task: TaskInput) -> dict[str, Any]:
    return {"id": uuid7(), "title": task.title, "description": task.description, "completed": task.completed}


def _only(rows: list[Row]) -> Row:
    if not rows:
        raise NotFound
    return rows[0]


def _literally(text: str) -> str:
    return text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")


def _as_first_created(row: Row, task: TaskInput, fingerprint: bytes) -> Row:
    if row["fingerprint"] != fingerprint:
        message = "was used within the last 24 hours for a task with other content"
        raise Invalid(errors=[{"field": "Idempotency-Key", "message": message}])
    if row["id"] is None:
        # Deleted since. The answer is the one the first request got, and nothing is created anew.
        first = {"created_at": row["first_created_at"], "updated_at": row["first_created_at"]}
        return {"id": row["task_id"], **task.model_dump(), **first}
    return {name: row[name] for name in statements.FIELDS}
