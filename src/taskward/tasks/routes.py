"""The routes of the tasks API: handlers, each with its OpenAPI description."""

from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from taskward.api import cursor
from taskward.api import described as say
from taskward.api.etag import Preconditions, conditional, etag, if_match, not_modified, preconditions
from taskward.api.openapi import Resource, operation
from taskward.api.owner import rows_of
from taskward.api.request import JSON, MERGE_PATCH, body, id_in_path, idempotency_key, read
from taskward.api.routing import Endpoint, Json, ResourceRoute
from taskward.tasks import query
from taskward.tasks.bodies import TASK_SCHEMA, Completion, TaskInput, TaskPatch, page_json, task_json
from taskward.tasks.events import Streams, origin
from taskward.tasks.repository import Tasks
from taskward.tasks.table import MAX_TITLE

_PARAMETERS = {
    "completed": say.query("completed", {"type": "boolean"}, "Only tasks in this state."),
    "q": say.query(
        "q",
        {"type": "string", "maxLength": MAX_TITLE, "pattern": "^[^\\u0000]*$"},
        "Only tasks with this text in title or description; case is ignored.",
    ),
    "until": say.query(
        "until", {"type": "string", "format": "date-time"}, "Only tasks whose `updated_at` is not later than this."
    ),
}
_CHANGING = frozenset({"POST", "PUT", "PATCH", "DELETE"})
_COUNT = {"type": "integer", "minimum": 0}
_SCHEMAS = {
    "Task": say.object_(TASK_SCHEMA),
    "TaskPage": say.object_(
        {
            "items": {"type": "array", "items": say.ref("schemas", "Task")},
            "next_cursor": {"type": ["string", "null"]},
        }
    ),
    "Counts": say.object_({"open": _COUNT, "completed": _COUNT}),
    "Deleted": say.object_({"deleted": _COUNT}),
    "TaskInput": say.body_schema(TaskInput),
    "TaskPatch": say.body_schema(TaskPatch, patch=True),
    "Completion": say.body_schema(Completion),
}


def _parameters(*names: str) -> list[say.Schema]:
    return [say.ref("parameters", name) for name in names]


_TASK = say.answer("The task", "Task", etag=True)
_GUARDS = _parameters("if_match", "unless")


class _Telling(Endpoint):
    """Notifies this person's event streams after a change of one task, or of several."""

    created: str | None = None  # the id of the task that this request created

    def answering(self, request: Request, response: Response) -> None:
        if request.method not in _CHANGING or response.status_code >= 300:
            return
        if request.method == "POST" and self.created is None:
            return  # a repeat with the same Idempotency-Key: nothing was created
        found = self.created or request.path_params.get("id")
        streams: Streams = request.scope["streams"]
        streams.changes.note(rows_of(request).owner, found and found.lower(), origin(request))


class Collection(_Telling):
    """``/{user_id}/tasks``"""

    @operation(
        "listTasks",
        "List tasks, newest first",
        {200: say.answer("One page of tasks", "TaskPage")},
        422,
        parameters=_parameters("completed", "q", "limit", "cursor"),
    )
    async def get(self, request: Request) -> Response:
        rows = rows_of(request)
        wanted = query.listing(request, rows.owner)
        limit = wanted.pop("limit")
        found = await Tasks(rows).page(**wanted, limit=limit + 1)  # one more row shows whether there is a next page
        more = len(found) > limit
        next_cursor = cursor.write(rows.owner, found[limit - 1]["id"]) if more else None
        return Json(page_json(found[:limit], next_cursor))

    @operation(
        "createTask",
        "Create a task",
        {
            200: say.answer("The task that was created with this Idempotency-Key", "Task", etag=True, location=True),
            201: say.answer("The new task", "Task", etag=True, location=True),
        },
        415,
        422,
        parameters=_parameters("idempotency_key"),
        body=say.body("TaskInput"),
    )
    async def post(self, request: Request) -> Response:
        tasks = _tasks(request)
        key = idempotency_key(request)
        task = read(TaskInput, await body(request, JSON))
        row, created = (await tasks.create(task), True) if key is None else await tasks.create_once(task, key)
        self.created = row["id"] if created else None
        location = f"{request.app.state.public_url}/api/me/tasks/{row['id']}"
        return _task(row, 201 if created else 200, (b"location", location.encode("latin-1")))

    @operation(
        "clearTasks",
        "Delete all tasks in one state",
        {200: say.answer("How many were deleted", "Deleted")},
        422,
        parameters=[{**_PARAMETERS["completed"], "required": True}, *_parameters("until")],
    )
    async def delete(self, request: Request) -> Response:
        deleted = await _tasks(request).clear(**query.what_to_clear(request))
        return Json(b'{"deleted":%d}' % deleted)


