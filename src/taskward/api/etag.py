"""Entity tags and preconditions (RFC 9110 §8.8.3, §13)."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import orjson
from starlette.requests import Request

from taskward.api.request import fields
from taskward.problems import PRECONDITION_FAILED, Problem

_ENTITY_TAG = re.compile(r'\s*(W/)?"([\x21\x23-\x7e\x80-\xff]*)"\s*(?:,|$)')


def etag(row: Mapping[str, Any]) -> str:
    """The entity tag of a row: its ``updated_at`` as in JSON, in quotes. It grows with every change.

    A client that has the row from a list can therefore send ``If-Match`` without another request.
    """
    return _json(row["updated_at"])


def _json(moment: datetime) -> str:
    return orjson.dumps(moment, option=orjson.OPT_UTC_Z).decode()  # datetime.isoformat takes five times as long


@dataclass(frozen=True, slots=True)
class Preconditions:
    """The preconditions of a request, as versions of the row.

    ``versions`` maps a guard to values of ``updated_at``: with ``if_match`` the row must have one of them, with
    ``if_none_match`` none of them. A guard that does not apply has no entry. ``If-None-Match: *`` excludes every
    version, and is therefore stored as an ``if_match`` with no values.
    """

    versions: Mapping[str, list[datetime]] = field(default_factory=dict)

    @property
    def guards(self) -> frozenset[str]:
        return frozenset(self.versions)

    def check(self, row: Mapping[str, Any]) -> None:
        """Raises Problem (precondition failed) when the row does not meet the preconditions."""
        version = row["updated_at"]
        wanted = version in self.versions.get("if_match", (version,))
        if not wanted or version in self.versions.get("if_none_match", ()):
            raise Problem(PRECONDITION_FAILED)


ANY_VERSION = Preconditions()


def conditional(request: Request) -> bool:
    """Whether a request has a header whose name begins with ``If-``. Most have none."""
    for name, _ in request.scope["headers"]:  # noqa: SIM110 - any() with a generator takes three times as long
        if name.startswith(b"if-"):
            return True
    return False


def preconditions(request: Request) -> Preconditions:
    """If-Match and If-None-Match of a request that changes a row (RFC 9110 §13.1.1, §13.1.2)."""
    if not conditional(request):
        return ANY_VERSION
    versions = if_match(request)
    value = _header(request, b"if-none-match")
    if value == "*":
        versions["if_match"] = []
    elif value is not None:
        versions["if_none_match"] = _versions(value, weak=True)
    return Preconditions(versions) if versions else ANY_VERSION


def if_match(request: Request) -> dict[str, list[datetime]]:
    """The guard of If-Match, with strong comparison. Without the header, or for ``*``, there is none.

    An empty If-Match allows no version: the client wanted to guard the change but had no entity tag.
    """
    value = _header(request, b"if-match")
    return {} if value in (None, "*") else {"if_match": _versions(str(value), weak=False)}


def not_modified(request: Request, current: str) -> bool:
    """Whether If-None-Match of a GET names this entity tag, by weak comparison."""
    value = _header(request, b"if-none-match")
    return value == "*" or any(f'"{tag}"' == current for _, tag in _ENTITY_TAG.findall(value or ""))


def _header(request: Request, name: bytes) -> str | None:
    given = fields(request, name)
    return ",".join(given).strip() if given else None


def _versions(value: str, *, weak: bool) -> list[datetime]:
    found = (_version(tag) for prefix, tag in _ENTITY_TAG.findall(value) if weak or not prefix)
    return [version for version in found if version is not None]


def _version(tag: str) -> datetime | None:
    """The ``updated_at`` in an entity tag, or None for a tag that this service did not make: it matches nothing."""
    try:
        version = datetime.fromisoformat(tag).astimezone(UTC)
    except (ValueError, OverflowError):
        return None
    return version if _json(version) == f'"{tag}"' else None
