"""Where a list goes on: the last id seen, bound to its owner."""

import base64
import binascii
import hashlib
from uuid import UUID

from taskward.problems import Invalid

_CHECK_BYTES = 6


def write(owner: str, last: UUID) -> str:
    return base64.urlsafe_b64encode(last.bytes + _check(owner, last.bytes)).decode()


def read(owner: str, cursor: str) -> UUID:
    """The id a cursor stands for. Raises Invalid for one that this owner's lists did not give out.

    The check is no secret and guards nothing: rows are chosen by their owner whatever the cursor says. It tells a
    mistake from a position.
    """
    try:
        decoded = base64.b64decode(cursor.encode("ascii"), altchars=b"-_", validate=True)
    except (ValueError, binascii.Error):
        decoded = b""
    last = decoded[:16]
    if len(decoded) != 16 + _CHECK_BYTES or decoded[16:] != _check(owner, last):
        message = "is not a cursor of this list; take next_cursor as it came, or start without one"
        raise Invalid([{"field": "cursor", "message": message}])
    return UUID(bytes=last)


def _check(owner: str, last: bytes) -> bytes:
    return hashlib.sha256(b"taskward cursor\0" + last + owner.encode("utf-8", "surrogatepass")).digest()[:_CHECK_BYTES]
