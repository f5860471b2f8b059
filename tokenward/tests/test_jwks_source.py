"""The key source over time: fetches, waiters, outages and floods."""

from __future__ import annotations

import asyncio
import itertools
import random
from collections import Counter

import httpx
import pytest

from tokenward import InvalidToken, JwksSource, KeysUnavailable, Reason, Tokenward
from tokenward.jwks import BACKOFF, MAX_WAITING, REFRESH_AT
from tokenward.testing.clock import FakeClock, settle
from tokenward.testing.issuer import Answer, Issuer
from tokenward.testing.keys import SigningKey, spare_key
from world import World, bearer, gathered, must_not_hang, world

DOWN = Answer(error=httpx.ConnectError("refused"))


def made_up(issuer: Issuer, kid: str) -> str:
    """A token that passes every cheap check and names a key nobody has."""
    return issuer.token(header={"kid": kid})


# Single flight


@pytest.mark.parametrize("started", [True, False], ids=["with the background refresh", "on demand alone"])
async def test_a_thousand_requests_on_a_cold_start_make_one_fetch(started: bool) -> None:
    async with world(started=False) as w:
        gate = asyncio.Event()
        w.issuer.always = Answer(gate=gate)
        tokens = [w.issuer.token(f"person-{n}") for n in range(1000)]
        if started:
            await w.authenticator.start()
        asking = asyncio.gather(*(w.ask(token) for token in tokens))
        await settle()
        assert not asking.done()
        gate.set()
        identities = await asking
        assert [identity.subject for identity in identities] == [f"person-{n}" for n in range(1000)]
        assert w.issuer.fetches == 1


async def test_a_thousand_requests_for_a_key_that_just_appeared_make_one_fetch() -> None:
    async with world() as w:
        await w.clock.advance(10)
        w.issuer.rotate()
        assert set(await gathered(*(w.outcome(w.issuer.token(f"p{n}")) for n in range(1000)))) == {
            f"ok:p{n}" for n in range(1000)
        }
        assert w.issuer.fetches == 2


async def test_a_cancelled_waiter_does_not_cancel_the_fetch_that_others_wait_for() -> None:
    async with world(started=False) as w:
        gate = asyncio.Event()
        w.issuer.always = Answer(gate=gate)
        first = asyncio.create_task(w.ask(w.issuer.token("first")))
        await settle()
        second = asyncio.create_task(w.ask(w.issuer.token("second")))
        await settle()
        first.cancel()
        await settle()
        assert first.cancelled()
        gate.set()
        assert (await second).subject == "second"
        assert w.issuer.fetches == 1


async def test_when_every_waiter_is_cancelled_the_fetch_still_brings_the_keys() -> None:
    async with world(started=False) as w:
        gate = asyncio.Event()
        w.issuer.always = Answer(gate=gate)
        waiters = [asyncio.create_task(w.ask(w.issuer.token(f"p{n}"))) for n in range(10)]
        await settle()
        for waiter in waiters:
            waiter.cancel()
        await gathered(*(asyncio.wait_for(waiter, None) for waiter in waiters))
        gate.set()
        await settle()
        assert w.at_once(w.issuer.token("later")).subject == "later"
        assert w.issuer.fetches == 1
        assert w.source._waiting == 0


async def test_a_request_arriving_as_a_fetch_ends_does_not_stop_the_event_loop() -> None:
    # Between the end of the fetch and the moment its waiters hear of it, a request runs that brings another unknown
    # kid: it must not spin on the finished fetch.
    w = World()
    late: list[asyncio.Task[str]] = []

    async def respond(request: httpx.Request) -> httpx.Response:
        response = await w.issuer.respond(request)
        w.clock.now += 0.25
        if not late:
            late.append(asyncio.create_task(w.outcome(made_up(w.issuer, "made-up"))))
        return response

    async with httpx.AsyncClient(transport=httpx.MockTransport(respond)) as http:
        w.source.fetcher.http = http
        with must_not_hang():
            assert await w.outcome(w.issuer.token("alice")) == "ok:alice"
            await w.clock.advance(5)
            assert await late[0] == "unknown_key"
        assert w.issuer.fetches == 2
        await w.authenticator.close()


