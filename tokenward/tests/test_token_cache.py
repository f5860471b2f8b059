"""The token cache: a hit answers what a full verification would."""

from __future__ import annotations

import asyncio
import gc
from collections import Counter
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from tokenward import Authenticator, FailureThrottle, Identity, InvalidToken, KeysUnavailable, TokenCache
from tokenward.testing.clock import settle
from tokenward.testing.issuer import Answer
from tokenward.testing.keys import SigningKey
from world import World, bearer, world

seen: Counter[str] = Counter()


class NoCache(TokenCache):
    """Forgets at once: every token is verified in full."""

    def get(self, token: str, now: float) -> Identity | None:
        return None


class Machine(RuleBasedStateMachine):
    """Two authenticators on one key source, one of which has a cache: nobody can tell them apart."""

    @initialize(leeway=st.sampled_from([0, 30, 0.3]), size=st.sampled_from([1, 3, 4096]))
    def begin(self, leeway: float, size: int) -> None:
        self.runner = asyncio.Runner()
        self.w = World(leeway=leeway, ttl=60, max_stale=120, cache_size=size)
        self.plain = Authenticator(
            self.w.source, self.w.verifier, cache=NoCache(), throttle=FailureThrottle("0"), clock=self.w.clock
        )
        self.leeway = leeway
        self.tokens: list[tuple[str, float, float]] = []  # with their first moment and the first one after their last
        self.runner.run(self.start())
        self.issue(900, 0, 0)

    async def start(self) -> None:
        await self.w.authenticator.start()
        await self.w.clock.advance(0)

    @rule(
        lasts=st.sampled_from([900, 900, 60, 5]),
        starts=st.sampled_from([0, 0, -5, 2.5, 40]),
        who=st.integers(0, 10),
    )
    def issue(self, lasts: int, starts: float, who: int) -> None:
        now = self.w.clock.wall()
        if self.w.issuer.keys:
            key = self.w.issuer.keys[who % len(self.w.issuer.keys)]
            token = self.w.issuer.token(f"p{who}", key=key, iat=now + min(starts, 0), nbf=now + starts, exp=now + lasts)
            self.tokens.append((token, now + starts - self.leeway, now + lasts + self.leeway))
            self.ask(0, 3)

    @precondition(lambda self: self.tokens)
    @rule(which=st.integers(0, 9), times=st.integers(2, 4))
    def ask(self, which: int, times: int) -> None:
        if not self.tokens:
            return
        token, _, _ = self.tokens[-1 - which % len(self.tokens)]
        for _ in range(times):
            with_cache, without = self.runner.run(self.both(token))
            assert with_cache == without
            seen[with_cache.split(":")[0]] += 1

    async def both(self, token: str) -> tuple[str, str]:
        async def of(authenticator: Authenticator) -> str:
            try:
                identity = await authenticator.authenticate(bearer(token), "192.0.2.1")
            except InvalidToken as refusal:
                return str(refusal.reason)
            except KeysUnavailable:
                return "unavailable"
            return f"ok:{identity.subject}:{identity.valid_from}:{identity.valid_until}"

        before = self.w.events.counts["cached"]
        asking = asyncio.gather(of(self.w.authenticator), of(self.plain))
        await settle()  # what need not wait is judged now, which may be a token's first or last moment
        for _ in range(40):
            if asking.done():
                break
            await self.w.clock.advance(0.125)
        seen["hits"] += self.w.events.counts["cached"] - before
        with_cache, without = await asking
        return with_cache, without

    @precondition(lambda self: self.tokens)
    @rule(which=st.integers(0, 2), at_its_end=st.booleans())
    def the_wall_clock_crosses_an_edge_of_a_token(self, which: int, at_its_end: bool) -> None:
        """A moment at which it holds, so that it is remembered; then its edge, and a moment on the other side of it."""
        _, first, end = self.tokens[-1 - which % len(self.tokens)]
        for moment in [end - 0.25, end, end + 0.25] if at_its_end else [first + 0.25, first, first - 0.25]:
            self.w.clock.jump(moment - self.w.clock.wall())
            self.ask(which, 2)

    @rule(seconds=st.sampled_from([0.125, 1, 4.875, 30, 60, 200]))  # that floats add up exactly
    def time_passes(self, seconds: float) -> None:
        self.runner.run(self.w.clock.advance(seconds))

    @rule(seconds=st.sampled_from([0.5, -0.5, -10, 10, 100]))
    def the_wall_clock_is_set(self, seconds: float) -> None:
        self.w.clock.jump(seconds)

    @rule()
    def a_key_is_added(self) -> None:
        self.w.issuer.rotate()

    @precondition(lambda self: self.w.issuer.keys)
    @rule(which=st.integers(0, 9), wait=st.booleans())
    def a_key_is_removed(self, which: int, wait: bool) -> None:
        keys = self.w.issuer.keys
        gone = keys[which % len(keys)].kid
        if len(keys) == 1:
            self.w.issuer.rotate()  # an empty set would be a failed refresh
        self.w.issuer.remove(gone)
        if wait:
            self.time_passes(60)
            self.ask(0, 2)

    @precondition(lambda self: self.w.issuer.keys)
    @rule(which=st.integers(0, 9), wait=st.booleans())
    def a_key_is_replaced_under_its_kid(self, which: int, wait: bool) -> None:
        keys = self.w.issuer.keys
        at = which % len(keys)
        keys[at] = SigningKey.new("EdDSA", keys[at].kid)
        if wait:
            self.time_passes(60)
            self.ask(0, 2)

    @rule(down=st.sampled_from([False, False, True]))
    def the_issuer_goes_down_or_comes_back(self, down: bool) -> None:
        self.w.issuer.always = Answer(status=500) if down else Answer()

    @invariant()
    def the_cache_is_bounded_and_holds_no_token(self) -> None:
        cache = self.w.cache
        assert len(cache) <= cache.size
        assert all(isinstance(key, bytes) and len(key) == 32 for key in cache._entries)

    def teardown(self) -> None:
        self.runner.run(self.end())
        self.runner.close()

    async def end(self) -> None:
        await self.w.authenticator.close()
        await self.w.http.aclose()


