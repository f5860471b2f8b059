"""Forged, replayed and rolled back revocations."""

from __future__ import annotations

import asyncio
import hmac
import json
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest
from asgi_lifespan import LifespanManager

from taskward.app import create_app
from tests.support.application import settings_for
from tokenward.revocation.feed import MAX_BYTES
from tokenward.testing import ABSENT, Feed, Issuer, SigningKey
from tokenward.testing.feed import reply
from tokenward.testing.keys import compact

VICTIM = {"kind": "sid", "value": "victim", "not_before": 1, "expires_at": 9e12}
EVERYBODY = [VICTIM, {**VICTIM, "kind": "sub", "not_before": 9e12}]
Attack = Callable[["World"], None]
ATTACKS: dict[str, Attack] = {}


def attack(name: str) -> Callable[[Attack], Attack]:
    def register(made: Attack) -> Attack:
        ATTACKS[name] = made
        return made

    return register


class World:
    """A service that follows a feed which an attacker has got hold of: everything but the issuer's private key."""

    def __init__(self, issuer: Issuer, feed: Feed, client: httpx.AsyncClient) -> None:
        self.issuer, self.feed, self.client = issuer, feed, client
        self.seen: list[str] = []
        self.before = ""
        """A genuine answer from the start, when nothing was revoked."""

    async def status(self, sub: str, **claims: Any) -> int:
        headers = {"authorization": f"Bearer {self.issuer.token(sub, **claims)}"}
        return (await self.client.get("/api/me/tasks/counts", headers=headers)).status_code

    async def until(self, wanted: int, sub: str, seconds: float = 12, **claims: Any) -> float:
        started = time.monotonic()
        while await self.status(sub, **claims) != wanted:
            assert time.monotonic() - started < seconds, f"never {wanted}"
            await asyncio.sleep(0.02)
        return time.monotonic() - started

    def answers(self, make: Callable[[dict[str, str]], str | bytes]) -> None:
        """Every answer from now on is made from its question."""

        async def answer(query: dict[str, str], writer: asyncio.StreamWriter) -> None:
            made = make(query)
            writer.write(reply(made) if isinstance(made, str) else made)
            await writer.drain()

        self.feed.script.extend([answer] * 10_000)
        self.feed.wake()

    def forged(
        self, key: SigningKey | None = None, header: Any = None, **claims: Any
    ) -> Callable[[dict[str, str]], str]:
        def make(query: dict[str, str]) -> str:
            payload = {**self.feed.document(query), "complete": True, "events": EVERYBODY, **claims}
            signed = {**self.issuer.header(), "typ": "revocations+jwt", **(header or {})}
            return compact(
                {k: v for k, v in signed.items() if v is not ABSENT},
                {k: v for k, v in payload.items() if v is not ABSENT},
                (key or self.issuer.signer).sign,
            )

        return make


@attack("signed by a stranger under the issuer's kid")
def _(it: World) -> None:
    it.answers(it.forged(SigningKey.new(kid=it.issuer.signer.kid)))


@attack("signed by a stranger under a kid of their own")
def _(it: World) -> None:
    stranger = SigningKey.new()
    it.answers(it.forged(stranger, {"kid": stranger.kid}))


@attack("unsigned")
def _(it: World) -> None:
    it.answers(lambda query: it.forged(header={"alg": "none"})(query).rpartition(".")[0] + ".")


@attack("alg none over a genuine signature")
def _(it: World) -> None:
    it.answers(it.forged(header={"alg": "none"}))


@attack("HS256 with the public key as secret")
def _(it: World) -> None:
    secret = json.dumps(it.issuer.signer.jwk()).encode()

    def make(query: dict[str, str]) -> str:
        header = {**it.issuer.header(), "alg": "HS256", "typ": "revocations+jwt"}
        payload = {**it.feed.document(query), "complete": True, "events": EVERYBODY}
        return compact(header, payload, lambda data: hmac.digest(secret, data, "sha256"))

    it.answers(make)


@attack("a genuine access token with events in it")
def _(it: World) -> None:
    it.answers(it.forged(header={"typ": "JWT"}))


@attack("a genuine logout token")
def _(it: World) -> None:
    it.answers(it.forged(header={"typ": "logout+jwt"}))


@attack("a genuine answer for another audience")
def _(it: World) -> None:
    it.answers(it.forged(aud="other-revocations"))


@attack("an answer of another issuer")
def _(it: World) -> None:
    it.answers(it.forged(iss="https://other.example"))


@attack("a genuine answer, one letter changed")
def _(it: World) -> None:
    def make(query: dict[str, str]) -> str:
        head, body, signature = it.forged()(query).split(".")
        return f"{head}.{body}.{'A' if signature[0] != 'A' else 'B'}{signature[1:]}"

    it.answers(make)


@attack("a genuine answer to another reader")
def _(it: World) -> None:
    it.answers(it.forged(events=[], nonce="another-readers"))


@attack("a genuine answer without the nonce")
def _(it: World) -> None:
    it.answers(it.forged(events=[], nonce=ABSENT))


