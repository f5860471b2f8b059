"""A task as clients receive it and as they send it. Each member is declared once."""

import hashlib
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Annotated, Any, ClassVar, TypedDict, get_type_hints

import orjson
from pydantic import AfterValidator, BeforeValidator, Field, StringConstraints

from taskward.api.request import Body
from taskward.api.text import composed, no_nul, visible
from taskward.database.engine import Row
from taskward.tasks.table import MAX_DESCRIPTION, MAX_TITLE

_WHEN = {"type": "string", "format": "date-time"}


class Task(TypedDict):
    """A task in an answer, each member with its OpenAPI schema. It has no owner: the owner is the caller."""

    id: Annotated[str, {"type": "string", "format": "uuid", "description": "UUID version 7."}]
    title: Annotated[str, {"type": "string", "minLength": 1, "maxLength": MAX_TITLE}]
    description: Annotated[str | None, {"type": ["string", "null"], "maxLength": MAX_DESCRIPTION}]
    completed: Annotated[bool, {"type": "boolean"}]
    created_at: Annotated[datetime, _WHEN]
    updated_at: Annotated[datetime, _WHEN]


TASK_SCHEMA: dict[str, Any] = {
    name: hint.__metadata__[0] for name, hint in get_type_hints(Task, include_extras=True).items()
}

#: The columns of every statement that returns tasks.
FIELDS = tuple(TASK_SCHEMA)

Title = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=MAX_TITLE),
    BeforeValidator(composed),
    AfterValidator(no_nul),
    AfterValidator(visible),
]
Description = Annotated[
    str, StringConstraints(max_length=MAX_DESCRIPTION), BeforeValidator(composed), AfterValidator(no_nul)
]


class TaskInput(Body):
    """A whole task, as POST and PUT take it. Absent members get their default."""

    noun: ClassVar[str] = "a task"
    title: Title = Field(description="What is to be done. Surrounding space is removed.")
    description: Description | None = Field(None, description="Further text.")
    completed: bool = Field(False, description="Whether the task is done.")

    def fingerprint(self) -> bytes:
        """SHA-256 of the task. It is equal for two bodies that mean the same task.

        Members with their default are left out, so that a new member with a default changes no stored fingerprint.
        """
        said = {name: value for name, value in self.model_dump().items() if value not in (None, False)}
        return hashlib.sha256(orjson.dumps(said, option=orjson.OPT_SORT_KEYS)).digest()

    def is_of(self, fingerprint: bytes) -> bool:
        """Whether a stored fingerprint is of this task. Version 0.1 computed it differently; both count."""
        former = hashlib.sha256(orjson.dumps([self.title, self.description, self.completed])).digest()
        return fingerprint in (self.fingerprint(), former)


#: The members that a client may set.
WRITABLE = tuple(TaskInput.model_fields)


class TaskPatch(TaskInput):
    """A JSON merge patch (RFC 7396): absent members stay as they are. Only the description may be null."""

    title: Title = Field("", description="A new title.")
    description: Description | None = Field(None, description="A new description, or null to remove it.")

    def changes(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in self.model_fields_set}


class Completion(Body):
    """The optional body of PATCH …/complete."""

    noun: ClassVar[str] = "a task"
    completed: bool = Field(description="The new state. Without a body the state is inverted.")


def task_json(row: Row) -> bytes:
    """One task as JSON; times are RFC 3339 in UTC."""
    return _json(dict(row.items()))


def page_json(rows: Iterable[Row], next_cursor: str | None) -> bytes:
    return _json({"items": [dict(row.items()) for row in rows], "next_cursor": next_cursor})


def _json(value: Mapping[str, Any]) -> bytes:
    return orjson.dumps(value, option=orjson.OPT_UTC_Z)