async def test_a_slow_old_answer_never_overwrites_a_newer_set() -> None:
    async with world() as w:
        await w.clock.advance(10)
        old = w.issuer.jwks()
        gate = asyncio.Event()
        w.issuer.script.append(Answer(body=old, gate=gate))
        stuck = asyncio.create_task(w.outcome(made_up(w.issuer, "made-up")))  # starts the slow fetch
        await settle()
        assert w.issuer.fetches == 2
        new = w.issuer.rotate()
        fresh = asyncio.create_task(w.outcome(w.issuer.token("alice")))  # joins it, and the answer predates its key
        await w.clock.advance(2)
        assert w.issuer.fetches == 2, "a second fetch beside the slow one could be overtaken by it"
        gate.set()
        await w.clock.advance(2)
        assert await stuck == "unknown_key"
        assert await fresh == "ok:alice"
        assert w.source.known(new.kid) is not None
        await w.clock.advance(5)
        assert w.source.known(new.kid) is not None
        assert w.issuer.fetches == 3


# A flood of made-up key ids


async def test_a_thousand_made_up_kids_cause_at_most_one_fetch_a_second_and_known_keys_never_wait() -> None:
    async with world() as w:
        await w.clock.advance(5)
        flood: list[asyncio.Task[str]] = []
        known = 0
        for tick in range(100):  # ten seconds
            flood += [asyncio.create_task(w.outcome(made_up(w.issuer, f"made-up-{tick}-{n}"))) for n in range(10)]
            await w.clock.advance(0.1)
            assert w.at_once(w.issuer.token(f"known-{tick}")).subject == f"known-{tick}"
            known += 1
        await w.clock.advance(3)
        outcomes = Counter(await asyncio.gather(*flood))
        assert outcomes == {"unknown_key": 1000}
        assert known == 100
        starts = w.fetch_times
        assert all(later - earlier >= 1 for earlier, later in itertools.pairwise(starts)), starts
        assert 2 <= len(starts) <= 13, starts


async def test_a_flood_while_the_issuer_is_down_does_not_fetch_more_often_than_the_backoff() -> None:
    async with world() as w:
        await w.clock.advance(5)
        w.issuer.always = DOWN
        before = len(w.fetch_times)
        outcomes: Counter[str] = Counter()
        for n in range(600):  # a minute
            outcomes[await asyncio.wait_for(w.outcome(made_up(w.issuer, f"made-up-{n}")), 5)] += 1
            assert w.at_once(w.issuer.token(f"known-{n}")).subject == f"known-{n}"
            await w.clock.advance(0.1)
        assert outcomes == {"unavailable": 600}
        starts = [round(time - w.fetch_times[before], 1) for time in w.fetch_times[before:]]
        assert starts == [0, 1, 3, 8, 18, 48]


async def test_the_minimum_interval_counts_from_the_start_of_a_fetch_also_after_failures() -> None:
    async with world() as w:
        await w.clock.advance(5)
        w.issuer.script.append(DOWN)
        assert await w.outcome(made_up(w.issuer, "one")) == "unavailable"
        assert await w.outcome(made_up(w.issuer, "two")) == "unavailable"
        assert len(w.fetch_times) == 2  # the first one of all, and one for the two
        await w.clock.advance(1)
        assert await w.outcome(made_up(w.issuer, "three")) == "unknown_key"
        assert len(w.fetch_times) == 3


async def test_the_fetch_is_stamped_before_it_is_made_so_a_slow_one_does_not_add_to_the_wait() -> None:
    async with world() as w:
        await w.clock.advance(5)
        gate = asyncio.Event()
        w.issuer.script.append(Answer(gate=gate))
        first = asyncio.create_task(w.outcome(made_up(w.issuer, "one")))
        await w.clock.advance(2)  # longer than the interval
        gate.set()
        await settle()
        assert await first == "unknown_key"
        second = asyncio.create_task(w.outcome(made_up(w.issuer, "two")))
        await settle()
        assert len(w.fetch_times) == 3, "the second had no need to wait for another second"
        assert await second == "unknown_key"


async def test_the_number_of_waiting_requests_is_bounded_and_others_get_retry_after() -> None:
    async with world() as w:
        await w.clock.advance(5)
        gate = asyncio.Event()
        w.issuer.always = Answer(gate=gate)
        token = w.issuer.token(header={"kid": "made-up"})
        waiting = [asyncio.create_task(w.outcome(token)) for _ in range(MAX_WAITING)]
        await settle()
        assert not any(task.done() for task in waiting)
        with pytest.raises(KeysUnavailable) as refused:
            w.at_once(token)
        assert refused.value.retry_after >= 1
        assert w.at_once(w.issuer.token("known")).subject == "known"
        gate.set()
        await settle()
        assert Counter(await asyncio.gather(*waiting)) == {"unknown_key": MAX_WAITING}
        assert w.source._waiting == 0
        assert len(w.fetch_times) == 2