class Counts(Endpoint):
    """``/{user_id}/tasks/counts``"""

    @operation("countTasks", "Count tasks by state", {200: say.answer("The counts", "Counts")})
    async def get(self, request: Request) -> Response:
        row = await _tasks(request).counts()
        return Json(b'{"open":%d,"completed":%d}' % (row["open"], row["completed"]))


class Item(_Telling):
    """``/{user_id}/tasks/{id}``"""

    @operation(
        "getTask",
        "Fetch a task",
        {200: _TASK, 304: {"description": "The task still has the entity tag of If-None-Match"}},
        404,
        412,
        parameters=_parameters("if_match", "if_none_match"),
    )
    async def get(self, request: Request) -> Response:
        row = await _tasks(request).get(id_in_path(request))
        if conditional(request):
            Preconditions(if_match(request)).check(row)
            if not_modified(request, etag(row)):
                return Response(status_code=304, headers={"ETag": etag(row)})
        return _task(row)

    @operation(
        "replaceTask",
        "Replace a task",
        {200: _TASK},
        404,
        412,
        415,
        422,
        parameters=_GUARDS,
        body=say.body("TaskInput"),
    )
    async def put(self, request: Request) -> Response:
        task_id, only_if = id_in_path(request), preconditions(request)
        task = read(TaskInput, await body(request, JSON))
        return _task(await _tasks(request).change(task_id, task.model_dump(), only_if))

    @operation(
        "patchTask",
        "Change some fields (RFC 7396 merge patch)",
        {200: _TASK},
        404,
        412,
        415,
        422,
        parameters=_GUARDS,
        body=say.body("TaskPatch", MERGE_PATCH, JSON),
    )
    async def patch(self, request: Request) -> Response:
        task_id, only_if = id_in_path(request), preconditions(request)
        patch = read(TaskPatch, await body(request, MERGE_PATCH, JSON))
        return _task(await _tasks(request).change(task_id, patch.changes(), only_if))

    @operation(
        "deleteTask", "Delete a task", {204: {"description": "The task is deleted"}}, 404, 412, parameters=_GUARDS
    )
    async def delete(self, request: Request) -> Response:
        await _tasks(request).delete(id_in_path(request), preconditions(request))
        return Response(status_code=204)


class Complete(_Telling):
    """``/{user_id}/tasks/{id}/complete``"""

    @operation(
        "completeTask",
        "Toggle a task, or set its state with a body",
        {200: _TASK},
        404,
        412,
        415,
        422,
        parameters=_GUARDS,
        body={**say.body("Completion"), "required": False},
    )
    async def patch(self, request: Request) -> Response:
        task_id, only_if = id_in_path(request), preconditions(request)
        sent = await body(request, JSON, MERGE_PATCH, optional=True)
        if sent:
            changes = {"completed": read(Completion, sent).completed}
            return _task(await _tasks(request).change(task_id, changes, only_if))
        return _task(await _tasks(request).toggle(task_id, only_if))


TASKS = Resource(
    tag="tasks",
    description="A person's own tasks",
    routes=[
        ResourceRoute("/{user_id}/tasks", Collection),
        ResourceRoute("/{user_id}/tasks/counts", Counts),
        ResourceRoute("/{user_id}/tasks/{id}", Item),
        ResourceRoute("/{user_id}/tasks/{id}/complete", Complete),
    ],
    schemas=_SCHEMAS,
    parameters=_PARAMETERS,
)


def _tasks(request: Request) -> Tasks:
    return Tasks(rows_of(request))


def _task(row: Any, status: int = 200, *fields: tuple[bytes, bytes]) -> Response:
    return Json(task_json(row), status, (b"etag", etag(row).encode()), *fields)
