"""Failed authentications per address: who is counted, who is told to wait, and what an attack can cost."""

from __future__ import annotations

import asyncio
import shutil
import signal
import subprocess
import time
import tracemalloc
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from tokenward import (
    Authenticator,
    FailureThrottle,
    KeysUnavailable,
    TooManyFailures,
)
from tokenward.testing.clock import FakeClock
from tokenward.testing.issuer import Answer
from tokenward.testing.keys import SigningKey
from tokenward.throttle import MAX_ADDRESSES, Limit, Window
from world import World, world


def forged(w: World) -> str:
    return w.issuer.token("alice", key=SigningKey.new("EdDSA", w.issuer.signer.kid))


async def test_the_first_five_refused_tokens_are_answered_401_and_the_sixth_429_with_retry_after() -> None:
    async with world(limit="5/minute") as w:
        outcomes = [await w.outcome(forged(w)) for _ in range(8)]
        assert outcomes == ["signature"] * 5 + ["too_many_failures"] * 3
        with pytest.raises(TooManyFailures) as refused:
            await w.ask(forged(w))
        assert 1 <= refused.value.retry_after <= 60
        assert refused.value.status == 429
        assert refused.value.headers == {"Retry-After": str(refused.value.retry_after)}


async def test_a_valid_token_is_accepted_from_a_throttled_client_ip_cached_or_not() -> None:
    async with world(limit="5/minute") as w:
        seen = w.issuer.token("seen")
        w.at_once(seen)
        for _ in range(20):
            await w.outcome(forged(w))
        assert await w.outcome(seen) == "ok:seen"
        assert await w.outcome(w.issuer.token("never-seen")) == "ok:never-seen"
        await w.clock.advance(5)
        w.issuer.rotate()
        assert await w.outcome(w.issuer.token("new-key")) == "ok:new-key"
        assert await w.outcome(forged(w)) == "too_many_failures"


async def test_a_genuine_expired_token_is_401_and_not_counted_by_the_throttle() -> None:
    async with world(limit="5/minute") as w:
        for _ in range(50):
            assert await w.outcome(w.issuer.expired_token()) == "expired"
        for _ in range(5):
            assert await w.outcome(forged(w)) == "signature"
        assert await w.outcome(forged(w)) == "too_many_failures"
        assert await w.outcome(w.issuer.expired_token()) == "expired", "nor is it throttled"


async def test_a_forged_expired_token_counts_for_the_throttle() -> None:
    async with world(limit="5/minute") as w:
        now = int(w.clock.wall())
        other = SigningKey.new("EdDSA", w.issuer.signer.kid)
        outcomes = [await w.outcome(w.issuer.token("a", key=other, iat=now - 9000, exp=now - 8000)) for _ in range(6)]
        assert outcomes == ["expired"] * 5 + ["too_many_failures"]
        unknown = w.issuer.token("a", header={"kid": "made-up"}, iat=now - 9000, exp=now - 8000)
        assert await w.outcome(unknown) == "too_many_failures"
        rs256 = w.issuer.token("a", header={"alg": "RS256"}, iat=now - 9000, exp=now - 8000)
        assert await w.outcome(rs256, "192.0.2.9") == "expired"
        assert not w.events.refusals[-1][0].genuine, "a genuine signature under another alg is not genuine"


async def test_an_expired_token_causes_no_fetch_and_no_wait() -> None:
    async with world(limit="5/minute") as w:
        now = int(w.clock.wall())
        await w.outcome(w.issuer.token("a", header={"kid": "made-up"}, iat=now - 9000, exp=now - 8000))
        assert w.issuer.fetches == 1


async def test_missing_tokens_and_unavailable_keys_are_not_counted() -> None:
    async with world(limit="2/minute", started=False) as w:
        w.issuer.always = Answer(status=500)
        for _ in range(10):
            assert await w.outcome(w.issuer.token("alice")) == "unavailable"
            with pytest.raises(Exception, match=r"^$"):
                await w.authenticator.authenticate([], "192.0.2.1")
        assert [await w.outcome("a.b.c") for _ in range(3)][:2] != ["too_many_failures"] * 2
        assert issubclass(KeysUnavailable, Exception)


async def test_one_client_ip_does_not_throttle_another() -> None:
    async with world(limit="5/minute") as w:
        for _ in range(9):
            await w.outcome(forged(w), "192.0.2.1")
        assert await w.outcome(forged(w), "192.0.2.2") == "signature"
        assert await w.outcome(forged(w), "192.0.2.1") == "too_many_failures"


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("2001:db8:1:2::1", "2001:db8:1:2:ffff:ffff:ffff:ffff", True),
        ("2001:db8:1:2::1", "2001:DB8:1:2:0:0:0:2", True),
        ("2001:db8:1:2::1", "2001:db8:1:3::1", False),
        ("::ffff:192.0.2.1", "192.0.2.1", True),
        ("::ffff:192.0.2.1", "::ffff:192.0.2.2", False),
        ("fe80::1%eth0", "fe80::2%eth0", True),
        ("192.0.2.1", "192.0.2.2", False),
        ("testclient", "testclient", True),
        ("not an address", "another", False),
    ],
)
async def test_ipv6_is_counted_by_its_64_and_a_mapped_ipv4_as_itself(one: str, other: str, same: bool) -> None:
    throttle = FailureThrottle("1/minute")
    assert await throttle.count(one) is None
    assert (await throttle.count(other) is not None) == same


