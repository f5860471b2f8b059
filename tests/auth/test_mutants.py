"""What mutation testing found nobody looking at: edges of limits, and what a refusal says in the log."""

from __future__ import annotations

import httpx
import pytest

from taskward.auth import InvalidToken
from taskward.auth.fetch import _retry_after
from taskward.auth.strict import MAX_DEPTH, json_object
from tests.auth.world import world
from tests.support.issuer import SigningKey


async def test_a_cached_token_is_good_from_its_first_moment_and_no_longer_at_its_last() -> None:
    async with world(leeway=30) as w:
        now = w.clock.wall()
        token = w.issuer.token("alice", iat=int(now), exp=int(now) + 600)
        identity = await w.ask(token)
        assert w.cache.get(token, w.source, identity.valid_from) is identity
        before = identity.valid_until - 0.001
        assert w.cache.get(token, w.source, before) is identity
        assert w.cache.get(token, w.source, identity.valid_until) is None


async def test_a_cached_token_is_refused_at_the_moment_in_which_it_expires() -> None:
    async with world(leeway=0) as w:
        now = int(w.clock.wall())
        token = w.issuer.token("alice", iat=now, exp=now + 600)
        assert await w.outcome(token) == "ok:alice"
        await w.clock.advance(now + 600 - w.clock.wall())
        assert w.clock.wall() == now + 600
        assert await w.outcome(token) == "expired"


@pytest.mark.parametrize("wide", [False, True])
def test_nesting_is_counted_level_by_level_and_not_by_brackets(wide: bool) -> None:
    def nested(depth: int) -> bytes:
        inner = b"[" * (depth - 2) + b"]" * (depth - 2)
        beside = b"[],{},[]" * 1 + b",[]" * 40 if wide else b""
        return b'{"a":[' + b",".join(part for part in (inner, beside) if part) + b"]}"

    assert json_object(nested(MAX_DEPTH))
    with pytest.raises(ValueError, match="nested too deeply"):
        json_object(nested(MAX_DEPTH + 1))


@pytest.mark.parametrize(
    ("sent", "understood"),
    [("0", 0), ("7", 7), ("99999", 99_999), ("100000", 0), ("-1", 0), ("soon", 0), ("٣", 0), ("", 0), (None, 0)],
)
def test_retry_after_is_at_most_five_digits_of_seconds_and_otherwise_nothing(
    sent: str | None, understood: float
) -> None:
    headers = [] if sent is None else [(b"retry-after", sent.encode())]
    assert _retry_after(httpx.Response(429, headers=headers)) == understood


async def test_every_refusal_has_a_reason_and_a_detail_for_the_log() -> None:
    async with world(leeway=0) as w:
        now = int(w.clock.wall())
        good = w.issuer.token("alice")
        refused = {
            "expired": w.issuer.token("alice", iat=now - 900, exp=now - 75),
            "lifetime": w.issuer.token("alice", iat=now, exp=now + 10_000_000),
            "not_yet_valid": w.issuer.token("alice", iat=now + 40),
            "claims": w.issuer.token("alice", iat="yesterday"),
            "signature": w.issuer.token("alice", key=SigningKey.new(kid=w.issuer.signer.kid)),
            "algorithm": w.issuer.token("alice", header={"alg": "none"}),
            "issuer": w.issuer.token("alice", iss="https://elsewhere.example"),
            "audience": w.issuer.token("alice", aud="https://elsewhere.example"),
            "shape": good + "é",
        }
        for reason, token in refused.items():
            with pytest.raises(InvalidToken) as refusal:
                await w.ask(token)
            assert str(refusal.value.reason) == reason
            assert len(refusal.value.detail) > 8
        with pytest.raises(InvalidToken) as expired:
            await w.ask(refused["expired"])
        assert expired.value.detail == "expired 75 seconds ago"


async def test_an_event_tells_a_verified_token_from_a_remembered_one() -> None:
    async with world() as w:
        heard: list[bool] = []
        w.events.accepted = lambda *, cached: heard.append(cached)  # type: ignore[method-assign]  # to hear it as it is
        token = w.issuer.token("alice")
        await w.ask(token)
        await w.ask(token)
        assert [type(cached) for cached in heard] == [bool, bool]
        assert heard == [False, True]