@attack("replayed: an answer from before the revocation")
def _(it: World) -> None:
    it.answers(lambda _: it.before)


@attack("rolled back: the whole list without the revocation")
def _(it: World) -> None:
    it.answers(it.forged(events=[], next="0"))


@attack("rolled back: an earlier cursor and nothing new")
def _(it: World) -> None:
    it.answers(it.forged(events=[], complete=False, next="0"))


@attack("taken back: the same revocation, expired")
def _(it: World) -> None:
    gone = {"id": "1", "kind": "sid", "value": "gone", "not_before": 0, "expires_at": int(time.time()) - 5}
    it.answers(it.forged(events=[gone]))


@attack("taken back: the same revocation, expiring in a second")
def _(it: World) -> None:
    gone = {"id": "1", "kind": "sid", "value": "gone", "not_before": 0, "expires_at": int(time.time()) + 1}
    it.answers(it.forged(events=[gone]))


@attack("events about another issuer's people")
def _(it: World) -> None:
    it.answers(it.forged(iss=ABSENT, events=[{**VICTIM, "iss": "https://other.example"}]))


@attack("unknown kinds")
def _(it: World) -> None:
    it.answers(it.forged(events=[{**VICTIM, "kind": kind} for kind in ("SID", "sid ", "all", "*", "jti", "")]))


@attack("a flood: more bytes than are read")
def _(it: World) -> None:
    body = b"x" * (MAX_BYTES + 1)
    it.answers(lambda _: b"HTTP/1.1 200 -\r\ncontent-length: %d\r\n\r\n%b" % (len(body), body))


@attack("a flood: events of a megabyte")
def _(it: World) -> None:
    it.answers(it.forged(events=[{**VICTIM, "value": "victim" * 200_000}]))


@attack("sent elsewhere")
def _(it: World) -> None:
    it.answers(lambda _: b"HTTP/1.1 307 -\r\nlocation: http://127.0.0.1:9/\r\ncontent-length: 0\r\n\r\n")


@attack("told to wait for a year")
def _(it: World) -> None:
    it.answers(lambda _: b"HTTP/1.1 429 -\r\nretry-after: 31536000\r\ncontent-length: 0\r\n\r\n")


@attack("silence")
def _(it: World) -> None:
    async def nothing(_query: dict[str, str], _writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(60)

    it.feed.script.extend([nothing] * 100)


@asynccontextmanager
async def world(issuer: Issuer, database_url: str) -> AsyncIterator[World]:
    feed = Feed(issuer)
    async with feed.serve() as url, httpx.AsyncClient(transport=issuer.transport()) as http:
        settings = settings_for(issuer, database_url, revocations=url, revocations_max_lag=1, auth_failures="0")
        app = create_app(settings, http=http)
        async with LifespanManager(app, startup_timeout=60, shutdown_timeout=60) as manager:
            transport = httpx.ASGITransport(manager.app, raise_app_exceptions=False)
            async with httpx.AsyncClient(transport=transport, base_url="http://taskward.test") as client:
                yield World(issuer, feed, client)


QUICK = {
    "signed by a stranger under the issuer's kid",
    "a genuine access token with events in it",
    "an answer of another issuer",
    "replayed: an answer from before the revocation",
    "rolled back: the whole list without the revocation",
    "rolled back: an earlier cursor and nothing new",
    "a flood: more bytes than are read",
}
"""Run by make test; make torture runs all."""


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=[] if name in QUICK else pytest.mark.torture) for name in ATTACKS]
)
async def test_a_hostile_feed_neither_revokes_tokens_nor_restores_them(
    name: str, issuer: Issuer, database_url: str, reliability: Callable[..., None]
) -> None:
    async with world(issuer, database_url) as it:
        await it.until(200, "victim", sid="victim")
        it.before = it.feed.signed({"nonce": it.feed.asked[-1]["nonce"]})
        it.feed.revoke("sid", "gone")
        await it.until(401, "eve", sid="gone")
        ATTACKS[name](it)
        ends = time.monotonic() + 2.2  # longer than the bound on the lag
        asked = victims = returned = 0
        while time.monotonic() < ends:
            asked += 2
            victims += await it.status("victim", sid="victim") == 401
            returned += await it.status("eve", sid="gone") < 400
            await asyncio.sleep(0.05)
        it.feed.script.clear()
        recovery = await it.until(200, "victim", sid="victim")
        reliability(name, requests=asked, signed_out=victims, back_in=returned, recovery_s=recovery)
        assert (victims, returned) == (0, 0)
        assert await it.status("eve", sid="gone") == 401
        it.feed.revoke("sid", "next")
        assert await it.until(401, "bob", sid="next") < 1.5, "and the feed is followed again"


async def test_an_event_from_the_future_revokes_existing_tokens_and_later_ones_are_accepted(
    issuer: Issuer, database_url: str
) -> None:
    async with world(issuer, database_url) as it:
        await it.until(200, "ada")
        it.feed.revoke("sub", "ada", not_before=int(time.time()) + 31_536_000, expires_at=9e12)
        await it.until(401, "ada")
        assert await it.status("ada", iat=int(time.time()) + 3) == 200
