"""What a request to the tasks API says besides its path: query, preconditions and body, read strictly."""

import re
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl
from uuid import UUID

from starlette.requests import ClientDisconnect, Request

from taskward.api import cursor
from taskward.problems import BadRequest, ContentTooLarge, Invalid, NotFound, UnsupportedMediaType
from taskward.tasks.table import MAX_TITLE

MAX_BODY = 64 * 1024
MAX_LIMIT = 200
DEFAULT_LIMIT = 50

_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", re.IGNORECASE | re.ASCII)
_RFC3339 = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,20})?(Z|[+-]\d\d:\d\d)", re.ASCII | re.IGNORECASE)
_ENTITY_TAG = re.compile(r'\s*(W/)?"([\x21\x23-\x7e\x80-\xff]*)"\s*(?:,|$)')


def task_id(request: Request) -> UUID:
    """The id in the path. One that is not a UUID is the id of no task: NotFound."""
    text = request.path_params["id"]
    if not _UUID.fullmatch(text):
        raise NotFound
    return UUID(text)


def query(request: Request, *known: str) -> tuple[dict[str, str], list[dict[str, str]]]:
    """Query parameters by name, and an error for each that is unknown or given twice.

    An unknown one is an error as an unknown field is: a misspelt filter would list, or delete, more than was meant.
    Raises Invalid for a query that is not in UTF-8.
    """
    raw = request.scope["query_string"]
    if not raw:
        return {}, []
    try:
        pairs = parse_qsl(raw.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=50)
    except ValueError:
        message = "is not percent-encoded UTF-8, or has more than 50 parameters"
        raise Invalid(errors=[{"field": "query", "message": message}]) from None
    found = dict(pairs)
    errors = [{"field": name[:100], "message": "is not a parameter here"} for name in found if name not in known]
    if len(found) != len(pairs):
        names = [name for name, _ in pairs]
        twice = (name for name in found if name in known and names.count(name) > 1)
        errors += [{"field": name, "message": "is given more than once"} for name in twice]
    return found, errors


def listing(request: Request, owner: str) -> dict[str, Any]:
    """``completed``, ``search``, ``limit`` and ``after`` of a list request. Raises Invalid with every problem."""
    given, errors = query(request, "completed", "q", "limit", "cursor")
    completed = given.get("completed")
    if completed not in (None, "true", "false"):
        errors.append({"field": "completed", "message": "must be true or false"})
    search = given.get("q", "")
    if "\x00" in search or len(search) > MAX_TITLE:
        errors.append({"field": "q", "message": f"must be at most {MAX_TITLE} characters, without NUL"})
    text = given.get("limit", str(DEFAULT_LIMIT))
    limit = int(text) if text.isascii() and text.isdigit() and len(text) <= 3 else 0
    if not 1 <= limit <= MAX_LIMIT:
        errors.append({"field": "limit", "message": f"must be a whole number from 1 to {MAX_LIMIT}"})
    after = None
    try:
        after = cursor.read(owner, given["cursor"]) if "cursor" in given else None
    except Invalid as refusal:
        errors += refusal.errors or []
    if errors:
        raise Invalid(errors=errors)
    return {
        "completed": None if completed is None else completed == "true",
        "search": search,
        "limit": limit,
        "after": after,
    }


def what_to_clear(request: Request) -> dict[str, Any]:
    """``completed`` and ``until`` of a bulk delete.

    Raises Invalid when it does not say which state, or says more than is understood here.
    """
    given, errors = query(request, "completed", "until")
    if given.get("completed") not in ("true", "false"):
        message = "is required here and must be true or false, so that nobody clears a whole list by accident"
        errors.append({"field": "completed", "message": message})
    until = None
    if "until" in given:
        until = _moment(given["until"])
        if until is None:
            message = "must be a time as in RFC 3339, such as 2026-11-21T10:00:00Z; a + is sent as %2B"
            errors.append({"field": "until", "message": message})
    if errors:
        raise Invalid(errors=errors)
    return {"completed": given["completed"] == "true", "until": until}


def _moment(text: str) -> datetime | None:
    """A date-time of RFC 3339 §5.6 in UTC, or None. Digits after the sixth of a second are cut off."""
    if not _RFC3339.fullmatch(text):
        return None
    try:
        return datetime.fromisoformat(text.upper()).astimezone(UTC)
    except (ValueError, OverflowError):  # no such day, or before the year 1 or after 9999 in UTC
        return None


def idempotency_key(request: Request) -> str | None:
    """The Idempotency-Key, if there is one. Raises Invalid unless it is one of 1-255 printable characters."""
    values = request.headers.getlist("idempotency-key")
    if not values:
        return None
    if len(values) > 1 or not 1 <= len(values[0]) <= 255 or not values[0].isprintable():
        message = "must be given once and be 1 to 255 printable characters"
        raise Invalid(errors=[{"field": "Idempotency-Key", "message": message}])
    return values[0]


def versions(request: Request) -> list[datetime] | None:
    """The ``updated_at`` values that If-Match allows, or None for any (RFC 9110 §13.1.1: compared strongly).

    An empty If-Match allows none: somebody meant to guard the change and had no entity tag to show.
    """
    given = request.headers.getlist("if-match")
    value = ",".join(given).strip()
    if not given or value == "*":
        return None
    allowed = []
    for weak, tag in _ENTITY_TAG.findall(value):
        if weak:
            continue
        try:
            version = datetime.fromisoformat(tag)
        except ValueError:
            continue  # an entity tag of something else: it matches nothing
        if version.tzinfo is not None:
            allowed.append(version)
    return allowed


def matches(request: Request, current: str) -> bool:
    """Whether If-None-Match names this entity tag (RFC 9110 §13.1.2: compared weakly)."""
    value = request.headers.get("if-none-match")
    if value is None:
        return False
    return value.strip() == "*" or any(f'"{tag}"' == current for _, tag in _ENTITY_TAG.findall(value))


async def body(request: Request, *media_types: str, optional: bool = False) -> bytes:
    """The body, at most 64 KiB, of one of these media types.

    Raises ContentTooLarge, UnsupportedMediaType, or BadRequest when it is missing and not ``optional``.
    """
    read = bytearray()
    try:
        async for chunk in request.stream():
            read += chunk
            if len(read) > MAX_BODY:
                raise ContentTooLarge
    except ClientDisconnect:  # nobody will read the answer, but it is no fault of ours either
        raise BadRequest("The body ended early") from None
    if not read and optional:
        return b""
    media_type, _, parameters = request.headers.get("content-type", "").partition(";")
    charset = parameters.strip().lower().removeprefix("charset=").strip('"')
    if media_type.strip().lower() not in media_types or charset not in ("", "utf-8"):
        raise UnsupportedMediaType(f"Send the body as {' or '.join(media_types)}")
    if not read:
        raise BadRequest("The body is empty; send a JSON object", code="malformed_json")
    return bytes(read)
