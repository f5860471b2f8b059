"""Feeds of revocations, valid and hostile."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest

from tokenward import (
    Authenticator,
    AuthError,
    Identity,
    InvalidToken,
    JwksSource,
    RevocationsUnavailable,
    TokenVerifier,
)
from tokenward.fetch import FetchFailed
from tokenward.revocation.feed import MAX_BYTES, FeedFailed, FeedRevocations
from tokenward.testing import ABSENT, FakeClock, Feed, Issuer, SigningKey
from tokenward.testing.feed import reply
from world import bearer


class Reader:
    """An authenticator that follows a feed, on real sockets and in real time."""

    def __init__(self, issuer: Issuer, feed: Feed, url: str, jwks: str, **options: Any) -> None:
        self.issuer, self.feed = issuer, feed
        self.source = JwksSource(jwks)
        self.verifier = TokenVerifier(
            frozenset({issuer.url}), frozenset({issuer.audience}), frozenset({"EdDSA", "Ed25519", "RS256"})
        )
        self.revocations = FeedRevocations(url, self.source, self.verifier, **options)
        self.authenticator = Authenticator(self.source, self.verifier, revocations=self.revocations)

    async def outcome(self, token: str) -> str:
        try:
            return "ok:" + (await self.authenticator.authenticate(bearer(token), None)).subject
        except InvalidToken as refusal:
            return str(refusal.reason)
        except AuthError as refusal:
            return refusal.code

    async def until_asked(self, times: int) -> None:
        async with asyncio.timeout(8):
            while len(self.feed.asked) < times:  # noqa: ASYNC110 - the feed is a server, and knows no event of ours
                await asyncio.sleep(0.02)

    async def until(self, token: str, wanted: str, seconds: float = 5) -> float:
        started = time.monotonic()
        while (seen := await self.outcome(token)) != wanted:
            assert time.monotonic() - started < seconds, f"{seen}, never {wanted}; {self.revocations.problem}"
            await asyncio.sleep(0.005)
        return time.monotonic() - started


@contextlib.asynccontextmanager
async def following(
    *, secret: str | None = None, echo: bool = True, prepare: Callable[[Feed], None] = lambda _: None, **options: Any
) -> AsyncIterator[Reader]:
    issuer = Issuer("https://issuer.example")
    feed = Feed(issuer, secret=secret, echo=echo)
    prepare(feed)
    async with feed.serve() as url, issuer.serve() as jwks:
        reader = Reader(issuer, feed, url.replace("//", f"//feed:{secret}@") if secret else url, jwks, **options)
        await reader.authenticator.start()
        try:
            yield reader
        finally:
            await reader.authenticator.close()


async def test_old_and_new_revocations_are_refused() -> None:
    async with following(prepare=lambda feed: feed.events.append(event("sid", "old"))) as it:
        old, phone, desk = (it.issuer.token("ada", sid=sid) for sid in ("old", "phone", "desk"))
        await it.until(phone, "ok:ada")
        assert await it.outcome(old) == "revoked"
        took = []
        for number in range(20):
            token = it.issuer.token("ada", sid=f"s{number}")
            assert await it.outcome(token) == "ok:ada"
            it.feed.revoke("sid", f"s{number}")
            took.append(await it.until(token, "revoked"))
        assert max(took) < 1
        assert await it.outcome(desk) == "ok:ada", "another session stays signed in"
        it.feed.revoke("sub", "ada")
        await it.until(desk, "revoked")
        assert await it.outcome(it.issuer.token("bob", sid="desk")) == "ok:bob"
        assert await it.outcome(it.issuer.token("ada", iat=int(time.time()) + 2)) == "ok:ada", "signed in anew"
        it.feed.revoke("grant", "bob app")
        await it.until(it.issuer.token("bob", client_id="app"), "revoked")
    assert len(it.feed.asked) < 60
    assert it.feed.asked[0].get("after") is None, "the whole list at the start"


async def test_one_request_waits_at_a_time_on_one_connection() -> None:
    async with following() as it:
        await it.until(it.issuer.token("ada"), "ok:ada")
        await asyncio.sleep(2.5)
        assert it.feed.connections == 1
        assert len(it.feed.asked) <= 5
        assert it.revocations.lag < 2.5
        assert it.revocations.problem is None


async def test_a_feed_with_a_secret_is_given_it_and_it_is_never_shown(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    async with following(secret="s3cret%40of-the-feed", max_lag=2) as it:
        it.feed.secret = "s3cret@of-the-feed"
        await it.until(it.issuer.token("ada"), "ok:ada")
        it.feed.secret = "another"
        await it.until(it.issuer.token("ada"), "revocations_unavailable", 8)
        assert it.revocations.problem == "the feed cannot be followed: status 401"
        assert "s3cret" not in it.revocations.url
    ours = [record.getMessage() for record in caplog.records if record.name.startswith("tokenward")]
    assert ours
    assert not any("s3cret" in line for line in ours)


async def test_a_feed_that_was_never_reached_is_503_and_then_it_is_followed() -> None:
    away = b"HTTP/1.1 503 -\r\ncontent-length: 0\r\nretry-after: 1\r\n\r\n"
    async with following(prepare=lambda feed: feed.script.extend([away] * 3)) as it:  # for more than two seconds
        token = it.issuer.token("ada")
        assert await it.outcome(token) == "revocations_unavailable"
        with pytest.raises(RevocationsUnavailable) as refusal:
            await it.authenticator.authenticate(bearer(token), None)
        assert refusal.value.headers["Retry-After"] == "1"
        await it.until(token, "ok:ada")
        assert len(it.feed.asked) >= 4


def event(kind: Any, value: Any, **changes: Any) -> dict[str, Any]:
    now = int(time.time())
    return {"id": "1", "kind": kind, "value": value, "not_before": now, "expires_at": now + 1500, **changes}


NOT_BELIEVED: dict[str, Callable[[Feed], None]] = {
    "signed by a stranger": lambda feed: feed.script.append(_by_a_stranger(feed)),
    "an access token": lambda feed: feed.header.update(typ="JWT"),
    "without a typ": lambda feed: feed.header.update(typ=ABSENT),
    "a logout token": lambda feed: feed.header.update(typ="logout+jwt"),
    "a set": lambda feed: feed.header.update(typ="secevent+jwt"),
    "alg none": lambda feed: feed.header.update(alg="none"),
    "alg HS256": lambda feed: feed.header.update(alg="HS256"),
    "a crit that nobody understands": lambda feed: feed.header.update(crit=["x"]),
    "unencoded": lambda feed: feed.header.update(b64=False),
    "compressed": lambda feed: feed.header.update(zip="DEF"),
    "without a kid": lambda feed: feed.header.update(kid=ABSENT),
    "another issuer": lambda feed: feed.claims.update(iss="https://other.example"),
    "an issuer with a slash": lambda feed: feed.claims.update(iss="https://issuer.example/"),
    "a list of issuers": lambda feed: feed.claims.update(iss=["https://issuer.example"]),
    "the audience of the tokens": lambda feed: feed.claims.update(aud="https://issuer.example"),
    "no audience": lambda feed: feed.claims.update(aud=ABSENT),
    "another answer's nonce": lambda feed: feed.claims.update(nonce="AAAAAAAAAAAAAAAA"),
    "a nonce that is no string": lambda feed: feed.claims.update(nonce=["x"]),
    "no iat": lambda feed: feed.claims.update(iat=ABSENT),
    "no exp": lambda feed: feed.claims.update(exp=ABSENT),
    "exp before iat": lambda feed: feed.claims.update(iat=int(time.time()), exp=int(time.time()) - 1),
    "iat as text": lambda feed: feed.claims.update(iat=str(int(time.time()))),
    "no next": lambda feed: feed.claims.update(next=ABSENT),
    "an empty next": lambda feed: feed.claims.update(next=""),
    "a next of 10,000 characters": lambda feed: feed.claims.update(next="x" * 10_000),
    "a next with a line end": lambda feed: feed.claims.update(next="1\r\nx: y"),
    "no events": lambda feed: feed.claims.update(events=ABSENT),
    "events that are an object": lambda feed: feed.claims.update(events={"0": event("sid", "x")}),
    "complete as text": lambda feed: feed.claims.update(complete="true"),
    "not the whole list": lambda feed: feed.claims.update(complete=False),
    "an event that is a string": lambda feed: feed.claims.update(events=["x"]),
    "an event without a value": lambda feed: feed.claims.update(events=[{"kind": "sid"}]),
    "an event whose value is a number": lambda feed: feed.claims.update(events=[event("sid", 7)]),
    "an event whose value is a list": lambda feed: feed.claims.update(events=[event("sid", ["x"])]),
    "an event whose value is empty": lambda feed: feed.claims.update(events=[event("sid", "")]),
    "an event whose value is a megabyte": lambda feed: feed.claims.update(events=[event("sid", "x" * 1_000_000)]),
    "an event without times": lambda feed: feed.claims.update(events=[event("sid", "x", expires_at=None)]),
    "an event with a time as text": lambda feed: feed.claims.update(events=[event("sub", "x", not_before="1")]),
    "an event with a time as true": lambda feed: feed.claims.update(events=[event("sub", "x", not_before=True)]),
    "a duplicate member": lambda feed: feed.script.append(reply(_raw(feed, b'{"iss":"a","iss":"b"}'))),
    "not JSON": lambda feed: feed.script.append(reply(_raw(feed, b"nonsense"))),
    "a list": lambda feed: feed.script.append(reply(_raw(feed, b"[]"))),
    "nested 100,000 deep": lambda feed: feed.script.append(reply(_raw(feed, b"[" * 100_000))),
    "no JWS": lambda feed: feed.script.append(reply("nonsense")),
    "not ASCII": lambda feed: feed.script.append(reply("é.é.é")),
    "empty": lambda feed: feed.script.append(reply("")),
    "five segments": lambda feed: feed.script.append(reply("a.b.c.d.e")),
    "201": lambda feed: feed.script.append(reply(feed.signed({}), 201)),
    "206": lambda feed: feed.script.append(reply(feed.signed({}), 206)),
    "500 with a good body": lambda feed: feed.script.append(reply(feed.signed({}), 500)),
    "304": lambda feed: feed.script.append(b"HTTP/1.1 304 -\r\ncontent-length: 0\r\n\r\n"),
    "a redirect": lambda feed: feed.script.append(
        b"HTTP/1.1 302 -\r\nlocation: /api/auth/revocations\r\ncontent-length: 0\r\n\r\n"
    ),
    "more than is announced": lambda feed: feed.script.append(b"HTTP/1.1 200 -\r\ncontent-length: -5\r\n\r\n"),
    "no HTTP": lambda feed: feed.script.append(b"SSH-2.0-OpenSSH_9.2\r\n\r\n"),
}


def _by_a_stranger(feed: Feed) -> bytes:
    stranger = SigningKey.new(kid=feed.issuer.signer.kid)
    header = {**feed.issuer.header(), "typ": "revocations+jwt"}
    return reply(feed.issuer.sign_raw(header, feed.document({}), stranger))


def _raw(feed: Feed, payload: bytes) -> str:
    header = json.dumps({**feed.issuer.header(), "typ": "revocations+jwt"}).encode()
    return feed.issuer.sign_raw(header, payload)


@pytest.mark.parametrize("name", NOT_BELIEVED)
async def test_an_answer_that_cannot_be_believed_counts_for_no_look(name: str) -> None:
    issuer = Issuer("https://issuer.example")
    feed = Feed(issuer)
    NOT_BELIEVED[name](feed)
    async with feed.serve() as url, issuer.serve() as jwks:
        reader = Reader(issuer, feed, url, jwks)
        with pytest.raises(FeedFailed):
            await reader.revocations.read()
        assert len(reader.revocations) == 0
        assert reader.revocations.lag > 1e6
        feed.claims.clear()
        feed.header.clear()
        await reader.revocations.read()
        assert await reader.outcome(issuer.token("ada")) == "ok:ada"


async def test_a_kind_that_is_not_known_is_left_out_and_the_rest_is_taken() -> None:
    def prepare(feed: Feed) -> None:
        feed.events += [event("device", "thing"), event("sid", "phone")]

    async with following(prepare=prepare) as it:
        await it.until(it.issuer.token("ada", sid="phone"), "revoked")
        assert len(it.revocations) == 1


async def test_an_event_from_the_future_revokes_existing_tokens_only() -> None:
    async with following() as it:
        now = int(time.time())
        await it.until(it.issuer.token("ada"), "ok:ada")
        it.feed.revoke("sub", "ada", not_before=now + 365 * 86_400, expires_at=now + 9e9)
        await it.until(it.issuer.token("ada"), "revoked")
        assert await it.outcome(it.issuer.token("ada", iat=int(time.time()) + 3)) == "ok:ada"
        assert await it.outcome(it.issuer.token("bob")) == "ok:bob"


async def test_an_event_is_kept_no_longer_than_a_token_can_live() -> None:
    async with following() as it:
        await it.until(it.issuer.token("ada"), "ok:ada")
        it.feed.revoke("sid", "phone", expires_at=9e14)
        await it.until(it.issuer.token("ada", sid="phone"), "revoked")
        longest = time.time() + it.verifier.max_lifetime + 601
        claims = {"sid": "phone", "iat": int(time.time())}
        found = it.revocations.revoked_by(Identity("ada", it.issuer.url, 0, 0, claims, claims))
        assert found is not None
        assert found.expires_at < longest


async def test_an_expired_event_revokes_nothing_with_any_clock() -> None:
    ago = int(time.time()) - 10
    async with following(prepare=lambda feed: feed.events.append(event("sid", "phone", expires_at=ago))) as it:
        await it.until(it.issuer.token("ada", sid="phone"), "ok:ada")


@pytest.mark.parametrize("minutes", [-5, 5])
async def test_clocks_that_are_five_minutes_apart_change_nothing(minutes: int) -> None:
    issuer = Issuer("https://issuer.example", clock=lambda: time.time() + 60 * minutes)
    feed = Feed(issuer)
    async with feed.serve() as url, issuer.serve() as jwks:
        reader = Reader(issuer, feed, url, jwks)
        reader.verifier = TokenVerifier(
            reader.verifier.issuers, reader.verifier.audiences, reader.verifier.algorithms, leeway=300
        )
        reader.authenticator = Authenticator(reader.source, reader.verifier, revocations=reader.revocations)
        await reader.authenticator.start()
        phone, old = issuer.token("ada", sid="phone"), issuer.token("ada", sid="desk")
        await reader.until(phone, "ok:ada")
        feed.revoke("sid", "phone")
        assert await reader.until(phone, "revoked") < 1
        assert await reader.outcome(old) == "ok:ada"
        feed.revoke("sub", "ada")
        assert await reader.until(old, "revoked") < 1
        if minutes < 0:  # one second later by the issuer's clock
            assert await reader.outcome(issuer.token("ada", iat=int(issuer.clock()) + 2)) == "ok:ada"
        await reader.authenticator.close()


async def test_the_tokens_of_another_issuer_with_the_same_names_are_not_meant() -> None:
    async with following() as it:
        other = Issuer("https://other.example")
        async with other.serve() as jwks:
            source = JwksSource(jwks)
            verifier = TokenVerifier(frozenset({other.url}), frozenset({other.audience}), frozenset({"EdDSA"}))
            both = Authenticator(it.source, it.verifier, revocations=it.revocations, others=[(source, verifier)])
            await it.until(it.issuer.token("ada"), "ok:ada")
            it.feed.revoke("sub", "ada")
            it.feed.revoke("sid", "phone")
            await it.until(it.issuer.token("ada"), "revoked")
            it.authenticator = both
            await it.until(it.issuer.token("eve", sid="phone"), "revoked")
            assert await it.outcome(other.token("ada", sid="phone")) == "ok:ada"


async def test_a_feed_that_loses_its_events_brings_no_token_back_to_life() -> None:
    async with following() as it:
        phone = it.issuer.token("ada", sid="phone")
        await it.until(phone, "ok:ada")
        it.feed.revoke("sid", "phone")
        await it.until(phone, "revoked")
        it.feed.events.clear()  # restored from a backup, say: cursor 1 is not known any more
        it.feed.wake()
        asked = len(it.feed.asked)
        while len(it.feed.asked) < asked + 3:
            await asyncio.sleep(0.02)
            assert await it.outcome(phone) == "revoked"
        tablet = it.issuer.token("ada", sid="tablet")
        it.feed.revoke("sid", "tablet")
        await it.until(tablet, "revoked")
        assert await it.outcome(phone) == "revoked"


async def test_a_cursor_that_goes_back_is_not_followed_and_everything_is_read_anew() -> None:
    async with following() as it:
        await it.until(it.issuer.token("ada"), "ok:ada")
        for sid in ("one", "two"):
            it.feed.revoke("sid", sid)
            await it.until(it.issuer.token("ada", sid=sid), "revoked")
        it.feed.claims = {"next": "0", "complete": False, "events": []}
        it.feed.wake()
        asked = len(it.feed.asked)
        await it.until_asked(asked + 3)
        it.feed.claims = {}
        after = [query.get("after") for query in it.feed.asked[asked:]]
        assert "0" not in after, after
        assert None in after
        it.feed.revoke("sid", "three")
        await it.until(it.issuer.token("ada", sid="three"), "revoked")
        assert await it.outcome(it.issuer.token("ada", sid="one")) == "revoked"


async def test_a_replayed_answer_of_a_feed_is_refused_and_tokens_soon_get_503() -> None:
    async with following(max_lag=2) as it:
        await it.until(it.issuer.token("ada"), "ok:ada")
        old = reply(it.feed.signed({"after": "0", "nonce": it.feed.asked[-1]["nonce"]}))
        it.feed.script.extend([old] * 1000)
        await it.until(it.issuer.token("ada"), "revocations_unavailable", 9)
        assert "another question" in str(it.revocations.problem)
        it.feed.script.clear()
        await it.until(it.issuer.token("ada"), "ok:ada")


async def test_a_feed_that_once_repeated_the_nonce_has_to_go_on_with_it() -> None:
    async with following(max_lag=2) as it:
        await it.until(it.issuer.token("ada"), "ok:ada")
        it.feed.echo = False
        await it.until(it.issuer.token("ada"), "revocations_unavailable", 9)


async def test_without_a_nonce_an_old_answer_is_detected_by_its_age() -> None:
    async with following(echo=False, max_lag=2) as it:
        await it.until(it.issuer.token("ada"), "ok:ada")
        it.feed.script.extend([reply(it.feed.signed({"after": "0"}))] * 1000)
        assert await it.until(it.issuer.token("ada"), "revocations_unavailable", 15) < 14
        assert "issued some time ago" in str(it.revocations.problem)


@pytest.mark.parametrize("off", [-200, 100])
async def test_without_a_nonce_the_clocks_must_agree(off: int) -> None:
    issuer = Issuer("https://issuer.example", clock=lambda: time.time() + off)
    feed = Feed(issuer, echo=False)
    async with feed.serve() as url, issuer.serve() as jwks:
        with pytest.raises(FeedFailed, match="too old, or from the future"):
            await Reader(issuer, feed, url, jwks).revocations.read()


async def test_a_flood_is_bounded_and_fails_closed_instead_of_forgetting() -> None:
    async with following(max_entries=1000, max_lag=2) as it:
        phone = it.issuer.token("ada", sid="s0")
        await it.until(phone, "ok:ada")
        for number in range(3000):
            it.feed.events.append(event("sid", f"s{number}"))
        it.feed.wake()
        await it.until(phone, "revoked")
        await it.until(phone, "revocations_unavailable", 9)
        assert len(it.revocations) == 1000
        assert it.revocations.problem == "the feed cannot be followed: more than 1000 revocations"


async def test_a_hundred_thousand_events_in_one_answer_are_taken_and_others_run_meanwhile() -> None:
    async with following() as it:
        last = it.issuer.token("ada", sid="s99999")
        await it.until(last, "ok:ada")
        now = int(time.time())
        it.feed.events += [
            {"id": str(n), "kind": "sid", "value": f"s{n}", "not_before": now, "expires_at": now + 1500}
            for n in range(100_000)
        ]
        body = reply(it.feed.signed({"after": "0", "nonce": "N" * 16}))
        assert 10_000_000 < len(body) < MAX_BYTES
        it.feed.wake()
        await it.until(last, "revoked", 60)
        assert len(it.revocations) == 100_000


Misbehave = Callable[[dict[str, str], asyncio.StreamWriter], Awaitable[None]]


async def _silent(_query: dict[str, str], _writer: asyncio.StreamWriter) -> None:
    await asyncio.sleep(60)


async def _slow(_query: dict[str, str], writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 -\r\ncontent-length: 1000000\r\n\r\n")
    while True:
        writer.write(b"x")
        await writer.drain()
        await asyncio.sleep(0.1)


async def _endless(_query: dict[str, str], writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 -\r\ntransfer-encoding: chunked\r\n\r\n")
    while True:
        writer.write(b"10000\r\n" + b"x" * 65536 + b"\r\n")
        await writer.drain()


async def _reset(_query: dict[str, str], writer: asyncio.StreamWriter) -> None:
    writer.transport.abort()


async def _half(_query: dict[str, str], writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 -\r\ncontent-length: 500\r\n\r\nabc")
    writer.transport.close()


@pytest.mark.parametrize("misbehave", [_silent, _slow, _endless, _reset, _half])
async def test_a_server_that_misbehaves_once_costs_no_revocation_and_no_request(misbehave: Misbehave) -> None:
    async with following() as it:
        phone, desk = it.issuer.token("ada", sid="phone"), it.issuer.token("ada", sid="desk")
        await it.until(desk, "ok:ada")
        it.feed.script.append(misbehave)
        it.feed.wake()
        while it.feed.script:
            assert await it.outcome(desk) == "ok:ada"
            await asyncio.sleep(0.01)
        it.feed.revoke("sid", "phone")
        deadline = time.monotonic() + 4.5
        while await it.outcome(phone) != "revoked":
            assert await it.outcome(desk) == "ok:ada", "one dead connection is no reason for 503"
            assert time.monotonic() < deadline
            await asyncio.sleep(0.01)


@pytest.mark.parametrize("misbehave", [_silent, _endless, _reset])
async def test_a_server_that_misbehaves_always_is_503_within_the_bound_and_asked_with_pauses(
    misbehave: Misbehave,
) -> None:
    async with following(max_lag=2) as it:
        token = it.issuer.token("ada")
        await it.until(token, "ok:ada")
        it.feed.script.extend([misbehave] * 10_000)
        asked = len(it.feed.asked)
        assert await it.until(token, "revocations_unavailable") < 3
        assert len(it.feed.asked) - asked < 20
        it.feed.script.clear()
        await it.until(token, "ok:ada", 8)


async def test_a_new_key_is_fetched_and_followed() -> None:
    async with following() as it:
        phone = it.issuer.token("ada", sid="phone")
        await it.until(phone, "ok:ada")
        it.issuer.rotate("RS256")
        it.feed.revoke("sid", "phone")
        assert await it.until(phone, "revoked") < 2.5
        assert it.revocations.problem is None


async def test_a_retired_key_signs_no_feed() -> None:
    issuer = Issuer("https://issuer.example")
    feed = Feed(issuer)
    async with feed.serve() as url, issuer.serve() as jwks:
        reader = Reader(issuer, feed, url, jwks)
        await reader.revocations.read()
        old = issuer.signer
        issuer.rotate("EdDSA")
        issuer.remove(old.kid)
        await asyncio.sleep(1)  # keys are asked for once a second at most
        await reader.source.refresh()
        issuer.signer = old
        with pytest.raises(FeedFailed, match="kid is not in the key set"):
            await reader.revocations.read()


async def test_a_feed_that_does_not_wait_is_not_asked_without_pause() -> None:
    async with following() as it:
        await it.until(it.issuer.token("ada"), "ok:ada")

        async def at_once(query: dict[str, str], writer: asyncio.StreamWriter) -> None:
            writer.write(reply(it.feed.signed(query)))
            await writer.drain()

        it.feed.script.extend([at_once] * 1000)
        asked = len(it.feed.asked)
        await asyncio.sleep(3)
        assert len(it.feed.asked) - asked <= 7


@pytest.mark.parametrize(
    "url", ["http://issuer.example/r", "ftp://issuer.example/r", "issuer.example", "", "https://", "http://10.0.0.1/r"]
)
def test_a_feed_over_plain_http_from_another_machine_is_refused(url: str) -> None:
    issuer = Issuer()
    verifier = TokenVerifier(frozenset({issuer.url}), frozenset({issuer.audience}), frozenset({"EdDSA"}))
    with pytest.raises(ValueError, match=r"URL|plain http"):
        FeedRevocations(url, JwksSource(issuer.jwks_url), verifier)
    if url.startswith("http://"):
        FeedRevocations(url, JwksSource(issuer.jwks_url), verifier, allow_http=True)


def test_a_failure_of_the_fetch_names_no_url() -> None:
    from tokenward.revocation.feed import _why

    assert _why(ValueError("https://feed:secret@host")) == "ValueError"
    assert _why(FetchFailed("status 500")) == "status 500"


async def test_a_machine_that_slept_believes_no_token_before_it_has_asked_again() -> None:
    """The monotonic clock stands still meanwhile; only the wall clock tells."""
    clock = FakeClock(time.time())
    issuer = Issuer("https://issuer.example", clock=clock.wall)
    feed = Feed(issuer)
    async with feed.serve() as url, issuer.serve() as jwks:
        reader = Reader(issuer, feed, url, jwks, clock=clock)
        reader.authenticator = Authenticator(
            reader.source, reader.verifier, revocations=reader.revocations, clock=clock
        )
        await reader.revocations.read()
        token = issuer.token("ada", sid="phone")
        assert await reader.outcome(token) == "ok:ada"
        clock.jump(60)
        assert reader.revocations.lag >= 60
        feed.revoke("sid", "phone")
        assert await reader.outcome(token) == "revoked", "the request had the feed asked"
        clock.jump(-3600)
        assert reader.revocations.lag < 1, "a clock set back is no reason to be out of step"
        await reader.authenticator.close()


async def test_an_issuer_that_comes_by_the_same_cursors_again_after_a_restore_is_followed() -> None:
    async with following() as it:
        await it.until(it.issuer.token("ada"), "ok:ada")
        for sid in ("one", "two", "three"):
            it.feed.revoke("sid", sid)
            await it.until(it.issuer.token("ada", sid=sid), "revoked")
        it.feed.events.clear()
        it.feed.wake()
        await it.until_asked(len(it.feed.asked) + 3)
        for sid in ("four", "five", "six"):  # the cursors 1, 2 and 3 once more
            it.feed.revoke("sid", sid)
            assert await it.until(it.issuer.token("ada", sid=sid), "revoked") < 1
            assert it.revocations.problem is None
        assert await it.outcome(it.issuer.token("ada", sid="one")) == "revoked"


async def test_a_url_that_has_a_query_keeps_it() -> None:
    issuer = Issuer("https://issuer.example")
    feed = Feed(issuer)
    async with feed.serve() as url, issuer.serve() as jwks:
        await Reader(issuer, feed, f"{url}?tenant=a%26b", jwks).revocations.read()
    assert feed.asked[0]["tenant"] == "a&b"
