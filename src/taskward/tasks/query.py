"""The query parameters of the tasks API."""

from typing import Any

from starlette.requests import Request

from taskward.api import cursor
from taskward.api.request import limit_of, moment, query
from taskward.api.text import composed
from taskward.problems import Invalid
from taskward.tasks.table import MAX_TITLE


def listing(request: Request, owner: str) -> dict[str, Any]:
    """``completed``, ``search``, ``limit`` and ``after`` of a list request. Raises Invalid with every problem."""
    given, errors = query(request, "completed", "q", "limit", "cursor")
    completed = given.get("completed")
    if completed not in (None, "true", "false"):
        errors.append({"field": "completed", "message": "must be true or false"})
    search = composed(given.get("q", ""))
    if "\x00" in search or len(search) > MAX_TITLE:
        errors.append({"field": "q", "message": f"must be at most {MAX_TITLE} characters, without NUL"})
    limit = limit_of(given, errors)
    after = None
    try:
        after = cursor.read(owner, given["cursor"]) if "cursor" in given else None
    except Invalid as refusal:
        errors += refusal.errors
    if errors:
        raise Invalid(errors)
    return {
        "completed": None if completed is None else completed == "true",
        "search": search,
        "limit": limit,
        "after": after,
    }


def what_to_clear(request: Request) -> dict[str, Any]:
    """``completed`` and ``until`` of a bulk delete.

    Raises Invalid when ``completed`` is missing, or when a parameter is unknown or malformed.
    """
    given, errors = query(request, "completed", "until")
    if given.get("completed") not in ("true", "false"):
        message = "is required here and must be true or false, so that nobody clears a whole list by accident"
        errors.append({"field": "completed", "message": message})
    until = None
    if "until" in given:
        until = moment(given["until"])
        if until is None:
            message = "must be a time as in RFC 3339, such as 2026-11-21T10:00:00Z; a + is sent as %2B"
            errors.append({"field": "until", "message": message})
    if errors:
        raise Invalid(errors)
    return {"completed": given["completed"] == "true", "until": until}
