"""Validators of text from people: no NUL, Unicode form NFC, at least one visible character."""

import unicodedata
from typing import Any

from pydantic_core import PydanticCustomError

#: Separators, controls and formats. Unassigned characters count as visible: they may be newer than this Python.
_WITHOUT_INK = frozenset({"Cc", "Cf", "Zs", "Zl", "Zp"})
#: Default_Ignorable_Code_Point of Unicode (DerivedCoreProperties) outside these categories, and Braille's blank.
_IGNORABLE = (
    *((0x034F, 0x034F), (0x115F, 0x1160), (0x17B4, 0x17B5), (0x180B, 0x180F), (0x2065, 0x2065), (0x2800, 0x2800)),
    *((0x3164, 0x3164), (0xFE00, 0xFE0F), (0xFFA0, 0xFFA0), (0xFFF0, 0xFFF8), (0xE0000, 0xE0FFF)),
)


def composed(value: Any) -> Any:
    """A validator that runs first: text in NFC, so that search finds every spelling of a character."""
    return unicodedata.normalize("NFC", value) if isinstance(value, str) and not value.isascii() else value


def no_nul(value: str) -> str:
    """A validator that refuses NUL, which PostgreSQL cannot store in text."""
    if "\x00" in value:
        raise PydanticCustomError("nul", "must not contain the NUL character")
    return value


def visible(value: str) -> str:
    """A validator that refuses text without a visible character."""
    if "!" <= value[:1] <= "~":
        return value
    if any(_has_ink(character) for character in value):
        return value
    raise PydanticCustomError("invisible", "must have at least one visible character")


def _has_ink(character: str) -> bool:
    code = ord(character)
    if code < 0x7F:
        return code > 0x20
    ignorable = any(first <= code <= last for first, last in _IGNORABLE)
    return not ignorable and unicodedata.category(character) not in _WITHOUT_INK
