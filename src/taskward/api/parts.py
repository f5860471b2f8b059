"""The parts the API's description is made of: answers, parameters, headers and schemas."""

from typing import Any

from pydantic import BaseModel

from taskward.tasks.bodies import Completion, TaskInput, TaskPatch
from taskward.tasks.query import DEFAULT_LIMIT, MAX_LIMIT
from taskward.tasks.table import MAX_DESCRIPTION, MAX_TITLE

ERRORS = {
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


def ref(kind: str, name: str) -> dict[str, Any]:
    return {"$ref": f"#/components/{kind}/{name}"}


def answer(text: str, schema: str, *, etag: bool = False, location: bool = False) -> dict[str, Any]:
    headers = {"X-Request-Id": ref("headers", "request_id")}
    if etag:
        headers["ETag"] = ref("headers", "etag")
    if location:
        headers["Location"] = ref("headers", "location")
    return {
        "description": text,
        "headers": headers,
        "content": {"application/json": {"schema": ref("schemas", schema)}},
    }


def body(schema: str, *media_types: str) -> dict[str, Any]:
    content = {name: {"schema": ref("schemas", schema)} for name in media_types or ("application/json",)}
    return {"required": True, "content": content}


def problem(status: int, text: str) -> dict[str, Any]:
    headers = {"X-Request-Id": ref("headers", "request_id")}
    if status == 401:
        headers["WWW-Authenticate"] = ref("headers", "challenge")
    if status in (429, 503):
        headers["Retry-After"] = ref("headers", "retry_after")
    return {
        "description": text,
        "headers": headers,
        "content": {"application/problem+json": {"schema": ref("schemas", "Problem")}},
    }


def parameters() -> dict[str, Any]:
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
        "until": query(
            "until", {"type": "string", "format": "date-time"}, "Only tasks whose `updated_at` is not later than this."
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


def headers() -> dict[str, Any]:
    def header(text: str, kind: str = "string") -> dict[str, Any]:
        return {"description": text, "schema": {"type": kind}}

    return {
        "request_id": header("Names this request in the log."),
        "etag": header("The task's `updated_at` in quotes."),
        "location": header("Where the task is."),
        "challenge": header("RFC 6750 §3."),
        "retry_after": header("Seconds to wait.", "integer"),
    }


def schemas() -> dict[str, Any]:
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
            {"items": {"type": "array", "items": ref("schemas", "Task")}, "next_cursor": {"type": ["string", "null"]}}
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
