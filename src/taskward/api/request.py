"""Reading of a request: id, query, idempotency key and body, each strictly."""

import re
from datetime import UTC, datetime
from typing import Any, ClassVar, TypeVar
from urllib.parse import parse_qsl

from pydantic import BaseModel, ConfigDict, ValidationError
from starlette.requests import Request

from taskward.problems import (
    BAD_REQUEST,
    CONTENT_TOO_LARGE,
    MALFORMED_JSON,
    NOT_FOUND,
    UNSUPPORTED_MEDIA_TYPE,
    Invalid,
    Problem,
)

JSON = "application/json"
EVENT_STREAM = "text/event-stream"
MERGE_PATCH = "application/merge-patch+json"
MAX_BODY = 64 * 1024
MAX_LIMIT = 200
DEFAULT_LIMIT = 50

Errors = list[dict[str, str]]

_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", re.IGNORECASE | re.ASCII)
_RFC3339 = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,20})?(Z|[+-]\d\d:\d\d)", re.ASCII | re.IGNORECASE)


class Body(BaseModel):
    """The base class of bodies. Unknown members are errors. ``noun`` names the resource in messages: "a task"."""

    model_config = ConfigDict(extra="forbid", strict=True, hide_input_in_errors=True)
    noun: ClassVar[str]


B = TypeVar("B", bound=Body)


def fields(request: Request, name: bytes) -> list[str]:
    """The values of a header field, in order. Starlette's Headers would decode every field for it."""
    return [value.decode("latin-1") for key, value in request.scope["headers"] if key == name]


def id_in_path(request: Request) -> str:
    """The id in the path, a UUID. Raises Problem (not found) if it is not a UUID."""
    text: str = request.path_params["id"]
    if not _UUID.fullmatch(text):
        raise Problem(NOT_FOUND)
    return text


def query(request: Request, *known: str) -> tuple[dict[str, str], Errors]:
    """Query parameters by name, and an error for each that is unknown or given twice.

    Unknown parameters are errors because a misspelt filter would list, or delete, more than the client wants.
    Raises Invalid for a query that is not in UTF-8.
    """
    raw = request.scope["query_string"]
    if not raw:
        return {}, []
    try:
        pairs = parse_qsl(raw.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=50)
    except ValueError:
        message = "is not percent-encoded UTF-8, or has more than 50 parameters"
        raise Invalid([{"field": "query", "message": message}]) from None
    found = dict(pairs)
    errors = [{"field": name[:100], "message": "is not a parameter here"} for name in found if name not in known]
    if len(found) != len(pairs):
        names = [name for name, _ in pairs]
        twice = (name for name in found if name in known and names.count(name) > 1)
        errors += [{"field": name, "message": "is given more than once"} for name in twice]
    return found, errors


def limit_of(given: dict[str, str], errors: Errors) -> int:
    """The number of rows in a page. Adds an error if ``limit`` is not a whole number in range."""
    text = given.get("limit", str(DEFAULT_LIMIT))
    limit = int(text) if text.isascii() and text.isdigit() and len(text) <= 3 else 0
    if not 1 <= limit <= MAX_LIMIT:
        errors.append({"field": "limit", "message": f"must be a whole number from 1 to {MAX_LIMIT}"})
    return limit


def moment(text: str) -> datetime | None:
    """A date-time of RFC 3339 §5.6 in UTC, or None. Precision is microseconds; further digits are cut off."""
    if not _RFC3339.fullmatch(text):
        return None
    try:
        return datetime.fromisoformat(text.upper()).astimezone(UTC)
    except (ValueError, OverflowError):  # no such day, or in UTC outside the years 1 to 9999
        return None


def idempotency_key(request: Request) -> str | None:
    """The Idempotency-Key, or None. Raises Invalid unless it is given once, with 1 to 255 printable characters."""
    values = fields(request, b"idempotency-key")
    if not values:
        return None
    if len(values) > 1 or not 1 <= len(values[0]) <= 255 or not values[0].isprintable():
        message = "must be given once and be 1 to 255 printable characters"
        raise Invalid([{"field": "Idempotency-Key", "message": message}])
    return values[0]


async def body(request: Request, *media_types: str, optional: bool = False) -> bytes:
    """The body: at most 64 KiB, of one of these media types.

    Raises Problem when it is too large, of another media type, cut short, or missing and not ``optional``.
    """
    read = b""
    more = True
    while more:
        message = await request.receive()
        if message["type"] == "http.disconnect":
            # The client is gone. 400 keeps this out of the count of our own errors.
            raise Problem(BAD_REQUEST, "The body ended early")
        read += message.get("body", b"")
        more = message.get("more_body", False)
        if len(read) > MAX_BODY:
            raise Problem(CONTENT_TOO_LARGE)
    if not read:
        if any(value.strip("0") for value in fields(request, b"content-length")):
            # Content-Length announced a body: this is not the empty body of a toggle.
            raise Problem(BAD_REQUEST, "The body ended early")
        if optional:
            return b""
    if not _is_one_of("".join(fields(request, b"content-type")[:1]), media_types):
        raise Problem(UNSUPPORTED_MEDIA_TYPE, f"Send the body as {' or '.join(media_types)}")
    if not read:
        raise Problem(MALFORMED_JSON, "The body is empty; send a JSON object")
    return read


def _is_one_of(content_type: str, media_types: tuple[str, ...]) -> bool:
    """Parameters are ignored, because JSON defines none (RFC 8259 §11). Only a charset other than UTF-8 is refused."""
    if content_type in media_types:
        return True
    media_type, *parameters = (part.strip().lower() for part in content_type.split(";"))
    named = (parameter.partition("=") for parameter in parameters)
    charsets = {value.strip().strip('"') for name, _, value in named if name.strip() == "charset"}
    return media_type in media_types and charsets <= {"utf-8", "utf8"}


def read(model: type[B], body: bytes) -> B:
    """The body as ``model``. Raises Problem if it is not JSON, and Invalid with every bad field at once."""
    try:
        return model.model_validate_json(body)
    except ValidationError as error:
        problems = error.errors(include_url=False, include_input=False)
    except UnicodeDecodeError:
        raise Problem(MALFORMED_JSON) from None
    if problems[0]["type"] == "json_invalid":
        raise Problem(MALFORMED_JSON)
    raise Invalid([{"field": _field(p["loc"]), "message": _message(p, model.noun)} for p in problems])


def _field(location: tuple[int | str, ...]) -> str:
    return str(location[0])[:100] if location else "body"


def _message(problem: Any, noun: str) -> str:
    context = problem.get("ctx", {})
    match problem["type"]:
        case "missing":
            return "is required"
        case "extra_forbidden":
            return f"is not a field of {noun}"
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
