"""Hooks for schemathesis: values that are valid by the schema but refused because of earlier requests.

A cursor has to come from a list, a precondition from the task as it is, and an Idempotency-Key must not have been used
for another task. Where schemathesis means a request to be valid, the first two are taken out and the key is made new.
"""

from __future__ import annotations

import secrets
import unicodedata
from typing import Any

import schemathesis
from schemathesis import GenerationMode


@schemathesis.hook
def before_call(context: Any, case: Any, kwargs: Any) -> None:
    if case.meta is None or case.meta.generation.mode is not GenerationMode.POSITIVE:
        return
    if isinstance(case.body, dict):  # a title has to be visible; text is composed, and may grow by that
        for name, limit in (("title", 200), ("description", 5000)):
            if isinstance(case.body.get(name), str):
                text = unicodedata.normalize("NFC", case.body[name])[:limit]
                case.body[name] = f"x{text[1:]}" if name == "title" else text
    if case.query:
        case.query.pop("cursor", None)
    if case.headers:
        case.headers.pop("If-Match", None)
        if case.method != "GET":
            case.headers.pop("If-None-Match", None)
    if case.headers and "Idempotency-Key" in case.headers:
        key = case.headers["Idempotency-Key"]
        case.headers["Idempotency-Key"] = secrets.token_hex(8) + key[16:]