@pytest.mark.parametrize("address", ["", "x" * 10_000, "1.2.3.4/5", "a\nb", "\ud800", "::1%" + "x" * 500, "[::1]", "%"])
async def test_an_address_of_any_shape_is_counted_and_never_a_crash(address: str) -> None:
    throttle = FailureThrottle("1/minute")
    assert await throttle.count(address) is None
    assert await throttle.count(address) is not None


@pytest.mark.parametrize("limit", ["0", " 0 "])
async def test_a_limit_of_0_turns_it_off(limit: str) -> None:
    throttle = FailureThrottle(limit)
    assert [await throttle.count("192.0.2.1") for _ in range(50)] == [None] * 50


async def test_the_window_ends_and_retry_after_says_when() -> None:
    clock = FakeClock()
    throttle = FailureThrottle("2/minute", clock=clock)
    assert [await throttle.count("a") for _ in range(3)] == [None, None, 60]
    clock.move(45.5)
    assert await throttle.count("a") == 15
    clock.move(14.4)
    assert await throttle.count("a") == 1
    clock.move(0.2)
    assert [await throttle.count("a") for _ in range(3)] == [None, None, 60]


class Store(Window):
    """A store that fails, or hangs."""

    def __init__(self, fail: Callable[[], object]) -> None:
        super().__init__()
        self.fail = fail

    async def hit(self, limit: Limit, address: str) -> int | None:
        result = self.fail()
        if asyncio.iscoroutine(result):
            await result
        raise AssertionError

    async def check(self) -> None:
        await self.hit(Limit(1, 1), "")


def raising(error: BaseException) -> Callable[[], object]:
    def fail() -> object:
        raise error

    return fail


@pytest.mark.parametrize(
    "error", [ConnectionError("down"), OSError(24, "too many files"), RuntimeError("?"), TimeoutError(), KeyError("x")]
)
async def test_a_storage_that_is_down_throttles_no_client(error: Exception) -> None:
    async with world(limit="1/minute") as w:
        told: list[str] = []
        w.throttle = FailureThrottle("1/minute", counts=Store(raising(error)), failed=told.append)
        w.authenticator = Authenticator(w.source, w.verifier, throttle=w.throttle, events=w.events, clock=w.clock)
        assert [await w.outcome(forged(w)) for _ in range(10)] == ["signature"] * 10
        assert await w.outcome(w.issuer.token("alice")) == "ok:alice"
        assert len(told) == 1, "one warning, not one a token"
        assert type(error).__name__ in told[0]
        assert type(error).__name__ in str(await w.throttle.check())


