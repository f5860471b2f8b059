"""The compact form of a JWS: three base64url segments, parted by dots."""

from __future__ import annotations

import pytest

from tokenward.testing.keys import b64
from world import world


async def test_every_segment_may_contain_minus_and_underscore() -> None:
    async with world() as w:
        odd = "?>" * 3 + "??>>"
        tokens = (w.issuer.token("alice", header={"x": odd}, x=odd, n=n) for n in range(1000))
        token = next(t for t in tokens if all("-" in part and "_" in part for part in t.split(".")))
        assert await w.outcome(token) == "ok:alice"


@pytest.mark.parametrize(("first", "second"), [("!", "."), (".", "!"), (" ", "."), ("~", "~"), ("", ".")])
async def test_only_a_dot_separates_segments_even_where_another_sign_is_signed(first: str, second: str) -> None:
    async with world() as w:
        header, claims, _ = w.issuer.token("alice").split(".")
        signed = header + first + claims
        assert await w.outcome(signed + second + b64(w.issuer.signer.sign(signed.encode()))) == "shape"


@pytest.mark.parametrize("segment", [0, 1, 2])
async def test_a_token_with_an_empty_segment_is_malformed(segment: int) -> None:
    async with world() as w:
        parts = w.issuer.token("alice").split(".")
        parts[segment] = ""
        assert await w.outcome(".".join(parts)) == "shape"