@pytest.mark.parametrize(
    ("name", "token"),
    [
        ("the shape", lambda i: "a.b"),
        ("the algorithm", lambda i: i.token(header={"alg": "HS256", "kid": "made-up"})),
        ("the issuer", lambda i: i.token(header={"kid": "made-up"}, iss="https://elsewhere.example")),
        ("the audience", lambda i: i.token(header={"kid": "made-up"}, aud="https://elsewhere.example")),
        ("the expiry", lambda i: i.token(header={"kid": "made-up"}, iat=1, exp=2)),
        ("the kid's syntax", lambda i: i.token(header={"kid": "made\nup"})),
        ("the kid's length", lambda i: i.token(header={"kid": "k" * 257})),
        ("the type", lambda i: i.token(header={"kid": "made-up", "typ": "dpop+jwt"})),
        ("the subject", lambda i: i.token("", header={"kid": "made-up"})),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
async def test_checks_without_a_key_come_before_the_key_look_up(name: str, token: object) -> None:
    async with world() as w:
        await w.clock.advance(5)
        with pytest.raises(InvalidToken):
            w.at_once(token(w.issuer))  # type: ignore[operator]  # a function of the issuer
        assert w.issuer.fetches == 1, name


# Rotation


async def test_a_rotation_right_after_a_fetch_refuses_no_token_and_delays_none_by_more_than_a_second() -> None:
    async with world() as w:
        await w.clock.advance(10)
        assert await w.outcome(made_up(w.issuer, "made-up")) == "unknown_key"  # spends the fetch
        w.issuer.rotate()
        began = w.clock.monotonic()
        asking = asyncio.create_task(w.outcome(w.issuer.token("alice")))
        await settle()
        assert not asking.done()
        await w.clock.advance(1)
        assert asking.done()
        assert await asking == "ok:alice"
        assert w.fetch_times[-1] - began <= 1


async def test_rotations_under_traffic_and_under_attack_refuse_no_valid_token() -> None:
    async with world() as w:
        rng = random.Random(7)
        asked: list[asyncio.Task[str]] = []
        attack: list[asyncio.Task[str]] = []
        waits: list[float] = []

        async def timed(token: str) -> str:
            began = w.clock.monotonic()
            outcome = await w.outcome(token)
            waits.append(w.clock.monotonic() - began)
            return outcome

        older = w.issuer.signer
        for second in range(120):
            if second % 5 == 2:
                older = w.issuer.signer
                w.issuer.rotate()
            for _ in range(5):
                who = rng.choice([w.issuer.signer, older])
                asked.append(asyncio.create_task(timed(w.issuer.token("alice", key=who))))
                attack.append(asyncio.create_task(w.outcome(made_up(w.issuer, f"made-up-{rng.random()}"))))
                await w.clock.advance(0.2)
        await w.clock.advance(3)
        outcomes = Counter(await asyncio.gather(*asked))
        assert outcomes == {"ok:alice": 600}
        assert Counter(await asyncio.gather(*attack)) == {"unknown_key": 600}
        assert max(waits) <= 1.01
        starts = w.fetch_times
        assert all(later - earlier >= 1 for earlier, later in itertools.pairwise(starts))


async def test_a_removed_key_is_refused_within_one_refresh_also_for_cached_tokens() -> None:
    async with world() as w:
        removed = w.issuer.signer
        w.issuer.rotate()
        await w.clock.advance(10)
        token = w.issuer.token("alice", key=removed)
        w.at_once(token)
        w.at_once(token)
        assert w.events.counts["cached"] == 1
        w.issuer.remove(removed.kid)
        w.at_once(token)  # nothing knows yet
        await w.clock.advance(REFRESH_AT * 300)
        assert w.source.known(removed.kid) is None
        asking = asyncio.create_task(w.outcome(token))
        await w.clock.advance(1)
        assert await asking == "unknown_key"
        assert w.at_once(w.issuer.token("bob")).subject == "bob"


async def test_a_key_that_is_replaced_under_the_same_kid_no_longer_answers_for_old_tokens() -> None:
    async with world() as w:
        old = w.issuer.signer
        token = w.issuer.token("alice")
        w.at_once(token)
        w.issuer.keys = []
        w.issuer.rotate(key=SigningKey.new("EdDSA", old.kid))
        await w.clock.advance(REFRESH_AT * 300)
        with pytest.raises(InvalidToken) as refused:
            w.at_once(token)
        assert refused.value.reason is Reason.SIGNATURE
        assert w.at_once(w.issuer.token("alice")).subject == "alice"


async def test_a_day_of_rotations_every_15_minutes_refuses_no_valid_token() -> None:
    async with world() as w:
        outcomes: Counter[str] = Counter()
        for _quarter in range(96):
            outcomes[await w.outcome(w.issuer.token("alice"))] += 1
            w.issuer.rotate()
            if len(w.issuer.keys) > 8:  # the grace period ends for the oldest
                w.issuer.remove(w.issuer.keys[0].kid)
            asking = asyncio.create_task(w.outcome(w.issuer.token("bob")))
            await w.clock.advance(1)
            outcomes[await asking] += 1
            for key in w.issuer.keys:
                outcomes[await w.outcome(w.issuer.token("carol", key=key))] += 1
            await w.clock.advance(15 * 60 - 1)
        refused = {name: count for name, count in outcomes.items() if not name.startswith("ok:")}
        assert refused == {}
        assert sum(outcomes.values()) > 900
        assert len(w.source.keys or ()) == 8
        # 96 on demand, and refreshes at 70-80 % of 300 s; nothing else.
        assert 96 + 86_400 / 240 - 96 <= w.issuer.fetches <= 96 + 86_400 / 210 + 1


# Refreshing ahead


async def test_a_set_is_refreshed_ahead_at_about_eighty_percent_of_its_life_and_never_at_the_same_moment() -> None:
    ahead = []
    for _ in range(40):
        async with world() as w:
            await w.clock.advance(299)
            ahead.append(w.fetch_times[1] - w.fetch_times[0])
    assert min(ahead) >= 0.7 * 300
    assert max(ahead) <= 0.8 * 300
    assert len({round(seconds, 3) for seconds in ahead}) > 30, "no jitter"


async def test_a_known_key_never_waits_while_the_issuer_answers() -> None:
    async with world() as w:
        for n in range(2000):
            assert w.at_once(w.issuer.token(f"p{n}")).subject == f"p{n}"
            assert w.source.fresh
            await w.clock.advance(1)
        assert w.issuer.fetches <= 1 + 2000 / 210


async def test_a_known_key_does_not_wait_while_a_slow_refresh_is_under_way() -> None:
    async with world() as w:
        gate = asyncio.Event()
        w.issuer.always = Answer(gate=gate)
        await w.clock.advance(250)
        assert w.issuer.fetches == 2
        for n in range(100):
            assert w.at_once(w.issuer.token(f"p{n}")).subject == f"p{n}"
        gate.set()
        await settle()


async def test_without_a_background_refresh_the_set_is_still_refreshed_once_it_is_due() -> None:
    # Somebody forgot to call start(): a removed key must not live on for ttl + max_stale because of that.
    async with world(started=False) as w:
        removed = w.issuer.signer
        token = w.issuer.token("alice")
        assert await w.outcome(token) == "ok:alice"
        w.issuer.rotate()
        w.issuer.remove(removed.kid)
        await w.clock.advance(REFRESH_AT * 300)
        w.at_once(token)  # does not wait, but sets the refresh going
        await settle()
        assert w.issuer.fetches == 2
        asking = asyncio.create_task(w.outcome(token))
        await w.clock.advance(1)
        assert await asking == "unknown_key"


# Cache-Control, ETag


@pytest.mark.parametrize(
    ("cache_control", "life"),
    [
        ("max-age=600", 600),
        ("public, max-age=600, must-revalidate", 600),
        ("Max-Age=600", 600),
        ('max-age="600"', 600),
        ("max-age=0", 60),
        ("max-age=59", 60),
        ("max-age=86401", 86_400),
        ("max-age=99999999999999999999", 86_400),
        ("max-age=-5", 300),
        ("max-age=soon", 300),
        ("s-maxage=600", 300),
        ("no-store", 300),
        ("", 300),
    ],
)
async def test_max_age_is_honoured_between_a_minute_and_a_day(cache_control: str, life: int) -> None:
    issuer = Issuer()
    issuer.always = Answer(headers={"cache-control": cache_control})
    async with world(issuer=issuer) as w:
        issuer.always = DOWN
        await w.clock.advance(life * 0.7 - 1)
        assert w.issuer.fetches == 1
        await w.clock.advance(life * 0.3)
        assert w.issuer.fetches >= 2
        assert w.source.fresh
        await w.clock.advance(2)
        assert not w.source.fresh
        assert w.source.keys is not None


async def test_an_etag_is_sent_back_and_304_keeps_the_keys_fresh_for_another_life() -> None:
    issuer = Issuer()
    issuer.always = Answer(headers={"etag": '"one"', "cache-control": "max-age=100"})
    async with world(issuer=issuer) as w:
        key = w.source.known(issuer.signer.kid)
        assert "if-none-match" not in w.requests[0].headers
        issuer.always = Answer(status=304, body=b"", headers={"cache-control": "max-age=100"})
        for _ in range(50):
            await w.clock.advance(20)
            assert w.source.fresh
        assert w.source.known(issuer.signer.kid) is key, "an unchanged key is the same object"
        assert w.issuer.fetches >= 10
        assert {request.headers["if-none-match"] for request in w.requests[1:]} == {'"one"'}
        assert {outcome for outcome, _ in w.events.fetches[1:]} == {"unchanged"}


async def test_304_to_a_question_that_was_not_conditional_is_a_failed_refresh() -> None:
    issuer = Issuer()
    issuer.always = Answer(status=304, body=b"")
    async with world(issuer=issuer) as w:
        assert w.source.keys is None
        assert await w.outcome(issuer.token("alice")) == "unavailable"


@pytest.mark.parametrize("etag", ['"caf\xe9"', '"' + "x" * 70_000 + '"', "not quoted", '"a"\t"b"', '"\x01"'])
async def test_an_etag_that_cannot_be_sent_back_does_not_end_refreshing(etag: str) -> None:
    issuer = Issuer()

    async def respond(request: httpx.Request) -> httpx.Response:
        issuer.fetches += 1
        if sum(len(value) for _, value in request.headers.raw) > 8000:
            return httpx.Response(431)
        return httpx.Response(200, headers=[(b"etag", etag.encode("latin-1"))], json=issuer.jwks())

    w = World(issuer=issuer)
    async with httpx.AsyncClient(transport=httpx.MockTransport(respond)) as http:
        w.source.fetcher.http = http
        await w.source.start()
        await w.clock.advance(0)
        for _ in range(20):
            await w.clock.advance(240)
            assert w.source.fresh
        assert "failed" not in {outcome for outcome, _ in w.events.fetches}, "it was sent back all the same"
        await w.source.close()


async def test_after_a_failed_conditional_refresh_the_whole_set_is_asked_for() -> None:
    # An issuer that loses track of its own validators (or a proxy that does) must not be asked the same way for ever.
    issuer = Issuer()

    async def respond(request: httpx.Request) -> httpx.Response:
        issuer.fetches += 1
        if "if-none-match" in request.headers:
            return httpx.Response(500)
        return httpx.Response(200, headers={"etag": '"one"'}, json=issuer.jwks())

    w = World(issuer=issuer)
    async with httpx.AsyncClient(transport=httpx.MockTransport(respond)) as http:
        w.source.fetcher.http = http
        await w.source.start()
        for _ in range(30):
            await w.clock.advance(120)
            assert w.source.fresh
        await w.source.close()


# Outage


async def test_known_keys_are_served_until_max_stale_and_then_the_answer_is_keys_unavailable() -> None:
    async with world(ttl=300, max_stale=3600) as w:
        w.issuer.always = DOWN
        served = 0
        for _ in range(389):
            await w.clock.advance(10)
            assert w.at_once(w.issuer.token("alice", iat=1_799_999_900)).subject == "alice"
            served += 1
        assert served == 389
        await w.clock.advance(9.9)
        assert not w.source.fresh
        token = w.issuer.token("alice")
        w.at_once(token)
        w.at_once(token)
        await w.clock.advance(0.2)
        assert w.source.keys is None
        with pytest.raises(KeysUnavailable) as refused:
            w.at_once(token)  # not even out of the token cache
        assert 1 <= refused.value.retry_after <= 30
        assert refused.value.status == 503
        w.issuer.always = Answer()
        await w.clock.advance(30)
        assert w.at_once(token).subject == "alice"


@pytest.mark.parametrize("after", [10, 400, 3800], ids=["fresh", "stale", "nearly unusable"])
async def test_an_unknown_kid_while_the_issuer_is_down_is_503_and_not_a_bad_token(after: int) -> None:
    async with world() as w:
        w.issuer.always = DOWN
        await w.clock.advance(after)
        w.issuer.rotate()
        outcome = await asyncio.wait_for(w.outcome(w.issuer.token("alice")), 5)
        assert outcome == "unavailable"


async def test_starting_while_the_issuer_is_down_is_no_failure_and_it_recovers_by_itself() -> None:
    issuer = Issuer()
    issuer.always = DOWN
    async with world(issuer=issuer) as w:
        assert await w.outcome(issuer.token("alice")) == "unavailable"
        await w.clock.advance(20)
        assert w.source.keys is None
        issuer.always = Answer()
        await w.clock.advance(30)  # nobody asks; the longest backoff passes
        assert w.at_once(issuer.token("alice")).subject == "alice"


async def test_after_failures_the_pauses_grow_1_2_5_10_30_and_start_again_after_a_success() -> None:
    issuer = Issuer()
    issuer.always = DOWN
    async with world(issuer=issuer) as w:
        await w.clock.advance(120)
        starts = w.fetch_times
        pauses = [later - earlier for earlier, later in itertools.pairwise(starts)]
        assert pauses[:7] == pytest.approx([*BACKOFF, 30, 30][:7])
        issuer.always = Answer()
        await w.clock.advance(30)
        assert w.source.fresh
        count = len(w.fetch_times)
        issuer.always = DOWN
        await w.clock.advance(245)
        again = w.fetch_times[count:]
        assert [round(b - a, 6) for a, b in itertools.pairwise(again)][:3] == [1, 2, 5]


@pytest.mark.parametrize(
    ("retry_after", "pause"), [("7", 7), ("9999", 30), ("0", 1), ("soon", 1), ("-3", 1), ("1e9", 1), ("٣", 1)]
)
async def test_a_429_is_obeyed_up_to_thirty_seconds(retry_after: str, pause: int) -> None:
    issuer = Issuer()
    issuer.script.append(Answer(status=429, headers={"retry-after": retry_after} if retry_after.isascii() else {}))
    async with world(issuer=issuer) as w:
        with pytest.raises(KeysUnavailable) as refused:
            await w.ask(issuer.token("alice"))
        assert refused.value.retry_after == pause
        await w.clock.advance(pause - 0.1)
        assert issuer.fetches == 1
        await w.clock.advance(0.2)
        assert issuer.fetches == 2
        assert w.at_once(issuer.token("alice")).subject == "alice"


async def test_every_failure_of_a_waiter_has_retry_after() -> None:
    issuer = Issuer()
    issuer.always = DOWN
    async with world(issuer=issuer) as w:
        for _ in range(200):
            with pytest.raises(KeysUnavailable) as refused:
                await asyncio.wait_for(w.ask(issuer.token("alice")), 5)
            assert refused.value.retry_after >= 1
            assert refused.value.headers == {"Retry-After": str(refused.value.retry_after)}
            await w.clock.advance(0.37)


# The end


async def test_a_request_that_waits_while_the_service_stops_is_answered_and_not_cancelled() -> None:
    w = World()
    gate = asyncio.Event()
    w.issuer.always = Answer(gate=gate)
    await w.authenticator.start()
    waiting = asyncio.create_task(w.outcome(w.issuer.token("alice")))
    await settle()
    await w.authenticator.close()
    await settle()
    assert waiting.done()
    assert await waiting == "unavailable"
    await w.http.aclose()


async def test_closing_twice_or_without_having_started_does_nothing() -> None:
    w = World()
    await w.authenticator.close()
    await w.authenticator.start()
    await settle()
    await w.authenticator.close()
    await w.authenticator.close()
    await w.http.aclose()


async def test_closing_leaves_no_task_behind() -> None:
    before = asyncio.all_tasks()
    async with world() as w:
        await w.clock.advance(10)
    await settle()
    assert asyncio.all_tasks() == before


async def test_an_observer_that_raises_neither_stops_refreshing_nor_refuses_a_token() -> None:
    async with world() as w:

        def fail(**_: object) -> None:
            raise RuntimeError("the metrics are down")

        w.events.fetched = fail  # type: ignore[method-assign]  # an observer as bad as can be
        for _ in range(10):
            await w.clock.advance(240)
            assert w.source.fresh
        w.issuer.rotate()
        asking = asyncio.create_task(w.outcome(w.issuer.token("alice")))
        await w.clock.advance(1)
        assert await asking == "ok:alice"


async def test_a_stopped_or_jumping_wall_clock_does_not_touch_the_keys() -> None:
    async with world() as w:
        for jump in (-86_400, 86_400 * 3, -1_000_000):
            w.clock.jump(jump)
            assert w.source.fresh
            assert w.at_once(w.issuer.token("alice")).subject == "alice"
            await w.clock.advance(60)
        assert w.issuer.fetches <= 2


async def test_the_fetch_carries_nothing_but_the_question() -> None:
    async with world() as w:
        request = w.requests[0]
        assert request.method == "GET"
        assert str(request.url) == w.issuer.jwks_url
        assert "authorization" not in request.headers
        assert "cookie" not in request.headers
        assert "json" in request.headers["accept"]


async def test_two_sources_do_not_share_anything() -> None:
    a, b = Issuer(), Issuer()
    async with world(issuer=a) as one, world(issuer=b) as two:
        assert await one.outcome(a.token("alice")) == "ok:alice"
        asking = asyncio.create_task(two.outcome(a.token("alice")))
        await two.clock.advance(1)
        assert await asking == "unknown_key"


async def test_observing_a_source_never_fetches() -> None:
    clock = FakeClock()
    issuer = Issuer(clock=clock.wall)
    async with httpx.AsyncClient(transport=issuer.transport()) as http:
        source = JwksSource(issuer.jwks_url, http, clock=clock)
        assert source.keys is None
        assert source.age is None
        assert not source.fresh
        assert source.known("anything") is None
        await settle()
        assert issuer.fetches == 0


async def test_the_age_of_the_keys_counts_from_when_the_issuer_last_confirmed_them() -> None:
    async with world() as w:
        await w.clock.advance(100)
        assert w.source.age == pytest.approx(100)
        await w.clock.advance(139.9)
        w.issuer.always = DOWN
        await w.clock.advance(1000)
        assert w.source.age is not None
        assert w.source.age >= 1000


async def test_rsa_and_elliptic_keys_rotate_in_beside_ed25519() -> None:
    async with world() as w:
        for alg in ("RS256", "PS256", "ES256", "ES384", "ES512", "EdDSA"):
            await w.clock.advance(2)
            w.issuer.rotate(key=spare_key(alg))
            assert await w.outcome(w.issuer.token("alice")) == "ok:alice", alg
        assert len(bearer("x")) == 2


async def test_a_fetch_for_an_unknown_key_bypasses_http_caches() -> None:
    async with world() as w:
        assert "cache-control" not in w.requests[0].headers, "the usual fetch may be answered by a cache"
        await w.clock.advance(10)
        w.issuer.rotate()
        assert await w.outcome(w.issuer.token("alice")) == "ok:alice"
        assert w.requests[1].headers["cache-control"] == "no-cache"
        await w.clock.advance(300)
        assert "cache-control" not in w.requests[-1].headers


def test_a_second_event_loop_works_after_the_first_and_beside_it() -> None:
    issuer = Issuer()
    with issuer.running() as url:
        auth = Tokenward(issuer=issuer.url, audience=issuer.audience, jwks_url=url)

        async def ask() -> str:
            return (await auth.authenticate(bearer(issuer.token("ada")), None)).subject

        async def served() -> str:
            async with auth:
                issuer.rotate()
                await asyncio.sleep(1.05)  # real time: the next fetch is permitted after one second
                return await ask()

        assert asyncio.run(ask()) == "ada", "without a lifespan"
        assert asyncio.run(served()) == "ada", "with one, in another loop"
        assert asyncio.run(ask()) == "ada"


async def test_the_reason_for_an_unavailable_key_set_reaches_the_events() -> None:
    from tokenward.testing import Answer

    async with world(started=False) as w:
        w.issuer.always = Answer(status=403)
        assert await w.outcome(w.issuer.token("alice")) == "unavailable"
        assert w.events.reasons == ["status 403"]
