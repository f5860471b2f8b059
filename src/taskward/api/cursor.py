"""Cursors of lists: the last id of a page, bound to its owner."""

import base64
import binascii
import hashlib
from uuid import UUID

from taskward.problems import Invalid

_CHECK_BYTES = 6


def write(owner: str, last: str) -> str:
    raw = UUID(last).bytes
    return base64.urlsafe_b64encode(raw + _check(owner, raw)).decode()


def read(owner: str, cursor: str) -> str:
    """The id in a cursor. Raises Invalid for a cursor that was not made for this owner.

    The check bytes detect mistakes. They are not a security measure: every statement selects rows by owner anyway.
    """
    try:
        decoded = base64.b64decode(cursor.encode("ascii"), altchars=b"-_", validate=True)
    except (ValueError, binascii.Error):
        decoded = b""
    last = decoded[:16]
    if len(decoded) != 16 + _CHECK_BYTES or decoded[16:] != _check(owner, last):
        message = "is not a cursor of this list; take next_cursor as it came, or start without one"
        raise Invalid([{"field": "cursor", "message": message}])
    return str(UUID(bytes=last))


def _check(owner: str, last: bytes) -> bytes:
    return hashlib.sha256(b"taskward cursor\0" + last + owner.encode("utf-8", "surrogatepass")).digest()[:_CHECK_BYTES]