def test_a_cache_hit_answers_what_a_full_verification_would() -> None:
    seen.clear()
    run_state_machine_as_test(
        Machine,
        settings=settings(
            max_examples=40, stateful_step_count=40, deadline=None, suppress_health_check=list(HealthCheck)
        ),
    )
    # It was put to the test: hits, and refusals of several kinds (which ones, chance decides).
    assert seen["hits"] > 50, seen
    assert len(seen) >= 5, seen


async def test_a_second_look_at_the_same_token_verifies_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    async with world() as w:
        token = w.issuer.token("alice")
        first = w.at_once(token)

        def fail(*_: object) -> None:
            raise AssertionError("verified again")

        monkeypatch.setattr(type(w.verifier), "check", fail)
        assert w.at_once(token) is first


async def test_only_successes_are_kept() -> None:
    async with world() as w:
        now = w.clock.wall()
        for token in (
            "a.b.c",
            w.issuer.expired_token(),
            w.issuer.token("alice", key=SigningKey.new("EdDSA", w.issuer.signer.kid)),
            w.issuer.token("alice", aud="x"),
            w.issuer.token("alice", nbf=now + 500),
        ):
            await w.outcome(token)
        assert len(w.cache) == 0


@pytest.mark.parametrize(
    "change", [lambda t: t + "A", lambda t: t[:-1] + ("A" if t[-1] != "A" else "Q"), lambda t: t[1:]]
)
async def test_a_token_that_only_looks_like_a_cached_one_is_no_hit(change: Any) -> None:
    async with world() as w:
        token = w.issuer.token("alice")
        w.at_once(token)
        with pytest.raises(InvalidToken):
            w.at_once(change(token))
        assert w.events.counts["cached"] == 0


