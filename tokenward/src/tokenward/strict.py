"""Strict parsing of base64url and JSON: a text with more than one reading is refused."""

import binascii
import json
from typing import Any, NoReturn

MAX_DEPTH = 16

#: + and / are characters of base64, not of base64url, and segments have no padding.
_TO_BASE64 = bytes.maketrans(b"-_+/=", b"+/***")


def b64url(segment: str) -> bytes:
    """Decode canonical, unpadded base64url (RFC 7515 §2).

    Raises ValueError for padding, for other characters, and if encoding the result gives another text: unused bits in
    the last character would allow several texts for the same bytes.
    """
    text = segment.encode().translate(_TO_BASE64)
    over = len(text) % 4
    try:
        decoded = binascii.a2b_base64(text + b"=" * (-over % 4), strict_mode=True)
    except binascii.Error as error:
        raise ValueError("not base64url") from error
    # Each full group of 3 bytes has exactly one base64 form. Only an incomplete last group has unused bits, so only
    # there can two texts mean the same bytes.
    if over and binascii.b2a_base64(decoded[1 - over :], newline=False)[:over] != text[-over:]:
        raise ValueError("not canonical base64url")
    return decoded


def json_object(data: bytes) -> dict[str, Any]:
    """Read one JSON object: strict UTF-8, no BOM, no duplicate members, no NaN or Infinity, nesting at most 16.

    Raises ValueError (RFC 8725 §2.4, RFC 8259 §4 and §8.1).
    """
    try:
        value = _DECODER.decode(data.decode("utf-8"))
    except RecursionError as error:
        raise ValueError("nested too deeply") from error
    if not isinstance(value, dict):
        raise ValueError("not a JSON object")
    # The number of brackets is cheap and never less than the depth. Only a text with many is walked.
    if data.count(b"{") + data.count(b"[") > MAX_DEPTH and _depth(value) > MAX_DEPTH:
        raise ValueError("nested too deeply")
    return value


def _members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("duplicate member")
    return members


def _constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def _depth(value: object) -> int:
    deepest, level = 0, [value]
    while level:
        deepest += 1
        below: list[object] = []
        for item in level:
            if isinstance(item, dict):
                below.extend(item.values())
            elif isinstance(item, list):
                below.extend(item)
        level = [item for item in below if isinstance(item, dict | list)]
    return deepest


_DECODER = json.JSONDecoder(object_pairs_hook=_members, parse_constant=_constant)
