"""The API's description for machines: OpenAPI 3.1, and the protected resource metadata of RFC 9728."""

from typing import Any

from pydantic import BaseModel
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from taskward import __version__
from taskward.config import Settings
from taskward.tasks.models import MAX_DESCRIPTION, MAX_TITLE
from taskward.tasks.request import DEFAULT_LIMIT, MAX_LIMIT
from taskward.tasks.schemas import Completion, TaskInput, TaskPatch

_INTRODUCTION = """Each person's own tasks.

Every path under `/api/` needs `Authorization: Bearer <jwt>`, a token that Better Auth issued for this service.
`{user_id}` is the token's `sub`, or the word `me`. A task's `ETag` is its `updated_at` in quotes.

Every error is `application/problem+json` (RFC 9457) in one shape."""

_ERRORS = {
    400: ("BadRequest", "The request cannot be read: body not JSON, or two Authorization headers."),
    401: ("Unauthenticated", "No token, or one that was refused; see `WWW-Authenticate`."),
    403: ("NotOwner", "The path names somebody else."),
    404: ("NotFound", "No such task of this person."),
    405: ("MethodNotAllowed", "Not with this method; see `Allow`."),
    406: ("NotAcceptable", "The Accept header rules JSON out."),
    412: ("PreconditionFailed", "`If-Match` no longer holds."),
    413: ("ContentTooLarge", "The body is larger than 64 KiB."),
    415: ("UnsupportedMediaType", "The body is of another media type."),
    422: ("Invalid", "Some of what was sent is not valid; every bad field is in `errors`."),
    429: ("TooManyFailures", "Too many refused tokens from this address; see `Retry-After`."),
    500: ("Crashed", "Something went wrong on our side."),
    503: ("Unavailable", "Keys or database cannot be reached right now; see `Retry-After`."),
}
_ALWAYS = (400, 401, 403, 406, 413, 429, 500, 503)


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
            "schemas": _schemas(),
            "responses": {name: _problem(status, text) for status, (name, text) in _ERRORS.items()},
            "parameters": _parameters(),
            "headers": _headers(),
        },
    }


def _task_paths() -> dict[str, Any]:
    one = [_ref("parameters", "user_id"), _ref("parameters", "id")]
    guarded = [_ref("parameters", "if_match")]
    task = _answer("The task", "Task", etag=True)
    return {
        "/api/{user_id}/tasks": {
            "parameters": [_ref("parameters", "user_id")],
            "get": _operation(
                "listTasks",
                "List tasks, newest first",
                {200: _answer("One page of tasks", "TaskPage")},
                422,
                parameters=[_ref("parameters", name) for name in ("completed", "q", "limit", "cursor")],
            ),
            "post": _operation(
                "createTask",
                "Create a task",
                {
                    200: _answer("The task this Idempotency-Key made before", "Task", etag=True, location=True),
                    201: _answer("The new task", "Task", etag=True, location=True),
                },
                415,
                422,
                parameters=[_ref("parameters", "idempotency_key")],
                body=_body("TaskInput"),
            ),
            "delete": _operation(
                "clearTasks",
                "Delete all tasks in one state",
                {200: _answer("How many were deleted", "Deleted")},
                422,
                parameters=[{**_parameters()["completed"], "required": True}],
            ),
        },
        "/api/{user_id}/tasks/counts": {
            "parameters": [_ref("parameters", "user_id")],
            "get": _operation("countTasks", "Count tasks by state", {200: _answer("The counts", "Counts")}),
        },
        "/api/{user_id}/tasks/{id}": {
            "parameters": one,
            "get": _operation(
                "getTask",
                "Fetch a task",
                {200: task, 304: {"description": "It is still the one of If-None-Match"}},
                404,
                parameters=[_ref("parameters", "if_none_match")],
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
                body=_body("TaskInput"),
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
                body=_body("TaskPatch", "application/merge-patch+json", "application/json"),
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
                body={**_body("Completion"), "required": False},
            ),
        },
    }


