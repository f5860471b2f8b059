"""The authenticator: headers, counts, events and error texts."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Any

import httpx
import pytest

from tokenward import (
    Authenticator,
    AuthError,
    AuthEvents,
    FailureThrottle,
    InvalidToken,
    JwksSource,
    KeysUnavailable,
    MalformedRequest,
    MissingToken,
    Reason,
    TokenCache,
    TokenVerifier,
    TooManyFailures,
)
from tokenward.authenticator import bearer_token
from tokenward.errors import PHRASES
from tokenward.events import safe_kid
from tokenward.testing.clock import START, FakeClock
from tokenward.testing.issuer import Answer, Issuer
from tokenward.testing.keys import ABSENT, SigningKey
from world import World, at_once, world

DATA = Path(__file__).parent / "data"


# Real tokens of Better Auth 1.7.7


@pytest.mark.parametrize("name", ["EdDSA", "RS256"])
async def test_a_real_token_of_better_auth_is_accepted_while_it_lasts(name: str) -> None:
    captured = json.loads((DATA / f"{name}.json").read_text())
    claims = captured["claims"]
    clock = FakeClock(claims["iat"])
    answer = httpx.Response(200, headers=captured["jwks_response_headers"], json=captured["jwks"])
    answer.headers.pop("connection")
    async with httpx.AsyncClient(transport=httpx.MockTransport(lambda _: answer)) as http:
        source = JwksSource(claims["iss"] + "/api/auth/jwks", http, clock=clock)
        verifier = TokenVerifier(frozenset({claims["iss"]}), frozenset({claims["aud"]}), frozenset({"EdDSA", "RS256"}))
        authenticator = Authenticator(source, verifier, clock=clock)
        header = [(b"authorization", b"Bearer " + captured["token"].encode())]
        for _ in range(2):
            identity = await authenticator.authenticate(header, "127.0.0.1")
            assert identity.subject == claims["sub"]
            assert identity.display_name == "Ada Lab"
            assert dict(identity.claims) == claims
        await clock.advance(15 * 60 + 31)
        with pytest.raises(InvalidToken) as refusal:
            await authenticator.authenticate(header, "127.0.0.1")
        assert refusal.value.reason is Reason.EXPIRED
        assert refusal.value.genuine
        await authenticator.close()


# The header


@pytest.mark.parametrize(
    "value",
    [b"Bearer abc", b"bearer abc", b"BEARER abc", b"bEaReR abc", b"Bearer  abc", b"  Bearer abc  ", b"Bearer abc\t"],
)
def test_the_scheme_is_case_insensitive_and_spaces_around_do_not_matter(value: bytes) -> None:
    assert bearer_token([(b"authorization", value)]) == "abc"


@pytest.mark.parametrize(
    "value",
    [b"", b" ", b"Bearer", b"Bearer ", b"Basic abc", b"abc", b"Bearerabc", b"Bearer,abc", b"Token abc", b"DPoP abc",
     b'Digest username="x"', b"Bearer\x00abc", b"\xff\xfe", b"Bear er abc", b'"Bearer" abc', b"Bearer:abc"],
)  # fmt: skip
def test_anything_but_bearer_credentials_is_no_credentials(value: bytes) -> None:
    with pytest.raises(MissingToken):
        bearer_token([(b"authorization", value)])
    with pytest.raises(MissingToken):
        bearer_token([])


@pytest.mark.parametrize("value", [b"Bearer a\xffb", "Bearer ålice".encode(), b"Bearer \x80"])
def test_a_token_that_is_not_ascii_is_refused(value: bytes) -> None:
    with pytest.raises(InvalidToken):
        bearer_token([(b"authorization", value)])


@pytest.mark.parametrize(
    "second",
    [b"Bearer abc", b"Basic abc", b"", b"Bearer other"],
    ids=["the same", "another scheme", "empty", "another"],
)
async def test_two_authorization_headers_are_a_malformed_request_even_when_one_of_them_is_good(second: bytes) -> None:
    async with world() as w:
        good = (b"authorization", b"Bearer " + w.issuer.token("alice").encode())
        for headers in ([good, (b"authorization", second)], [(b"authorization", second), good], [good, good]):
            with pytest.raises(MalformedRequest) as refusal:
                await w.authenticator.authenticate(headers, "192.0.2.1")
            assert refusal.value.status == 400
            assert 'error="invalid_request"' in refusal.value.headers["WWW-Authenticate"]


async def test_a_token_anywhere_but_in_the_authorization_header_is_no_token() -> None:
    async with world() as w:
        token = w.issuer.token("alice").encode()
        for name in (b"cookie", b"x-authorization", b"proxy-authorization", b"x-access-token", b"authentication"):
            with pytest.raises(MissingToken) as refusal:
                await w.authenticator.authenticate([(name, b"Bearer " + token)], "192.0.2.1")
            assert refusal.value.headers == {"WWW-Authenticate": "Bearer"}
        two = b"Bearer " + token + b", Bearer " + token
        with pytest.raises(InvalidToken):
            await w.authenticator.authenticate([(b"authorization", two)], "192.0.2.1")


async def test_a_9_kib_token_is_refused_without_a_look_at_anything_in_it() -> None:
    async with world() as w:
        with pytest.raises(InvalidToken) as refusal:
            w.at_once(w.issuer.token("alice", pad="x" * 7000, header={"kid": "made-up"}))
        assert refusal.value.reason is Reason.SHAPE
        assert w.issuer.fetches == 1


# Answers


def test_every_refusal_says_one_of_a_few_fixed_phrases_and_nothing_of_the_token() -> None:
    for reason in Reason:
        refusal = InvalidToken(reason, "a secret detail", kid="a-kid")
        challenge = refusal.headers["WWW-Authenticate"]
        assert refusal.status == 401
        assert refusal.code == "invalid_token"
        assert challenge == f'Bearer error="invalid_token", error_description="{refusal.phrase}"'
        assert refusal.phrase in {*PHRASES.values(), "The access token is invalid"}
        assert "secret" not in challenge
        assert "a-kid" not in challenge
        # RFC 6750 §3: neither quotes nor backslashes nor anything that is not printable ASCII.
        assert all(c == " " or ("!" <= c <= "~" and c not in '"\\') for c in refusal.phrase)
    assert InvalidToken(Reason.EXPIRED, "").phrase == "The access token expired"


def test_statuses_and_codes_are_those_of_the_contract() -> None:
    told = [
        (error.status, error.code)
        for error in (MissingToken(), MalformedRequest(), TooManyFailures(7), KeysUnavailable(3))
    ]
    assert told == [(401, "missing_token"), (400, "invalid_request"), (429, "too_many_failures"),
                    (503, "keys_unavailable")]  # fmt: skip
    assert TooManyFailures(7).headers == {"Retry-After": "7"}
    assert KeysUnavailable(3).headers == {"Retry-After": "3"}
    assert all(issubclass(kind, AuthError) for kind in (MissingToken, MalformedRequest, InvalidToken, TooManyFailures))


# What is put in is what is used


async def test_the_cache_the_throttle_and_the_events_that_are_handed_in_are_the_ones_used() -> None:
    cache, throttle, events = TokenCache(3), FailureThrottle("1/hour"), AuthEvents()
    issuer = Issuer(clock=lambda: START)
    async with httpx.AsyncClient(transport=issuer.transport()) as http:
        source = JwksSource(issuer.jwks_url, http)
        verifier = TokenVerifier(frozenset({issuer.url}), frozenset({issuer.audience}), frozenset({"EdDSA"}))
        authenticator = Authenticator(
            source, verifier, cache=cache, throttle=throttle, events=events, clock=FakeClock(START)
        )
        for n in range(5):
            header = [(b"authorization", f"Bearer {issuer.token(f'p{n}')}".encode())]
            await authenticator.authenticate(header, None)
        assert len(cache) == 3
        assert authenticator._throttle is throttle
        assert authenticator._events is events
        await authenticator.close()


# Time while waiting


async def test_a_token_that_expires_while_its_request_waits_for_a_key_is_refused() -> None:
    import asyncio

    async with world(leeway=0) as w:
        await w.clock.advance(10)
        gate = asyncio.Event()
        w.issuer.script.append(Answer(gate=gate))
        w.issuer.rotate()
        now = w.clock.wall()
        asking = asyncio.create_task(w.outcome(w.issuer.token("alice", exp=now + 2)))
        await w.clock.advance(3)
        gate.set()
        assert await asking == "expired"
        assert len(w.cache) == 0


# What is logged


CANARY = "canary-5f1e9c"


def parts(token: str) -> list[str]:
    return [segment[start : start + 12] for segment in token.split(".") for start in range(0, len(segment), 6)
            if len(segment[start : start + 12]) == 12]  # fmt: skip


async def test_no_log_line_ever_holds_any_part_of_a_token(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    async with world(limit="1000/minute") as w:
        mallory = SigningKey.new("EdDSA", w.issuer.signer.kid)
        now = int(w.clock.wall())
        tokens = [
            w.issuer.token("alice"),
            w.issuer.token(CANARY, key=mallory),
            w.issuer.token(CANARY, aud=CANARY),
            w.issuer.token(CANARY, iss=CANARY),
            w.issuer.token(CANARY + "\n"),
            w.issuer.token("alice", exp=CANARY),
            w.issuer.token("alice", exp=now - 3600, iat=now - 7200),
            w.issuer.token("alice", header={"alg": CANARY}),
            w.issuer.token("alice", header={"typ": CANARY}),
            w.issuer.token("alice", header={"crit": [CANARY]}),
            w.issuer.token("alice", cnf={"jkt": CANARY}),
            w.issuer.sign_raw(w.issuer.header(), f'{{"{CANARY}": NaN}}'.encode()),
            w.issuer.sign_raw(w.issuer.header(), f'{{"{CANARY}": "\\q"}}'.encode()),
            w.issuer.sign_raw(w.issuer.header(), CANARY.encode() + b"\xff"),
            w.issuer.token("alice") + CANARY,
            CANARY,
            f"{CANARY}.{CANARY}.{CANARY}",
            CANARY + "é",
        ]
        for token in tokens:
            await w.outcome(token)
        assert w.events.counts["refused"] == len(tokens) - 1
        text = "\n".join(record.getMessage() + str(record.args) + str(record.exc_info) for record in caplog.records)
        assert len(caplog.records) >= len(tokens) - 1
        assert CANARY not in text
        for token in tokens:
            for part in parts(token):
                assert part not in text


async def test_each_refusal_is_reported_with_reason_client_ip_and_kid(caplog: pytest.LogCaptureFixture) -> None:
    async with world() as w:
        caplog.clear()
        await w.outcome(w.issuer.token("alice", aud="x"), "198.51.100.7")
        refusal, address, throttled = w.events.refusals[-1]
        assert (refusal.reason, refusal.kid, address, throttled) == (
            Reason.AUDIENCE,
            w.issuer.signer.kid,
            "198.51.100.7",
            False,
        )
        assert "audience" in caplog.text
        assert "198.51.100.7" in caplog.text
        assert w.issuer.signer.kid in caplog.text


@pytest.mark.parametrize(
    ("kid", "shown"),
    [
        (None, None),
        ("abc", "abc"),
        ("a\nb\rc\x1b[31m", "a?b?c?[31m"),
        ("a b", "a?b"),
        ("ключ", "????"),
        ("\ud800", "?"),
        ("x" * 300, "x" * 64),
    ],
)
def test_a_kid_in_the_log_is_short_printable_ascii(kid: str | None, shown: str | None) -> None:
    assert safe_kid(kid) == shown


async def test_outcomes_have_different_labels() -> None:
    async with world() as w:
        token = w.issuer.token("alice")
        w.at_once(token)
        w.at_once(token)
        with pytest.raises(MissingToken):
            at_once(w.authenticator.authenticate([], None))
        await w.outcome("a.b.c")
        w.issuer.always = Answer(status=500)
        await w.clock.advance(5000)
        await w.outcome(w.issuer.token("alice"))
        assert w.events.counts == {"verified": 1, "cached": 1, "missing": 1, "refused": 1, "unavailable": 1}


async def test_an_unknown_client_ip_is_not_counted() -> None:
    async with world(limit="1/hour") as w:
        for _ in range(5):
            assert await w.outcome("a.b.c", None) in ("shape", "header")


@pytest.mark.parametrize("sub", [ABSENT, "alice"])
async def test_the_authenticator_never_accepts_what_the_verifier_refuses(sub: Any) -> None:
    async with world() as w:
        assert await w.outcome(w.issuer.token(sub)) == ("ok:alice" if sub == "alice" else "subject")


def test_a_world_begins_where_it_says() -> None:
    assert World().clock.wall() == START
