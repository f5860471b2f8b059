"""Building blocks of the OpenAPI document: answers, parameters, headers and schemas."""

from typing import Any

from taskward.api.request import DEFAULT_LIMIT, MAX_LIMIT, Body
from taskward.problems import MEDIA_TYPE

Schema = dict[str, Any]


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
        "content": {MEDIA_TYPE: {"schema": ref("schemas", "Problem")}},
    }


def query(name: str, schema: Schema, text: str) -> Schema:
    return {"name": name, "in": "query", "description": text, "schema": schema}


def header(name: str, text: str, **schema: Any) -> Schema:
    return {"name": name, "in": "header", "description": text, "schema": {"type": "string", **schema}}


def path(name: str, text: str, **schema: Any) -> Schema:
    return {"name": name, "in": "path", "required": True, "description": text, "schema": {"type": "string", **schema}}


def parameters(of_resources: dict[str, Schema]) -> dict[str, Schema]:
    """The parameters that all resources share, and those of the resources."""
    return {
        "user_id": path("user_id", "The token's `sub`, or `me`.", minLength=1, examples=["me"]),
        "id": path("id", "The task's id.", format="uuid"),
        **of_resources,
        "limit": query(
            "limit", {"type": "integer", "minimum": 1, "maximum": MAX_LIMIT, "default": DEFAULT_LIMIT}, "Tasks a page."
        ),
        "cursor": query(
            "cursor",
            {"type": "string", "minLength": 32, "maxLength": 32, "pattern": "^[A-Za-z0-9_=-]*$"},
            "`next_cursor` of the previous page.",
        ),
        "idempotency_key": header(
            "Idempotency-Key",
            "A repeat with the same key and body within 24 hours returns the same task and creates nothing.",
            minLength=1,
            maxLength=255,
            pattern="^[!-~]([ -~]*[!-~])?$",
        ),
        "if_match": header("If-Match", "Only if the task still has this entity tag."),
        "if_none_match": header("If-None-Match", "Answer 304 if the task still has this entity tag."),
        "unless": {**header("If-None-Match", "Only if the task does not have this entity tag.")},
    }


def headers() -> dict[str, Schema]:
    def described(text: str, kind: str = "string") -> Schema:
        return {"description": text, "schema": {"type": kind}}

    return {
        "request_id": described("The id of this request in the log."),
        "etag": described("The task's `updated_at` in quotes."),
        "location": described("The URL of the task."),
        "challenge": described("The bearer challenge of RFC 6750 §3."),
        "retry_after": described("Seconds to wait.", "integer"),
    }


def problem_schema() -> Schema:
    text = {"type": "string"}
    members = {
        **dict.fromkeys(("type", "title", "detail", "error_type", "code", "request_id"), text),
        "status": {"type": "integer"},
        "status_code": {"type": "integer"},
    }
    fields = {"type": "array", "items": object_({"field": text, "message": text})}
    return {**object_(members), "properties": {**members, "errors": fields}}


def object_(properties: dict[str, Schema]) -> Schema:
    return {"type": "object", "properties": properties, "required": list(properties), "additionalProperties": False}


def body_schema(model: type[Body], *, patch: bool = False) -> Schema:
    """The JSON schema of a body. A ``patch`` has no defaults: an absent member stays as it is."""
    schema = model.model_json_schema()
    for described in schema["properties"].values():
        described.pop("title", None)
        for option in described.get("anyOf", [described]):
            if option.get("type") == "string":
                trimmed = "minLength" in option  # not empty after surrounding space is cut off
                option["pattern"] = "^[^\\u0000]*[^\\s\\u0000][^\\u0000]*$" if trimmed else "^[^\\u0000]*$"
        if patch:
            described.pop("default", None)
    return schema
