"""The tasks API: paths, and what each method of them answers, with no SQL and no question of whose."""

from typing import Any

from starlette.endpoints import HTTPEndpoint
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from taskward.api import cursor
from taskward.tasks import query as read
from taskward.tasks.bodies import Completion, TaskInput, TaskPatch, etag, page_json, task_json
from taskward.tasks.bodies import read as parse
from taskward.tasks.repository import Tasks

JSON = "application/json"
MERGE_PATCH = "application/merge-patch+json"
_METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")


class Endpoint(HTTPEndpoint):
    """Starlette's, asked once and not at each request which methods it has; all of them are coroutines here."""

    def __init_subclass__(cls) -> None:
        offered = [name for name in _METHODS if hasattr(cls, name.lower())]
        cls._allowed_methods = ["HEAD", *offered] if "GET" in offered else offered

    def __init__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.scope, self.receive, self.send = scope, receive, send

    async def dispatch(self) -> None:
        method = self.scope["method"]
        request = Request(self.scope, self.receive, self.send)
        if method in self._allowed_methods:
            handler = getattr(self, "get" if method == "HEAD" else method.lower())
        else:
            handler = self.method_not_allowed
        response: Response = await handler(request)
        await response(self.scope, self.receive, self.send)


class Collection(Endpoint):
    """``/{user_id}/tasks``"""

    async def get(self, request: Request) -> Response:
        tasks = _tasks(request)
        wanted = read.listing(request, tasks.owner)
        limit = wanted.pop("limit")
        rows = await tasks.page(**wanted, limit=limit + 1)  # one more tells whether the list goes on
        more = len(rows) > limit
        next_cursor = cursor.write(tasks.owner, rows[limit - 1]["id"]) if more else None
        return Response(page_json(rows[:limit], next_cursor), media_type=JSON)

    async def post(self, request: Request) -> Response:
        tasks = _tasks(request)
        key = read.idempotency_key(request)
        task = parse(TaskInput, await read.body(request, JSON))
        row, created = (await tasks.create(task), True) if key is None else await tasks.create_once(task, key)
        location = f"/api/me/tasks/{row['id']}"
        return _task(row, 201 if created else 200, {"Location": location})

    async def delete(self, request: Request) -> Response:
        deleted = await _tasks(request).clear(**read.what_to_clear(request))
        return Response(b'{"deleted":%d}' % deleted, media_type=JSON)


class Counts(Endpoint):
    """``/{user_id}/tasks/counts``"""

    async def get(self, request: Request) -> Response:
        row = await _tasks(request).counts()
        return Response(b'{"open":%d,"completed":%d}' % (row["open"], row["completed"]), media_type=JSON)


class Item(Endpoint):
    """``/{user_id}/tasks/{id}``"""

    async def get(self, request: Request) -> Response:
        row = await _tasks(request).get(read.task_id(request))
        tag = etag(row)
        if read.matches(request, tag):
            return Response(status_code=304, headers={"ETag": tag})
        return Response(task_json(row), 200, {"ETag": tag}, JSON)

    async def put(self, request: Request) -> Response:
        task_id, versions = read.task_id(request), read.versions(request)
        task = parse(TaskInput, await read.body(request, JSON))
        return _task(await _tasks(request).change(task_id, task.model_dump(), versions))

    async def patch(self, request: Request) -> Response:
        task_id, versions = read.task_id(request), read.versions(request)
        patch = parse(TaskPatch, await read.body(request, MERGE_PATCH, JSON))
        return _task(await _tasks(request).change(task_id, patch.changes(), versions))

    async def delete(self, request: Request) -> Response:
        await _tasks(request).delete(read.task_id(request), read.versions(request))
        return Response(status_code=204)


class Complete(Endpoint):
    """``/{user_id}/tasks/{id}/complete``"""

    async def patch(self, request: Request) -> Response:
        task_id, versions = read.task_id(request), read.versions(request)
        sent = await read.body(request, JSON, MERGE_PATCH, optional=True)
        if sent:
            changes = {"completed": parse(Completion, sent).completed}
            return _task(await _tasks(request).change(task_id, changes, versions))
        return _task(await _tasks(request).toggle(task_id, versions))


ROUTES = [
    Route("/{user_id}/tasks", Collection),
    Route("/{user_id}/tasks/counts", Counts),
    Route("/{user_id}/tasks/{id}", Item),
    Route("/{user_id}/tasks/{id}/complete", Complete),
]


def _tasks(request: Request) -> Tasks:
    tasks: Tasks = request.scope["tasks"]
    return tasks


def _task(row: Any, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    return Response(task_json(row), status, {"ETag": etag(row), **(headers or {})}, JSON)