async def test_a_storage_that_hangs_holds_up_a_refusal_for_a_moment_and_a_valid_token_not_at_all(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from tokenward import throttle

    monkeypatch.setattr(throttle, "STORAGE_TIMEOUT", 0.01)
    async with world(limit="1/minute") as w:
        forever = asyncio.Event()
        w.throttle = FailureThrottle("1/minute", counts=Store(forever.wait))
        w.authenticator = Authenticator(w.source, w.verifier, throttle=w.throttle, events=w.events, clock=w.clock)
        outcomes = await asyncio.wait_for(asyncio.gather(*(w.outcome(forged(w)) for _ in range(20))), 5)
        assert outcomes == ["signature"] * 20
        assert w.at_once(w.issuer.token("alice")).subject == "alice"


@pytest.mark.parametrize("scheme", ["redis", "valkey"])
async def test_an_unreachable_shared_store_throttles_no_client(scheme: str) -> None:
    # Port 9 of loopback: nothing is there.
    throttle = FailureThrottle("1/minute", f"{scheme}://127.0.0.1:9/0")
    assert [await throttle.count("192.0.2.1") for _ in range(3)] == [None] * 3


@pytest.mark.parametrize("url", ["carrier-pigeon://u:hunter2@x", "nonsense-hunter2", "redis://u:hunter2@x:port/0"])
def test_a_store_that_does_not_exist_is_refused_when_built_without_telling_its_password(url: str) -> None:
    with pytest.raises(ValueError, match=r"rate limit storage") as refusal:
        FailureThrottle("5/minute", url)
    assert "hunter2" not in str(refusal.value)
    assert refusal.value.__suppress_context__


REDIS = shutil.which("redis-server") or shutil.which("valkey-server")


Shared = Callable[[str, str], FailureThrottle]


@pytest_asyncio.fixture
async def shared() -> AsyncIterator[Shared]:
    """Builds throttles with a store of that URL, whose connections are closed with the test."""
    built: list[Any] = []

    def build(limit: str, url: str) -> FailureThrottle:
        throttle = FailureThrottle(limit, url)
        built.append(throttle.counts)
        return throttle

    yield build
    for counts in built:
        await counts.storage.bridge.storage.aclose()


@pytest.fixture
def redis(tmp_path: Path) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    """A real server on a socket file of its own."""
    if REDIS is None:
        pytest.skip("needs redis-server or valkey-server")
    path = tmp_path / "redis.sock"
    options = ["--port", "0", "--unixsocket", str(path), "--save", "", "--dir", str(tmp_path)]
    server = subprocess.Popen([REDIS, *options], stdout=subprocess.DEVNULL)
    try:
        for _ in range(200):
            if path.exists():
                break
            time.sleep(0.02)
        yield f"redis+unix://{path}", server
    finally:
        server.kill()
        server.wait()


async def test_replicas_that_share_a_store_count_together(
    redis: tuple[str, subprocess.Popen[bytes]], shared: Shared
) -> None:
    one, other = shared("3/minute", redis[0]), shared("3/minute", redis[0])
    assert [await each.count("192.0.2.1") for each in (one, other, one)] == [None] * 3
    for each in (one, other):
        seconds = await each.count("192.0.2.1")
        assert seconds is not None
        assert 1 <= seconds <= 60
    assert await one.count("192.0.2.2") is None


async def test_a_shared_store_that_dies_or_freezes_throttles_no_client(
    redis: tuple[str, subprocess.Popen[bytes]], shared: Shared
) -> None:
    throttle = shared("1/minute", redis[0])
    assert await throttle.count("192.0.2.1") is None
    assert await throttle.count("192.0.2.1") is not None
    redis[1].send_signal(signal.SIGSTOP)
    began = time.monotonic()
    assert await throttle.count("192.0.2.1") is None
    assert time.monotonic() - began < 60, "it is given a quarter of a second"
    redis[1].send_signal(signal.SIGCONT)
    assert await throttle.count("192.0.2.1") is not None, "and is asked again as soon as it is back"
    redis[1].kill()
    redis[1].wait()
    assert [await throttle.count("192.0.2.1") for _ in range(3)] == [None] * 3


@pytest.mark.parametrize("limit", ["", "five", "5", "5/fortnight", "-5/minute"])
def test_a_limit_that_says_nothing_is_refused_when_built(limit: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        FailureThrottle(limit)


def test_a_hundred_thousand_client_ips_take_bounded_memory() -> None:
    async def attack(throttle: FailureThrottle, addresses: range) -> None:
        for n in addresses:
            if n % 50 == 0:
                await asyncio.sleep(0)  # as a server does between requests
            await throttle.count(f"10.{n >> 16}.{n >> 8 & 255}.{n & 255}")

    async def measured() -> int:
        throttle = FailureThrottle("5/minute")
        await attack(throttle, range(80_000))
        tracemalloc.start()
        try:
            await attack(throttle, range(80_000, 100_000))
            grown = tracemalloc.get_traced_memory()[0]
        finally:
            tracemalloc.stop()
        assert isinstance(throttle.counts, Window)
        assert len(throttle.counts) == MAX_ADDRESSES
        return grown

    # The last 10,000 of them are kept, at some 220 bytes each; the 10,000 before would have doubled that.
    assert asyncio.run(measured()) < 3_000_000


async def test_past_the_limit_the_log_stays_quiet(caplog: pytest.LogCaptureFixture) -> None:
    async with world(limit="5/minute") as w:
        caplog.clear()
        for _ in range(500):
            await w.outcome(forged(w))
        assert len(caplog.records) == 5
        assert Counter(throttled for _, _, throttled in w.events.refusals) == {False: 5, True: 495}


@pytest.mark.parametrize(
    ("text", "amount", "seconds"),
    [("5/minute", 5, 60), ("20 per 2 hours", 20, 7200), ("1/10 second", 1, 10), (" 3/DAY ", 3, 86_400)],
)
def test_a_limit_is_read_as_people_write_it(text: str, amount: int, seconds: int) -> None:
    assert Limit.parse(text) == Limit(amount, seconds)


async def test_an_expired_token_before_any_key_set_counts_for_no_throttle() -> None:
    async with world(limit="1/minute", started=False) as w:
        assert [await w.outcome(w.issuer.expired_token()) for _ in range(5)] == ["expired"] * 5
        assert w.issuer.fetches == 0, "and it costs no fetch"
        await w.source.refresh()
        assert await w.outcome(w.issuer.token("a", header={"kid": "made-up"}, expires_in=-1)) == "expired"
        assert await w.outcome(w.issuer.token("a", header={"kid": "made-up"}, expires_in=-1)) == "too_many_failures"