def _open_paths() -> dict[str, Any]:
    def get(name: str, summary: str, answer: str, **more: Any) -> dict[str, Any]:
        ok = {"description": answer, "content": {"application/json": {"schema": {"type": "object"}}}}
        operation = {"operationId": name, "summary": summary, "tags": ["service"], "security": []}
        responses = {"200": ok, "405": _ref("responses", "MethodNotAllowed"), **more}
        return {"get": {**operation, "responses": responses}}

    return {
        "/healthz": get("alive", "Whether the process lives", "It does"),
        "/readyz": get("ready", "Whether it can serve", "It can", **{"503": _ref("responses", "Unavailable")}),
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
        responses[str(status)] = _ref("responses", _ERRORS[status][0])
    found: dict[str, Any] = {"operationId": name, "summary": summary, "tags": ["tasks"], "responses": responses}
    if parameters:
        found["parameters"] = parameters
    if body:
        found["requestBody"] = body
    return found


def _ref(kind: str, name: str) -> dict[str, Any]:
    return {"$ref": f"#/components/{kind}/{name}"}


def _answer(text: str, schema: str, *, etag: bool = False, location: bool = False) -> dict[str, Any]:
    headers = {"X-Request-Id": _ref("headers", "request_id")}
    if etag:
        headers["ETag"] = _ref("headers", "etag")
    if location:
        headers["Location"] = _ref("headers", "location")
    return {
        "description": text,
        "headers": headers,
        "content": {"application/json": {"schema": _ref("schemas", schema)}},
    }


def _body(schema: str, *media_types: str) -> dict[str, Any]:
    content = {name: {"schema": _ref("schemas", schema)} for name in media_types or ("application/json",)}
    return {"required": True, "content": content}


def _problem(status: int, text: str) -> dict[str, Any]:
    headers = {"X-Request-Id": _ref("headers", "request_id")}
    if status == 401:
        headers["WWW-Authenticate"] = _ref("headers", "challenge")
    if status in (429, 503):
        headers["Retry-After"] = _ref("headers", "retry_after")
    return {
        "description": text,
        "headers": headers,
        "content": {"application/problem+json": {"schema": _ref("schemas", "Problem")}},
    }


def _parameters() -> dict[str, Any]:
    def query(name: str, schema: dict[str, Any], text: str) -> dict[str, Any]:
        return {"name": name, "in": "query", "description": text, "schema": schema}

    def header(name: str, text: str, **schema: Any) -> dict[str, Any]:
        return {"name": name, "in": "header", "description": text, "schema": {"type": "string", **schema}}

    def path(name: str, text: str, **schema: Any) -> dict[str, Any]:
        return {
            "name": name,
            "in": "path",
            "required": True,
            "description": text,
            "schema": {"type": "string", **schema},
        }

    return {
        "user_id": path("user_id", "The token's `sub`, or `me`.", minLength=1, examples=["me"]),
        "id": path("id", "The task's id.", format="uuid"),
        "completed": query("completed", {"type": "boolean"}, "Only tasks in this state."),
        "q": query(
            "q",
            {"type": "string", "maxLength": MAX_TITLE, "pattern": "^[^\\u0000]*$"},
            "Only tasks with this text in title or description, whatever its case.",
        ),
        "limit": query(
            "limit", {"type": "integer", "minimum": 1, "maximum": MAX_LIMIT, "default": DEFAULT_LIMIT}, "Tasks a page."
        ),
        "cursor": query("cursor", {"type": "string"}, "`next_cursor` of the page before."),
        "idempotency_key": header(
            "Idempotency-Key",
            "Makes a repeat of this request within 24 hours answer with the same task and create nothing.",
            minLength=1,
            maxLength=255,
        ),
        "if_match": header("If-Match", "Only if the task still has this entity tag."),
        "if_none_match": header("If-None-Match", "Answer 304 if the task still has this entity tag."),
    }


def _headers() -> dict[str, Any]:
    def header(text: str, kind: str = "string") -> dict[str, Any]:
        return {"description": text, "schema": {"type": kind}}

    return {
        "request_id": header("Names this request in the log."),
        "etag": header("The task's `updated_at` in quotes."),
        "location": header("Where the task is."),
        "challenge": header("RFC 6750 §3."),
        "retry_after": header("Seconds to wait.", "integer"),
    }


def _schemas() -> dict[str, Any]:
    text = {"type": "string"}
    when = {"type": "string", "format": "date-time"}
    task = {
        "id": {"type": "string", "format": "uuid", "description": "UUID version 7."},
        "title": {"type": "string", "minLength": 1, "maxLength": MAX_TITLE},
        "description": {"type": ["string", "null"], "maxLength": MAX_DESCRIPTION},
        "completed": {"type": "boolean"},
        "created_at": when,
        "updated_at": when,
    }
    count = {"type": "integer", "minimum": 0}
    problem = dict.fromkeys(("type", "title", "detail", "error_type", "code", "request_id"), text)
    field = _object({"field": text, "message": text})
    return {
        "Task": _object(task),
        "TaskPage": _object(
            {"items": {"type": "array", "items": _ref("schemas", "Task")}, "next_cursor": {"type": ["string", "null"]}}
        ),
        "Counts": _object({"open": count, "completed": count}),
        "Deleted": _object({"deleted": count}),
        "TaskInput": _schema(TaskInput),
        "TaskPatch": _schema(TaskPatch),
        "Completion": _schema(Completion),
        "Problem": {
            **_object({**problem, "status": {"type": "integer"}, "status_code": {"type": "integer"}}),
            "properties": {
                **problem,
                "status": {"type": "integer"},
                "status_code": {"type": "integer"},
                "errors": {"type": "array", "items": field},
            },
        },
    }


def _object(properties: dict[str, Any]) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": list(properties), "additionalProperties": False}


def _schema(model: type[BaseModel]) -> dict[str, Any]:
    schema = model.model_json_schema()
    for name, described in schema["properties"].items():
        described.pop("title", None)
        if name in ("title", "description"):
            for option in described.get("anyOf", [described]):
                if option.get("type") == "string":
                    option["pattern"] = (
                        "^[^\\u0000]*$" if name == "description" else "^[^\\u0000]*[^\\s\\u0000][^\\u0000]*$"
                    )
    if model is TaskPatch:  # a default would say that what is absent is set
        for described in schema["properties"].values():
            described.pop("default", None)
    return schema


def routes(settings: Settings) -> list[Route]:
    """``/openapi.json``, and which issuers a client may get a token from."""
    described = document()

    async def openapi(request: Request) -> Response:
        return JSONResponse(described)

    async def protected_resource(request: Request) -> Response:
        return JSONResponse(
            {
                "resource": str(request.base_url).rstrip("/"),
                "authorization_servers": list(settings.jwt_issuer),
                "bearer_methods_supported": ["header"],
                "resource_name": "Taskward",
                "resource_documentation": f"{str(request.base_url).rstrip('/')}/docs",
            }
        )

    return [
        Route("/openapi.json", openapi),
        Route("/.well-known/oauth-protected-resource", protected_resource),
    ]
