"""Revoked tokens: what the authenticator answers, by a set in memory."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from tokenward import Authenticator, Clock, Identity, InvalidToken, RevocationsUnavailable
from tokenward.revocation import MemoryRevocations, Revocation
from tokenward.revocation.memory import TooMany
from world import World, world

FAR = 9e9


class Lagging(MemoryRevocations):
    behind = 0.0

    @property
    def lag(self) -> float:
        return self.behind


def revoking(it: World, revocations: Any) -> None:
    it.authenticator = Authenticator(
        it.source,
        it.verifier,
        cache=it.cache,
        throttle=it.throttle,
        events=it.events,
        clock=it.clock,
        revocations=revocations,
    )


def sid(value: str) -> Revocation:
    return Revocation("sid", value, 0, FAR)


async def test_a_revoked_session_is_refused_even_where_its_token_is_in_the_cache() -> None:
    async with world() as it:
        revocations = MemoryRevocations(clock=it.clock)
        revoking(it, revocations)
        mine, elsewhere = it.issuer.token("ada", sid="one"), it.issuer.token("ada", sid="two")
        assert await it.outcome(mine) == await it.outcome(elsewhere) == "ok:ada"
        revocations.add([sid("one")])
        assert await it.outcome(mine) == "revoked"
        assert await it.outcome(elsewhere) == "ok:ada", "another device stays signed in"
        with pytest.raises(InvalidToken) as refusal:
            await it.ask(mine)
        assert refusal.value.phrase == "The access token was revoked"
        assert refusal.value.status == 401
        assert 'error="invalid_token"' in refusal.value.headers["WWW-Authenticate"]


async def test_a_revoked_subject_loses_the_tokens_from_before_and_keeps_those_from_after() -> None:
    async with world() as it:
        now = int(it.clock.wall())
        revocations = MemoryRevocations(clock=it.clock)
        revoking(it, revocations)
        before, after = it.issuer.token("ada", iat=now - 5), it.issuer.token("ada", iat=now + 5)
        other = it.issuer.token("bob", iat=now - 5)
        revocations.add([Revocation("sub", "ada", now, FAR)])
        assert await it.outcome(before) == "revoked"
        assert await it.outcome(after) == "ok:ada"
        assert await it.outcome(other) == "ok:bob"


async def test_a_revoked_grant_ends_one_clients_tokens_of_one_person() -> None:
    async with world() as it:
        now = int(it.clock.wall())
        revocations = MemoryRevocations(clock=it.clock)
        revoking(it, revocations)
        revocations.add([Revocation("grant", "ada app", now + 1, FAR)])
        assert await it.outcome(it.issuer.token("ada", client_id="app")) == "revoked"
        assert await it.outcome(it.issuer.token("ada", azp="app")) == "revoked"
        assert await it.outcome(it.issuer.token("ada", client_id="other")) == "ok:ada"
        assert await it.outcome(it.issuer.token("bob", client_id="app")) == "ok:bob"
        assert await it.outcome(it.issuer.token("ada")) == "ok:ada"


@pytest.mark.parametrize("value", [None, 1, True, ["one"], {"one": 1}])
async def test_a_sid_that_is_no_string_neither_crashes_nor_matches(value: Any) -> None:
    async with world() as it:
        revocations = MemoryRevocations(clock=it.clock)
        revoking(it, revocations)
        revocations.add([sid("one")])
        assert await it.outcome(it.issuer.token("ada", sid=value)) == "ok:ada"


async def test_a_revoked_token_counts_for_no_throttle() -> None:
    async with world(limit="2/minute") as it:
        revocations = MemoryRevocations(clock=it.clock)
        revoking(it, revocations)
        revocations.add([sid("one")])
        token = it.issuer.token("ada", sid="one")
        assert [await it.outcome(token) for _ in range(6)] == ["revoked"] * 6
        assert await it.outcome(token[:-4] + "AAAA") == "signature"


async def test_a_forged_token_of_a_revoked_session_is_just_a_forged_token() -> None:
    async with world() as it:
        revocations = MemoryRevocations(clock=it.clock)
        revoking(it, revocations)
        revocations.add([sid("one")])
        assert await it.outcome(it.issuer.token("ada", sid="one")[:-4] + "AAAA") == "signature"


async def test_out_of_step_is_503_with_retry_after_and_never_401() -> None:
    async with world() as it:
        revocations = Lagging(max_lag=5, clock=it.clock)
        revoking(it, revocations)
        revocations.add([sid("one")])
        good, bad = it.issuer.token("ada", sid="two"), it.issuer.token("ada", sid="one")
        assert await it.outcome(good) == "ok:ada"
        revocations.behind = 5.1
        for token in (good, bad):
            with pytest.raises(RevocationsUnavailable) as refusal:
                await it.ask(token)
            assert (refusal.value.status, refusal.value.code) == (503, "revocations_unavailable")
            assert refusal.value.headers == {"Retry-After": "1"}
        assert await it.outcome("nonsense") == "shape", "what is no token needs no revocations to be refused"
        revocations.behind = 5
        assert await it.outcome(good) == "ok:ada"


async def test_expired_revocations_are_forgotten_and_later_ones_never_shorten_earlier_ones() -> None:
    async with world() as it:
        now = it.clock.wall()
        revocations = MemoryRevocations(clock=it.clock)
        revocations.add([Revocation("sid", "old", 0, now + 30), Revocation("sub", "ada", now, now + 500)])
        revocations.add([Revocation("sub", "ada", now - 100, now + 10)])
        await it.clock.advance(61)
        revocations.add([sid("new")])
        assert len(revocations) == 2
        revoking(it, revocations)
        assert await it.outcome(it.issuer.token("ada", iat=int(now) - 1)) == "revoked"


def test_observers_hear_of_changes_only_and_a_failing_one_stops_nothing() -> None:
    revocations, heard = MemoryRevocations(), []
    revocations.observers += [lambda: 1 / 0, lambda: heard.append(1)]  # type: ignore[list-item,func-returns-value]  # one that fails on purpose
    revocations.add([sid("one")])
    revocations.add([sid("one")])
    assert heard == [1]


@pytest.mark.parametrize("issuer", ["", "https://app.example", "https://other.example"])
@pytest.mark.parametrize("kind", ["sid", "sub", "grant"])
def test_every_revocation_is_found_beside_any_other(kind: Any, issuer: str) -> None:
    named = {"sid": "one", "sub": "ada", "grant": "ada app"}[kind]
    ended = Revocation(kind, named, 1000, FAR, issuer)
    others = [
        Revocation("sid", "two", 0, FAR),
        Revocation("sub", "ada", 1, FAR),
        Revocation("sub", "bob", FAR, FAR),
        Revocation("grant", "bob app", FAR, FAR),
        Revocation("sid", "one", 0, FAR, "https://third.example"),
    ]
    claims = {"sid": "one", "iat": 500, "client_id": "app"}
    identity: Identity = Identity("ada", "https://app.example", 0, 0, claims, claims)
    for number in range(1 << len(others)):
        beside = [each for bit, each in enumerate(others) if number >> bit & 1]
        revocations = MemoryRevocations()
        revocations.add(beside)
        assert not revocations.is_revoked(identity)
        revocations.add([ended])
        assert revocations.is_revoked(identity) is (issuer in ("", identity.issuer))
        assert (revocations.revoked_by(identity) is not None) is revocations.is_revoked(identity)


def test_columns_are_taken_like_single_revocations() -> None:
    heard: list[int] = []
    revocations = MemoryRevocations(max_entries=4)
    revocations.observers.append(lambda: heard.append(len(revocations)))
    revocations.add_many("sid", ["one", "two"], [FAR, FAR])
    revocations.add_many("sid", ["two", "one", "one"], [1.0, 2.0, FAR + 1])  # known: the later end stays
    revocations.add_many("sub", ["ada"], [FAR], [500])
    revocations.add_many("sid", [], [])
    assert heard == [2, 3]
    token = {"sid": "none", "iat": 499}
    assert revocations.is_revoked(Identity("ada", "", 0, 0, token, token))
    assert not revocations.is_revoked(Identity("bob", "", 0, 0, token, token))
    found = revocations.revoked_by(Identity("bob", "", 0, 0, {}, {"sid": "one", "iat": 0}))
    assert found is not None
    assert found.expires_at == FAR + 1
    with pytest.raises(TooMany):
        revocations.add_many("sid", ["four", "five"], [FAR, FAR])
    assert len(revocations) == 4


class Hurrying(Clock):
    """Each look comes so late that expired entries are removed first."""

    def __init__(self) -> None:
        self.now = 0.0

    def wall(self) -> float:
        self.now += 100
        return self.now


def test_threads_may_add_at_once_and_none_of_their_revocations_is_forgotten() -> None:
    """As the views of a Flask or Django application do."""
    revocations = MemoryRevocations(clock=Hurrying())
    for kind in ("sid", "sub", "grant"):
        revocations.add_many(kind, [f"{kind} {number}" for number in range(5000)], [FAR] * 5000, [FAR] * 5000)  # type: ignore[arg-type]  # a Kind
    failures: list[BaseException] = []

    def add(thread: int) -> None:
        try:
            for number in range(60):
                name = f"{thread}/{number}"
                revocations.add([sid(name), Revocation("sub", name, FAR, FAR), Revocation("grant", name, FAR, FAR)])
                revocations.add_many("sid", [f"many {name}"], [FAR])
        except BaseException as failure:
            failures.append(failure)

    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)  # seconds
    try:
        threads = [threading.Thread(target=add, args=(number,)) for number in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        sys.setswitchinterval(before)
    assert failures == []
    assert len(revocations) == 3 * 5000 + 8 * 60 * 4


def test_what_is_added_may_come_from_an_iterator_that_adds_itself() -> None:
    revocations = MemoryRevocations()

    def found() -> Iterator[Revocation]:
        revocations.add([sid("inner")])
        yield sid("outer")

    revocations.observers.append(lambda: revocations.add([sid("observed")]))
    revocations.observers.append(lambda: revocations.observers.clear())
    revocations.add(found())
    assert len(revocations) == 3


FORKED = """
import os, signal, threading, warnings
from tokenward import Clock
from tokenward.revocation import MemoryRevocations, Revocation

warnings.simplefilter("ignore", DeprecationWarning)  # of fork beside threads, which gunicorn does as well

class Standing(Clock):
    def wall(self):
        if threading.current_thread() is not threading.main_thread():
            writing.set()
            leave.wait()
        return super().wall()

writing, leave = threading.Event(), threading.Event()
revocations = MemoryRevocations(max_entries=1, clock=Standing())
revocations.add([Revocation("sid", "one", 0, 9e9)])
one_too_many = [Revocation("sid", "two", 0, 9e9)]
threading.Thread(target=revocations.add, args=(one_too_many,), daemon=True).start()
writing.wait()
child = os.fork()
if child == 0:
    signal.alarm(5)
    revocations.add([Revocation("sid", "one", 0, 9e9)])
    os._exit(7)
print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
os._exit(0)
"""


def test_a_forked_child_may_add_although_a_thread_of_its_parent_was_adding() -> None:
    done = subprocess.run([sys.executable, "-c", FORKED], capture_output=True, text=True, timeout=60, check=False)
    assert (done.stdout, done.stderr) == ("7\n", "")
