"""What goes in and what comes out of the tasks API, as bytes."""

import hashlib
from collections.abc import Iterable
from typing import Annotated, Any, TypeVar

import orjson
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints, ValidationError
from pydantic_core import PydanticCustomError

from taskward.database.engine import Row
from taskward.problems import BadRequest, Invalid
from taskward.tasks.table import MAX_DESCRIPTION, MAX_TITLE


def _no_nul(value: str) -> str:
    if "\x00" in value:
        raise PydanticCustomError("nul", "must not contain the NUL character")
    return value


Title = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=MAX_TITLE),
    AfterValidator(_no_nul),
]
Description = Annotated[str, StringConstraints(max_length=MAX_DESCRIPTION), AfterValidator(_no_nul)]


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, hide_input_in_errors=True)


class TaskInput(_Body):
    """A whole task, as POST and PUT take it."""

    title: Title = Field(description="What is to be done; surrounding space is cut off.")
    description: Description | None = Field(None, description="Anything more there is to say.")
    completed: bool = Field(False, description="Whether it is done.")

    def fingerprint(self) -> bytes:
        """What two bodies have in common that mean the same task."""
        return hashlib.sha256(orjson.dumps([self.title, self.description, self.completed])).digest()


class TaskPatch(_Body):
    """A JSON merge patch (RFC 7396): what is absent stays, null removes; only the description can be removed."""

    title: Title = Field("", description="A new title.")
    description: Description | None = Field(None, description="A new description, or null to remove it.")
    completed: bool = Field(False, description="Whether it is done.")

    def changes(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in self.model_fields_set}


class Completion(_Body):
    """The optional body of PATCH …/complete."""

    completed: bool = Field(description="Set to this instead of toggling.")


B = TypeVar("B", bound=BaseModel)


def read(model: type[B], body: bytes) -> B:
    """A body as ``model``. Raises BadRequest for what is not JSON, Invalid with every bad field at once."""
    try:
        return model.model_validate_json(body)
    except ValidationError as error:
        problems = error.errors(include_url=False, include_input=False)
    except UnicodeDecodeError:
        raise BadRequest("The body is not valid JSON", code="malformed_json") from None
    if problems[0]["type"] == "json_invalid":
        raise BadRequest("The body is not valid JSON", code="malformed_json")
    raise Invalid(errors=[{"field": _field(p["loc"]), "message": _message(p)} for p in problems])


def _field(location: tuple[int | str, ...]) -> str:
    return str(location[0])[:100] if location else "body"


def _message(problem: Any) -> str:
    context = problem.get("ctx", {})
    match problem["type"]:
        case "missing":
            return "is required"
        case "extra_forbidden":
            return "is not a field of a task"
        case "string_too_short":
            return "must not be empty"
        case "string_too_long":
            return f"must be at most {context['max_length']} characters"
        case "string_type":
            return "must be a string"
        case "bool_type":
            return "must be true or false"
        case "model_type":
            return "must be a JSON object"
        case _:
            return str(problem["msg"])


# What comes out. Members are named one by one, which costs half of what dict(row) does.


def task_json(row: Row) -> bytes:
    """One task: id, title, description, completed, created_at, updated_at (RFC 3339, UTC)."""
    return orjson.dumps(_task(row))


def page_json(rows: Iterable[Row], next_cursor: str | None) -> bytes:
    return orjson.dumps({"items": [_task(row) for row in rows], "next_cursor": next_cursor})


def etag(row: Row) -> str:
    """A task's entity tag: its ``updated_at`` as in its JSON, in quotes. It grows with every change.

    Whoever holds a task from a list can therefore write ``If-Match`` without fetching it again.
    """
    return f'"{rfc3339(row["updated_at"])}"'


def rfc3339(printed: str) -> str:
    """A time as PostgreSQL prints it in UTC, as RFC 3339 has it."""
    return f"{printed[:10]}T{printed[11:]}Z"


def _task(row: Row) -> dict[str, Any]:
    ident, title, description, completed, created_at, updated_at = row.values()
    return {
        "id": str(ident),
        "title": title,
        "description": description,
        "completed": completed,
        "created_at": f"{created_at[:10]}T{created_at[11:]}Z",
        "updated_at": f"{updated_at[:10]}T{updated_at[11:]}Z",
    }
