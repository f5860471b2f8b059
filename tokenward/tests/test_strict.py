"""Nesting of JSON in tokens: up to 16 levels are read."""

from __future__ import annotations

import json

import pytest

from tokenward.strict import MAX_DEPTH, json_object
from world import world


@pytest.mark.parametrize("wide", [False, True])
def test_nesting_counts_levels_and_not_brackets(wide: bool) -> None:
    def nested(depth: int) -> bytes:
        inner = b"[" * (depth - 2) + b"]" * (depth - 2)
        beside = b"[],{},[]" * 1 + b",[]" * 40 if wide else b""
        return b'{"a":[' + b",".join(part for part in (inner, beside) if part) + b"]}"

    assert json_object(nested(MAX_DEPTH))
    with pytest.raises(ValueError, match="nested too deeply"):
        json_object(nested(MAX_DEPTH + 1))


async def test_a_value_in_level_16_is_read_and_an_array_or_object_in_it_is_level_17() -> None:
    async with world() as w:
        for depth, outcome in ((16, "ok:alice"), (17, "shape")):
            for bottom in (1, "text", None, [], {}):
                deep = depth - 1 - isinstance(bottom, list | dict)
                nested = json.loads("[" * deep + json.dumps(bottom) + "]" * deep)
                assert await w.outcome(w.issuer.token("alice", x=nested, beside=[[]] * 16)) == outcome, (depth, bottom)
