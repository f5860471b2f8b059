"""Parsing of a compact JWS (RFC 7515 §7.1), without verifying it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from types import MappingProxyType
from typing import Any

from tokenward.errors import InvalidToken, Reason
from tokenward.strict import b64url, json_object

MAX_TOKEN_BYTES = 8192


@dataclass(frozen=True, slots=True)
class Jws:
    """The parts of an unverified token."""

    header: Mapping[str, Any]
    claims: dict[str, Any]
    signing_input: bytes
    signature: bytes

    @property
    def kid(self) -> str | None:
        kid = self.header.get("kid")
        return kid if isinstance(kid, str) else None


def parse(
    token: str,
    read_header: Callable[[str], Mapping[str, Any]] | None = None,
    *,
    max_bytes: int = MAX_TOKEN_BYTES,
) -> Jws:
    """Parse a compact JWS of at most ``max_bytes``.

    ``read_header`` reads the first segment. The default caches recent headers.

    Raises InvalidToken (``shape``, ``header`` or ``claims``) for anything but three canonical base64url segments of
    which the first two are JSON objects: JWE's five segments and JSON serialisations are refused on sight.
    """
    if len(token) > max_bytes:
        raise InvalidToken(Reason.SHAPE, f"longer than {max_bytes} bytes")
    segments = token.split(".", 3)
    if len(segments) != 3 or not all(segments):
        raise InvalidToken(Reason.SHAPE, "not three base64url segments")
    header_part, claims_part, signature_part = segments
    try:
        signature = b64url(signature_part)
    except ValueError as error:
        raise InvalidToken(Reason.SHAPE, f"signature: {error}") from None
    try:
        header = (read_header or _header)(header_part)
    except ValueError as error:
        raise InvalidToken(Reason.HEADER, f"header: {error}") from None
    try:
        claims = json_object(b64url(claims_part))
    except ValueError as error:
        raise InvalidToken(Reason.SHAPE, f"claims: {error}") from None
    return Jws(header, claims, f"{header_part}.{claims_part}".encode("ascii"), signature)


def header_of(segment: str) -> Mapping[str, Any]:
    """The header in a segment. Raises ValueError."""
    return MappingProxyType(json_object(b64url(segment)))


#: Tokens of one key have the same header segment: it is parsed once. The result is read-only.
_header = lru_cache(maxsize=64)(header_of)
