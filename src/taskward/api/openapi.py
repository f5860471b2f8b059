"""The API's description for machines: OpenAPI 3.1."""

from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from taskward import __version__
from taskward.api import parts

_INTRODUCTION = """Each person's own tasks.

Every path under `/api/` needs `Authorization: Bearer <jwt>`, a token that Better Auth issued for this service.
`{user_id}` is the token's `sub`, or the word `me`. A task's `ETag` is its `updated_at` in quotes.

Every error is `application/problem+json` (RFC 9457) in one shape."""

_ALWAYS = (400, 401, 403, 406, 413, 429, 500, 503)


def routes() -> list[Route]:
    described = document()

    async def openapi(request: Request) -> Response:
        return JSONResponse(described)

    return [Route("/openapi.json", openapi)]


def document() -> dict[str, Any]:
    """The OpenAPI document of the service."""
    return {
        "openapi": "3.1.0",
        "info": {"title": "Taskward", "version": __version__, "description": _INTRODUCTION},
        "servers": [{"url": "/"}],
        "security": [{"bearer": []}],
        "tags": [
            {"name": "tasks", "description": "A person's own tasks"},
            {"name": "service", "description": "Open to all"},
        ],
        "paths": {**_task_paths(), **_open_paths()},
        "components": {
            "securitySchemes": {"bearer": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}},
            "schemas": parts.schemas(),
            "responses": {name: parts.problem(status, text) for status, (name, text) in parts.ERRORS.items()},
            "parameters": parts.parameters(),
            "headers": parts.headers(),
        },
    }


def _task_paths() -> dict[str, Any]:
    one = [parts.ref("parameters", "user_id"), parts.ref("parameters", "id")]
    guarded = [parts.ref("parameters", "if_match")]
    task = parts.answer("The task", "Task", etag=True)
    return {
        "/api/{user_id}/tasks": {
            "parameters": [parts.ref("parameters", "user_id")],
            "get": _operation(
                "listTasks",
                "List tasks, newest first",
                {200: parts.answer("One page of tasks", "TaskPage")},
                422,
                parameters=[parts.ref("parameters", name) for name in ("completed", "q", "limit", "cursor")],
            ),
            "post": _operation(
                "createTask",
                "Create a task",
                {
                    200: parts.answer("The task this Idempotency-Key made before", "Task", etag=True, location=True),
                    201: parts.answer("The new task", "Task", etag=True, location=True),
                },
                415,
                422,
                parameters=[parts.ref("parameters", "idempotency_key")],
                body=parts.body("TaskInput"),
            ),
            "delete": _operation(
                "clearTasks",
                "Delete all tasks in one state",
                {200: parts.answer("How many were deleted", "Deleted")},
                422,
                parameters=[{**parts.parameters()["completed"], "required": True}, parts.ref("parameters", "until")],
            ),
        },
        "/api/{user_id}/tasks/counts": {
            "parameters": [parts.ref("parameters", "user_id")],
            "get": _operation("countTasks", "Count tasks by state", {200: parts.answer("The counts", "Counts")}),
        },
        "/api/{user_id}/tasks/{id}": {
            "parameters": one,
            "get": _operation(
                "getTask",
                "Fetch a task",
                {200: task, 304: {"description": "It is still the one of If-None-Match"}},
                404,
                parameters=[parts.ref("parameters", "if_none_match")],
            ),
            "put": _operation(
                "replaceTask",
                "Replace a task",
                {200: task},
                404,
                412,
                415,
                422,
                parameters=guarded,
                body=parts.body("TaskInput"),
            ),
            "patch": _operation(
                "patchTask",
                "Change some fields (RFC 7396 merge patch)",
                {200: task},
                404,
                412,
                415,
                422,
                parameters=guarded,
                body=parts.body("TaskPatch", "application/merge-patch+json", "application/json"),
            ),
            "delete": _operation(
                "deleteTask", "Delete a task", {204: {"description": "It is gone"}}, 404, 412, parameters=guarded
            ),
        },
        "/api/{user_id}/tasks/{id}/complete": {
            "parameters": one,
            "patch": _operation(
                "completeTask",
                "Toggle a task, or set it with a body",
                {200: task},
                404,
                412,
                415,
                422,
                parameters=guarded,
                body={**parts.body("Completion"), "required": False},
            ),
        },
    }


def _open_paths() -> dict[str, Any]:
    def get(name: str, summary: str, answer: str, **more: Any) -> dict[str, Any]:
        ok = {"description": answer, "content": {"application/json": {"schema": {"type": "object"}}}}
        operation = {"operationId": name, "summary": summary, "tags": ["service"], "security": []}
        responses = {"200": ok, "405": parts.ref("responses", "MethodNotAllowed"), **more}
        return {"get": {**operation, "responses": responses}}

    return {
        "/healthz": get("alive", "Whether the process lives", "It does"),
        "/readyz": get("ready", "Whether it can serve", "It can", **{"503": parts.ref("responses", "Unavailable")}),
        "/openapi.json": get("openapi", "This document", "This document"),
        "/.well-known/oauth-protected-resource": get(
            "protectedResource", "Protected resource metadata (RFC 9728)", "Who issues tokens for this service"
        ),
    }


def _operation(
    name: str,
    summary: str,
    answers: dict[int, dict[str, Any]],
    *errors: int,
    parameters: list[dict[str, Any]] | None = None,
    body: dict[str, Any] | None = None,
) -> dict[str, Any]:
    responses: dict[str, Any] = {str(status): answer for status, answer in answers.items()}
    for status in sorted({*_ALWAYS, *errors}):
        responses[str(status)] = parts.ref("responses", parts.ERRORS[status][0])
    found: dict[str, Any] = {"operationId": name, "summary": summary, "tags": ["tasks"], "responses": responses}
    if parameters:
        found["parameters"] = parameters
    if body:
        found["requestBody"] = body
    return found