async def test_the_cache_holds_a_bounded_number_and_forgets_the_least_recently_used() -> None:
    async with world(cache_size=3) as w:
        tokens = [w.issuer.token(f"p{n}") for n in range(4)]
        for token in tokens[:3]:
            w.at_once(token)
        w.at_once(tokens[0])
        w.at_once(tokens[3])  # p1 makes room
        assert w.events.counts == {"verified": 4, "cached": 1}
        w.at_once(tokens[0])
        assert w.events.counts["cached"] == 2
        w.at_once(tokens[1])
        assert w.events.counts["verified"] == 5
        assert len(w.cache) == 3


async def test_the_tokens_themselves_are_not_kept_anywhere_in_the_cache() -> None:
    async with world() as w:
        token = w.issuer.token("alice")
        w.at_once(token)
        reached, todo = set(), [w.cache]
        while todo:
            item = todo.pop()
            if id(item) not in reached and not isinstance(item, type):
                reached.add(id(item))
                assert item != token
                assert item != token.split(".")[2]
                if isinstance(item, str | bytes | dict | list | tuple | TokenCache) or hasattr(item, "__slots__"):
                    todo += gc.get_referents(item)
            assert len(reached) < 20_000


async def test_adding_a_key_keeps_what_is_cached() -> None:
    async with world() as w:
        token = w.issuer.token("alice")
        w.at_once(token)
        w.issuer.rotate()
        await w.clock.advance(240)
        assert len(w.source.keys or ()) == 2
        w.at_once(token)
        assert w.events.counts["cached"] == 1


async def test_time_is_looked_at_on_every_hit_at_both_ends() -> None:
    async with world(leeway=0) as w:
        now = w.clock.wall()
        token = w.issuer.token("alice", iat=now, exp=now + 5)
        for _ in range(2):
            w.at_once(token)
        assert w.events.counts["cached"] == 1
        w.clock.jump(-1)
        assert await w.outcome(token) == "not_yet_valid"
        w.clock.jump(1)
        for _ in range(2):
            w.at_once(token)
        await w.clock.advance(5)
        assert await w.outcome(token) == "expired"


async def test_a_cache_entry_holds_from_valid_from_until_before_valid_until() -> None:
    async with world(leeway=30) as w:
        now = w.clock.wall()
        token = w.issuer.token("alice", iat=int(now), exp=int(now) + 600)
        identity = await w.ask(token)
        assert w.cache.get(token, identity.valid_from) is identity
        before = identity.valid_until - 0.001
        assert w.cache.get(token, before) is identity
        assert w.cache.get(token, identity.valid_until) is None


async def test_a_cached_token_is_refused_at_its_exp() -> None:
    async with world(leeway=0) as w:
        now = int(w.clock.wall())
        token = w.issuer.token("alice", iat=now, exp=now + 600)
        assert await w.outcome(token) == "ok:alice"
        await w.clock.advance(now + 600 - w.clock.wall())
        assert w.clock.wall() == now + 600
        assert await w.outcome(token) == "expired"


async def test_an_entry_that_no_longer_holds_is_removed_from_the_cache() -> None:
    async with world(leeway=0) as w:
        for lasts in (10, 600):
            w.at_once(w.issuer.token("alice", exp=int(w.clock.wall()) + lasts))
        short, long = (w.issuer.token("alice", exp=int(w.clock.wall()) + lasts) for lasts in (10, 600))
        await w.clock.advance(10)
        assert w.cache.get(short, w.clock.wall()) is None
        assert len(w.cache) == 1
        w.issuer.rotate()
        w.issuer.remove(w.issuer.keys[0].kid)
        await w.clock.advance(301)
        assert w.cache.get(long, w.clock.wall()) is None
        assert len(w.cache) == 0
